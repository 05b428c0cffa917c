package promotesnapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/jackc/pgx/v5"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/policytest"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/action/actiontest"
)

const password = "correct-horse-battery"

// world is a local AWS with a database of dev that holds orders.
type world struct {
	*localaws.Server
	rds *rds.Client
	ssm *ssm.Client
}

func start(t *testing.T) *world {
	t.Helper()
	server, err := localaws.Start(t.Context(), localaws.Options{Factor: 300})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	key, env := server.SessionEnv("action")
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
	t.Cleanup(func() { policytest.Covers(t, server.Calls(), key, "README.md") })
	w := &world{Server: server, rds: rds.NewFromConfig(server.Config()), ssm: ssm.NewFromConfig(server.Config())}
	_, err = w.rds.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: new("dev-db"), DBInstanceClass: new("db.t4g.micro"), Engine: new("postgres"),
		MasterUsername: new("shop"), MasterUserPassword: new(password), AllocatedStorage: new(int32(20)), DBName: new("shop"),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.await(t, "dev-db", "available")
	w.query(t, "dev-db", "create table orders as select id, 'person' || id || '@example.com' as email from generate_series(1, 42) id")
	return w
}

func (w *world) await(t *testing.T, id, status string) {
	t.Helper()
	for range 300 {
		out, err := w.rds.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		if err != nil {
			t.Fatal(err)
		}
		if *out.DBInstances[0].DBInstanceStatus == status {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("database %s does not become %s", id, status)
}

// query runs SQL in a database and returns the first value.
func (w *world) query(t *testing.T, id, text string) string {
	t.Helper()
	return query(t, w.rds, id, text)
}

func query(t *testing.T, client rds.DescribeDBInstancesAPIClient, id, text string) string {
	t.Helper()
	out, err := client.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
	if err != nil {
		t.Fatal(err)
	}
	at := out.DBInstances[0].Endpoint
	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://shop:%s@%s:%d/shop?sslmode=disable", password, *at.Address, *at.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // the test ends
	rows, err := conn.Query(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		return ""
	}
	values, err := rows.Values()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(values[0])
}

// promote runs the action on the clock of local AWS.
func (w *world) promote(t *testing.T, with map[string]string) actiontest.Result {
	t.Helper()
	return w.by(t, hastened(w.Clock, connect), with)
}

func (w *world) by(t *testing.T, spec action.Spec, with map[string]string) actiontest.Result {
	t.Helper()
	all := map[string]string{"namespace": "xy-0146-staging", "source-database": "dev-db", "data-authority": "source"}
	for name, value := range with {
		all[name] = value
	}
	return actiontest.Run(t.Context(), t, actiontest.Step{Spec: spec, With: all})
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPromoteUndoRetire(t *testing.T) {
	w := start(t)
	plan := w.promote(t, map[string]string{"mode": "plan"})
	if plan.ExitCode != 0 || plan.Outputs["phase"] != "planned" || !strings.Contains(plan.Summary, "a new snapshot of `dev-db` (postgres") {
		t.Fatalf("plan: %+v", plan)
	}
	first := w.promote(t, map[string]string{
		"verify-sql":        write(t, "verify.sql", "-- rows\nselect count(*) = 42 from orders;\nselect exists (\n  select from orders where id = 7\n);\n"),
		"verify-command":    `test "$DATABASE_NAME" = shop && test -n "$DATABASE_HOST"`,
		"warm-up-sql":       write(t, "warm.sql", "select count(*) from orders; create table warm();"),
		"database-password": password,
	})
	if first.ExitCode != 0 || first.Outputs["phase"] != "done" || first.Outputs["endpoint"] == "" || first.Outputs["snapshot-arn"] == "" {
		t.Fatalf("first promotion: %+v", first)
	}
	if strings.Contains(first.Log+first.Summary, password) && !strings.Contains(first.Log, "::add-mask::"+password) {
		t.Error("the password is shown")
	}
	db := "xy-0146-staging-db-" + first.Outputs["timestamp"]
	if got := w.query(t, db, "select count(*) from orders"); got != "42" {
		t.Errorf("the new database has %s orders", got)
	}
	if got := w.query(t, db, "select to_regclass('warm')::text"); got != "warm" {
		t.Errorf("the database is not warmed up: %q", got)
	}

	w.query(t, "dev-db", "insert into orders values (43, 'new@example.com')")
	second := w.promote(t, map[string]string{
		"mask-sql": write(t, "mask.sql", "update orders set email = 'hidden'; create table masked();"), "database-password": password,
	})
	if second.ExitCode != 0 || second.Outputs["previous-timestamp"] != first.Outputs["timestamp"] {
		t.Fatalf("second promotion: %+v", second)
	}
	newer := "xy-0146-staging-db-" + second.Outputs["timestamp"]
	if got := w.query(t, newer, "select count(*) || ' ' || count(distinct email) from orders"); got != "43 1" {
		t.Errorf("the masked database has %s", got)
	}
	w.await(t, db, "stopped")

	undone := w.promote(t, map[string]string{"mode": "undo"})
	if undone.ExitCode != 0 || undone.Outputs["timestamp"] != first.Outputs["timestamp"] {
		t.Fatalf("undo: %+v", undone)
	}
	if got := w.query(t, db, "select count(*) from orders"); got != "42" {
		t.Errorf("after the undo there are %s orders", got)
	}
	status := w.promote(t, map[string]string{"mode": "status"})
	if status.ExitCode != 0 || !strings.Contains(status.Summary, "**active**") || !strings.Contains(status.Summary, "kept until") {
		t.Errorf("status: %+v", status)
	}

	name := "/xy-0146-staging/db/" + second.Outputs["timestamp"] + "/retire-after"
	if _, err := w.ssm.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: new("2020-01-01T00:00:00Z"), Overwrite: new(true)}); err != nil {
		t.Fatal(err)
	}
	if retired := w.promote(t, map[string]string{"mode": "retire"}); retired.ExitCode != 0 {
		t.Fatalf("retire: %+v", retired)
	}
	if _, err := w.rds.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &newer}); err == nil {
		t.Error("the retired database is still there")
	}
	if orphans := w.promote(t, map[string]string{"mode": "orphans"}); orphans.ExitCode != 0 || orphans.Outputs["orphans"] != "" {
		t.Errorf("orphans: %+v", orphans)
	}
}

