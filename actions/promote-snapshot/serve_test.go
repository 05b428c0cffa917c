package promotesnapshot

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/jackc/pgx/v5"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/seed"
	"github.com/org/shipkit/internal/policytest"
	"github.com/org/shipkit/pkg/action/actiontest"
	"github.com/org/shipkit/pkg/namespace"
)

// shop is dev with a database, and staging with a service of real containers
// behind a load balancer, which reads from PostgreSQL.
type shop struct {
	*localaws.Server
	demo seed.Demo
	key  string
	url  string   // answers with the rows
	seen []answer // by the last reader
}

func openShop(t *testing.T, options localaws.Options) *shop {
	t.Helper()
	server, err := localaws.Start(t.Context(), options)
	if err != nil {
		t.Fatalf("%v\nThis test needs a Docker engine and PostgreSQL: install docker.io and postgresql, and start dockerd.", err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &shop{Server: server}
	var env []string
	s.key, env = server.SessionEnv("action")
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
	if s.demo, err = seed.Run(t.Context(), server, "v1"); err != nil {
		t.Fatal(err)
	}
	user, secret := server.ECR.Credentials()
	ref := s.demo.Repository + ":rows"
	if _, err := image.Push(t.Context(), ref, image.Web{
		Files: map[string]string{"/web": compileRows(t)},
		Env:   map[string]string{"DATABASE_USER": "shipkit", "DATABASE_PASSWORD": "not-a-secret"},
	}, remote.WithAuth(&authn.Basic{Username: user, Password: secret})); err != nil {
		t.Fatal(err)
	}
	if s.url, err = seed.RunService(t.Context(), server, staging.String(), ref); err != nil {
		t.Fatal(err)
	}
	s.url += "/rows"
	return s
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

// execute changes the rows of dev.
func (s *shop) execute(t *testing.T, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), "postgres://shipkit:not-a-secret@"+s.demo.Database+"/shipkit")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // the test ends
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// run is one process of the same job.
func (s *shop) run(ctx context.Context, t *testing.T, with map[string]string) actiontest.Result {
	t.Helper()
	all := map[string]string{
		"namespace": staging.String(), "from": "dev", "data-authority": "source", "cluster": staging.String(), "services": seed.Service,
	}
	for name, value := range with {
		all[name] = value
	}
	return actiontest.Run(ctx, t, actiontest.Step{Spec: hastened(s.Clock, connect), With: all, Env: map[string]string{
		"GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "1", "GITHUB_JOB": "promote", "GITHUB_SERVER_URL": "https://github.com",
	}})
}

func (s *shop) step(t *testing.T, with map[string]string) actiontest.Result {
	t.Helper()
	got := s.run(t.Context(), t, with)
	if got.ExitCode != 0 || got.Outputs["phase"] != "done" {
		t.Fatalf("%v: %+v", with, got)
	}
	return got
}

// answer is one that the reader got.
type answer struct {
	asked, got time.Time // simulated
	rows       string
	err        error
}

// read asks without pause until stop, which returns all answers.
func (s *shop) read() (stop func() []answer) {
	ctx, cancel := context.WithCancel(context.Background())
	var answers []answer
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			time.Sleep(2 * time.Millisecond)
			a := answer{asked: s.Clock.Now()}
			a.rows, a.err = ask(ctx, s.url)
			a.got = s.Clock.Now()
			if ctx.Err() == nil {
				answers = append(answers, a)
			}
		}
	}()
	return func() []answer {
		cancel()
		<-done
		return answers
	}
}

func ask(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return strings.TrimSpace(string(body)), err
}

// switched holds what a reader sees of a change from old to new: no error, no
// answer that is neither, only old ones before the service is touched, only
// new ones after the action has ended.
func (s *shop) switched(t *testing.T, what string, answers []answer, old, fresh string, ended time.Time) {
	t.Helper()
	touched := time.Time{}
	if calls := s.calls("UpdateService"); len(calls) > 0 {
		touched = calls[0].At // another one is a retry
	}
	seen := map[string]int{}
	for _, a := range answers {
		switch {
		case a.err != nil:
			t.Errorf("%s: the reader saw %v", what, a.err)
		case a.rows != old && a.rows != fresh:
			t.Errorf("%s: the answer %q is neither the old nor the new", what, a.rows)
		case a.got.Before(touched) && a.rows != old:
			t.Errorf("%s: %q is answered before the switch", what, a.rows)
		case a.asked.After(ended) && a.rows != fresh:
			t.Errorf("%s: %q is answered after the end", what, a.rows)
		}
		seen[a.rows]++
	}
	if seen[old] == 0 || seen[fresh] == 0 || touched.IsZero() {
		t.Errorf("%s: the reader did not see it: %v", what, seen)
	}
	t.Logf("%s: %d answers, %d old, %d new", what, len(answers), seen[old], seen[fresh])
}

// watched runs a step under the eyes of a reader.
func (s *shop) watched(t *testing.T, what, old, fresh string, with map[string]string) actiontest.Result {
	t.Helper()
	s.Faults.Forget()
	stop := s.read()
	got := s.step(t, with)
	ended := s.Clock.Now()
	for range 20 { // some more, after the end
		if _, err := ask(t.Context(), s.url); err != nil {
			t.Error(err)
		}
	}
	s.seen = stop()
	s.switched(t, what, s.seen, old, fresh, ended)
	policytest.Covers(t, s.Calls(), s.key, "README.md", "../deploy-ecs/README.md")
	return got
}

// state is the status of a version's database.
func (s *shop) state(t *testing.T, version string) string {
	t.Helper()
	id := staging.Database(namespace.Timestamp(version))
	out, err := s.RDS.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
	if err != nil {
		t.Fatal(err)
	}
	return *out.DBInstances[0].DBInstanceStatus
}

func (s *shop) active(t *testing.T) string {
	t.Helper()
	out, err := s.SSM.GetParameter(t.Context(), &ssm.GetParameterInput{Name: new(staging.Active())})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Parameter.Value
}

// Rows of dev are served by staging once they are promoted, with everything
// real: containers, PostgreSQL, a load balancer, a reader that does not stop.
func TestRowsAreServedAfterPromotion(t *testing.T) {
	s := openShop(t, localaws.Options{Factor: 60, Engine: localaws.Docker})
	const three, four = "Ẹ káàbọ̀, Sannu da zuwa, Nnọọ", "Ẹ káàbọ̀, Sannu da zuwa, Nnọọ, Welcome"
	first := s.watched(t, "first promotion", "nowhere", three, nil)
	s.execute(t, "INSERT INTO greetings VALUES (4, 'Welcome')")
	second := s.watched(t, "second promotion", three, four, nil)
	if second.Outputs["previous-timestamp"] != first.Outputs["timestamp"] || s.active(t) != second.Outputs["timestamp"] {
		t.Errorf("the pointer has not moved: %v", second.Outputs)
	}
	if got := s.state(t, first.Outputs["timestamp"]); got != "stopped" {
		t.Errorf("the old database is %s", got)
	}
	undone := s.watched(t, "undo", four, three, map[string]string{"mode": "undo"})
	if undone.Outputs["timestamp"] != first.Outputs["timestamp"] || s.active(t) != first.Outputs["timestamp"] {
		t.Errorf("the pointer has not moved back: %v", undone.Outputs)
	}
	if got := s.state(t, second.Outputs["timestamp"]); got != "stopped" {
		t.Errorf("the newer database is %s", got)
	}
}
