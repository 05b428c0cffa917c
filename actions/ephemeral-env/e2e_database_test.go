package ephemeralenv

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/jackc/pgx/v5"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/pkg/namespace"
)

var dev = namespace.Namespace{Customer: "xy", Project: "0146", Environment: "dev"}

// shop is a project whose service reads from PostgreSQL, and whose dev has a
// database.
type shop struct {
	*world
	rds *rds.Client
}

func openShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{world: startWith(t, localaws.Options{Factor: 60, Engine: localaws.Docker})}
	s.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	s.rds = rds.NewFromConfig(s.Config())
	user, secret := s.ECR.Credentials()
	s.images["rows"] = s.ECR.Host() + "/web:rows"
	if _, err := image.Push(t.Context(), s.images["rows"], image.Web{
		Files: map[string]string{"/web": compileRows(t)}, Env: map[string]string{"DATABASE_USER": "shop", "DATABASE_PASSWORD": "correct-horse-battery"},
	}, remote.WithAuth(&authn.Basic{Username: user, Password: secret})); err != nil {
		t.Fatal(err)
	}
	if _, err := s.rds.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: new("dev-db"), DBInstanceClass: new("db.t4g.micro"), Engine: new("postgres"), DBName: new("shop"),
		MasterUsername: new("shop"), MasterUserPassword: new("correct-horse-battery"), AllocatedStorage: new(int32(20)),
	}); err != nil {
		t.Fatal(err)
	}
	s.settles(t)
	s.sql(t, "CREATE TABLE greetings (id int PRIMARY KEY, words text)")
	s.sql(t, "INSERT INTO greetings VALUES (1, 'Ada Obi')")
	return s
}

// settles waits until dev's database takes orders again: a snapshot of it may
// be available before the database has left its backup.
func (s *shop) settles(t *testing.T) {
	t.Helper()
	waiter := rds.NewDBInstanceAvailableWaiter(s.rds, func(o *rds.DBInstanceAvailableWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, time.Second })
	if err := waiter.Wait(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: new("dev-db")}, 3*time.Minute); err != nil {
		t.Fatal(err)
	}
}

// compileRows is the program of testdata/apps/rows.
func compileRows(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "rows")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "../../testdata/apps/rows")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	program, err := os.ReadFile(out) //nolint:gosec // just made
	if err != nil {
		t.Fatal(err)
	}
	return string(program)
}

// sql changes the rows of dev.
func (s *shop) sql(t *testing.T, statement string) {
	t.Helper()
	out, err := s.rds.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: new("dev-db")})
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig("postgres://shop:correct-horse-battery@" + *out.DBInstances[0].Endpoint.Address + "/shop?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.Port = uint16(*out.DBInstances[0].Endpoint.Port) //nolint:gosec // a port
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // the test ends
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// snapshot takes one of dev with the rows that it has, and returns its ARN.
func (s *shop) snapshot(t *testing.T, id string, tags map[string]string) string {
	t.Helper()
	in := &rds.CreateDBSnapshotInput{DBInstanceIdentifier: new("dev-db"), DBSnapshotIdentifier: &id}
	for key, value := range tags {
		in.Tags = append(in.Tags, types.Tag{Key: new(key), Value: new(value)})
	}
	out, err := s.rds.CreateDBSnapshot(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	waiter := rds.NewDBSnapshotAvailableWaiter(s.rds, func(o *rds.DBSnapshotAvailableWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second, time.Second })
	if err := waiter.Wait(t.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &id}, 3*time.Minute); err != nil {
		t.Fatal(err)
	}
	s.settles(t)
	return *out.DBSnapshot.DBSnapshotArn
}

// promoted are the tags of what promote-snapshot makes of dev.
func promoted(ts namespace.Timestamp) map[string]string {
	return dev.Tags(ts, namespace.Origin{Operation: "promote-snapshot", Repository: repository})
}

// An environment serves the masked rows of dev, stands by itself, and ends by
// itself although GitHub is never heard of again.
func TestDatabaseOfDevInAnEnvironmentThatEndsByItself(t *testing.T) {
	s := openShop(t)
	s.sql(t, "UPDATE greetings SET words = 'masked: old'")
	s.snapshot(t, dev.Masked("20260101t000000z"), promoted("20260101t000000z"))
	s.sql(t, "UPDATE greetings SET words = 'masked: new'")
	s.snapshot(t, dev.Masked("20260102t000000z"), promoted("20260102t000000z"))
	s.sql(t, "UPDATE greetings SET words = 'Ada Obi'")
	raw := s.snapshot(t, dev.Snapshot("20260103t000000z"), promoted("20260103t000000z"))
	s.snapshot(t, dev.Masked("20260104t000000z"), nil) // of somebody who likes our names

	s.url += "/rows"
	with := map[string]string{"image": s.images["rows"], "url": s.url, "db-snapshot": "latest", "max-envs": "1", "hours": "mon-fri 08:00-18:00 Africa/Lagos"}
	began := time.Now()
	up := s.step(t, with)
	if up.ExitCode != 0 || up.Outputs["state"] != "ready" {
		t.Fatalf("up: %+v", up)
	}
	t.Logf("up with a database: %s", time.Since(began).Round(10*time.Millisecond))
	if got := get(t, s.url); got != "masked: new\n" {
		t.Errorf("the environment serves %q", got)
	}

	// What is newer concerns the next environment: this one keeps its rows.
	s.snapshot(t, dev.Masked("20260105t000000z"), promoted("20260105t000000z"))
	s.unchanged(t, with)

	s.github.Close() // for ever
	s.Clock.Advance(72 * time.Hour)
	s.vanishes(t)
	if code := status(t, s.url); code != http.StatusServiceUnavailable {
		t.Errorf("the environment answers %d after its end", code)
	}

	// Its slot goes to whoever needs it, although no reap has come by and its
	// record, of this machine's time, promises another three days.
	with["github-token"], with["pr"], with["name"], with["db-snapshot"] = "", "", "next", raw
	next := s.step(t, with)
	if next.ExitCode != 0 || next.Outputs["environment"] != "xy-0146-next" {
		t.Fatalf("the next environment: %+v", next)
	}
	if got := get(t, s.url); got != "Ada Obi\n" {
		t.Errorf("the next environment serves %q", got)
	}
	down := s.step(t, map[string]string{"command": "down", "pr": "", "name": "next", "github-token": ""})
	s.covers(t)
	if down.ExitCode != 0 {
		t.Errorf("down: %+v", down)
	}
	if left := s.there(t); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// unchanged is an up that has nothing to do, and writes nothing.
func (s *shop) unchanged(t *testing.T, with map[string]string) {
	t.Helper()
	s.Faults.Forget()
	began := time.Now()
	same := s.step(t, with)
	t.Logf("up without a change: %s", time.Since(began).Round(10*time.Millisecond))
	if same.ExitCode != 0 || same.Outputs["changed"] != "false" {
		t.Errorf("second up: %+v", same)
	}
	for _, call := range s.Calls() {
		if call.AccessKeyID == s.key && writes(call) {
			t.Errorf("second up calls %s %s", call.Operation, call.Resource)
		}
	}
}

// vanishes waits until nothing is left that costs anything: no stack, no
// database, no schedule.
func (s *shop) vanishes(t *testing.T) {
	t.Helper()
	var left []string
	for range 1200 {
		left = left[:0]
		for _, thing := range s.there(t) {
			if !strings.HasPrefix(thing, "parameter ") {
				left = append(left, thing)
			}
		}
		if len(left) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("left after its end: %q", left)
}

func status(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}