func TestFailureChangesNothing(t *testing.T) {
	w := start(t)
	first := w.by(t, Spec, nil) // on the wall clock, as it is
	if first.ExitCode != 0 {
		t.Fatalf("first promotion: %+v", first)
	}
	failed := w.promote(t, map[string]string{
		"verify-sql": write(t, "verify.sql", "select count(*) = 1000000 from orders;"), "database-password": password,
	})
	if failed.ExitCode != 1 || failed.Outputs["phase"] != "undone" || failed.Outputs["timestamp"] != first.Outputs["timestamp"] ||
		!strings.Contains(failed.Log, "is not true: [f]") {
		t.Errorf("failed promotion: %+v", failed)
	}
	out, err := w.rds.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
	if err != nil || len(out.DBInstances) != 2 {
		t.Errorf("%d databases are left, %v", len(out.DBInstances), err)
	}
}

func TestBadInputs(t *testing.T) {
	got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: Spec, With: map[string]string{
		"namespace": "staging", "mode": "run", "services": "web", "bind": "HOST=address", "old-retention": "-1s",
	}})
	if got.ExitCode != 2 || !strings.Contains(got.Log, "old-retention") {
		t.Errorf("%+v", got)
	}
	got = actiontest.Run(t.Context(), t, actiontest.Step{Spec: Spec, With: map[string]string{
		"namespace": "staging", "services": "web", "bind": "HOST=address",
	}})
	for _, want := range []string{"input namespace", "one is needed", "data-authority", "input cluster", "input bind"} {
		if !strings.Contains(got.Log, want) {
			t.Errorf("the log lacks %q:\n%s", want, got.Log)
		}
	}
	if got.ExitCode == 0 {
		t.Error("bad inputs pass")
	}
}
