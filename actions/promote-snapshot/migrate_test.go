package promotesnapshot

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/fault"
	"github.com/org/shipkit/internal/localaws/seed"
	"github.com/org/shipkit/pkg/namespace"
)

// The schema and the rows of a greetings database, in one text.
const content = `SELECT string_agg(line, ', ' ORDER BY line) FROM (
	SELECT 'column ' || column_name FROM information_schema.columns WHERE table_name = 'greetings'
	UNION ALL SELECT words FROM greetings) all_of(line)`

// migration makes a task definition that runs SQL against the database that it
// is told of, with the network, roles and log of the service.
func (s *shop) migration(t *testing.T, family, script string) {
	t.Helper()
	out, err := s.ECS.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: new(staging.String() + "-" + seed.Service)})
	if err != nil {
		t.Fatal(err)
	}
	of := out.TaskDefinition
	container := of.ContainerDefinitions[0]
	container.Name, container.PortMappings, container.Secrets = new("migrate"), nil, nil
	container.Environment = []ecstypes.KeyValuePair{{Name: new("MIGRATE"), Value: &script}}
	if _, err := s.ECS.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
		Family: &family, ContainerDefinitions: []ecstypes.ContainerDefinition{container}, NetworkMode: of.NetworkMode,
		ExecutionRoleArn: of.ExecutionRoleArn, RequiresCompatibilities: of.RequiresCompatibilities, Cpu: of.Cpu, Memory: of.Memory,
		RuntimePlatform: of.RuntimePlatform,
	}); err != nil {
		t.Fatal(err)
	}
}

// ask runs SQL in a version's database.
func (s *shop) ask(t *testing.T, version, statement string) (answer string) {
	t.Helper()
	id := staging.Database(namespace.Timestamp(version))
	out, err := s.RDS.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
	if err != nil {
		t.Fatal(err)
	}
	at := out.DBInstances[0].Endpoint
	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://shipkit:not-a-secret@%s:%d/shipkit", *at.Address, *at.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // the test ends
	if err := conn.QueryRow(t.Context(), statement).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// things are all that a promotion makes and a failed one must take back.
func (s *shop) things(t *testing.T) (names []string) {
	t.Helper()
	databases, err := s.RDS.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, db := range databases.DBInstances {
		names = append(names, *db.DBInstanceIdentifier+" is "+*db.DBInstanceStatus)
	}
	snapshots, err := s.RDS.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{SnapshotType: new("manual")})
	if err != nil {
		t.Fatal(err)
	}
	for _, snapshot := range snapshots.DBSnapshots {
		names = append(names, *snapshot.DBSnapshotIdentifier)
	}
	services, err := s.ECS.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: new(staging.String()), Services: []string{seed.Service}})
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := s.ECS.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: new(staging.String())})
	if err != nil {
		t.Fatal(err)
	}
	return append(names, "service runs "+*services.Services[0].TaskDefinition, fmt.Sprint(len(tasks.TaskArns), " tasks"), "active is "+s.active(t))
}

// calls are those of an operation that the action made.
func (s *shop) calls(operation string) (found []fault.Call) {
	for _, call := range s.Calls() {
		if call.Operation == operation && call.AccessKeyID == s.key {
			found = append(found, call)
		}
	}
	return found
}

// A migration changes the new database before it gets any traffic. One that
// fails changes nothing: the old database has its schema and its rows, and it
// served all the time.
func TestMigration(t *testing.T) {
	s := openShop(t, localaws.Options{Factor: 300, Engine: localaws.Process})
	const three, four = "Ẹ káàbọ̀, Sannu da zuwa, Nnọọ", "Ẹ káàbọ̀, Sannu da zuwa, Nnọọ, Welcome"
	const change = "ALTER TABLE greetings ADD COLUMN language text; INSERT INTO greetings VALUES (4, 'Welcome', 'en'); "
	s.migration(t, "migrate", change)
	s.migration(t, "breaks", change+"DELETE FROM greetings WHERE id < 4; SELECT migrate_the_rest()")
	first := s.step(t, nil)

	before, old := s.things(t), s.ask(t, first.Outputs["timestamp"], content)
	stop := s.read()
	failed := s.run(t.Context(), t, map[string]string{"migrate-task": "breaks"})
	for _, a := range stop() {
		if a.err != nil || a.rows != three {
			t.Errorf("while a migration failed the reader saw %q, %v", a.rows, a.err)
		}
	}
	if failed.ExitCode != 1 || failed.Outputs["phase"] != "undone" || failed.Outputs["timestamp"] != first.Outputs["timestamp"] {
		t.Errorf("a migration that fails: %+v", failed)
	}
	for _, word := range []string{
		"everything was taken back", "container migrate exits with code 1", "migrate: DELETE FROM greetings WHERE id < 4",
		"function migrate_the_rest() does not exist",
	} {
		if !strings.Contains(failed.Summary, word) {
			t.Errorf("the summary of a migration that fails does not say %q:\n%s", word, failed.Summary)
		}
	}
	if diff := cmp.Diff(before, s.things(t)); diff != "" {
		t.Errorf("a migration that fails leaves (-before +after):\n%s", diff)
	}
	if now := s.ask(t, first.Outputs["timestamp"], content); now != old {
		t.Errorf("a migration that fails leaves the old database with %q, not %q", now, old)
	}
	if orphans := s.run(t.Context(), t, map[string]string{"mode": "orphans"}); orphans.Outputs["orphans"] != "" {
		t.Errorf("a migration that fails leaves orphans: %s", orphans.Outputs["orphans"])
	}

	second := s.watched(t, "a migration", three, four, map[string]string{"migrate-task": "migrate"})
	if got := s.ask(t, second.Outputs["timestamp"], content); !strings.Contains(got, "column language") {
		t.Errorf("the new database has %q", got)
	}
	migrated, deployed := s.calls("RunTask"), s.calls("UpdateService")
	if len(migrated) != 1 || len(deployed) != 1 || migrated[0].At.After(deployed[0].At) {
		t.Errorf("migrated %v, deployed %v", migrated, deployed)
	}
	s.goesOn(t)
}

// goesOn kills the runner around a migration and runs it again at once, while
// the task may still go on: it is not begun a second time, which a migration
// need not bear.
func (s *shop) goesOn(t *testing.T) {
	t.Helper()
	s.migration(t, "slow", "SELECT pg_sleep(0.5); ALTER TABLE greetings ADD COLUMN language text")
	with := map[string]string{"migrate-task": "slow"}
	for _, death := range []fault.Rule{
		{Operation: "RunTask", Nth: 1, Effect: fault.DieAfter},
		{Operation: "DescribeTasks", Nth: 2, Effect: fault.Die},
	} {
		ctx, kill := context.WithCancel(t.Context())
		s.Faults.DieAt(s.key, 0, fault.Before, kill)
		remove := s.Faults.Add(death)
		killed := s.run(ctx, t, with)
		if remove(); killed.ExitCode == 0 || killed.Outputs["phase"] != "running" {
			t.Errorf("%v: %+v", death, killed)
		}
		s.Faults.Revive(s.key)
		got := s.step(t, with)
		if text := s.ask(t, got.Outputs["timestamp"], content); !strings.Contains(text, "column language") || s.active(t) != got.Outputs["timestamp"] {
			t.Errorf("%v: the new database has %q", death, text)
		}
		if orphans := s.run(t.Context(), t, map[string]string{"mode": "orphans"}); orphans.Outputs["orphans"] != "" {
			t.Errorf("%v: orphans %s", death, orphans.Outputs["orphans"])
		}
	}
}
