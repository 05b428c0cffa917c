package promotesnapshot

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/internal/localaws/fault"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

var staging = namespace.Namespace{Customer: "xy", Project: "0146", Environment: "staging"}

// scene is what a promotion leaves, as seen from outside.
type scene struct {
	active    namespace.Timestamp
	serving   string            // the version that the service's revision refers to
	databases map[string]string // status by identifier
	snapshots []string
	stacks    []string
	revisions int // of the service's task definition
	journal   *saga.Operation
}

func (w *plane) look(t testing.TB) scene {
	t.Helper()
	ctx := t.Context()
	s := scene{databases: map[string]string{}}
	if out, err := w.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new(staging.Active())}); err == nil {
		s.active = namespace.Timestamp(*out.Parameter.Value)
	}
	databases, err := w.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range databases.DBInstances {
		s.databases[*d.DBInstanceIdentifier] = *d.DBInstanceStatus
	}
	snapshots, err := w.rds.DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{SnapshotType: new("manual")})
	if err != nil {
		t.Fatal(err)
	}
	for _, snapshot := range snapshots.DBSnapshots {
		s.snapshots = append(s.snapshots, *snapshot.DBSnapshotIdentifier)
	}
	stacks, err := w.CloudFormation.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, stack := range stacks.Stacks {
		s.stacks = append(s.stacks, *stack.StackName)
	}
	services, err := w.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: new("staging"), Services: []string{"web"}})
	if err != nil {
		t.Fatal(err)
	}
	definition, err := w.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: services.Services[0].TaskDefinition})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range definition.TaskDefinition.ContainerDefinitions[0].Secrets {
		if rest, ok := strings.CutPrefix(*secret.ValueFrom, staging.Parameter("db")+"/"); ok {
			s.serving, _, _ = strings.Cut(rest, "/")
		}
	}
	revisions, err := w.ecs.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{FamilyPrefix: new("web")})
	if err != nil {
		t.Fatal(err)
	}
	s.revisions = len(revisions.TaskDefinitionArns)
	if s.journal, err = (saga.Journal{Parameters: w.ssm, Path: staging.Parameter("db", "operation")}).Load(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

// point is one moment of death.
type point struct {
	call int
	when fault.Moment
}

func (p point) String() string { return fmt.Sprintf("killed %s call %d", p.when, p.call) }

// The crash test over the wire: for each AWS call of a whole promotion, the
// process is killed right before and right after it takes effect, and the same
// job runs again. For a call that changes nothing the two are one.
func TestCrashAtEveryCallOverTheWire(t *testing.T) {
	calls, done := make(chan int), make(chan struct{})
	end := sync.OnceFunc(func() { close(done) })
	var points atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			w := newPlane(t)
			if got := w.run(t.Context(), t, nil); got.ExitCode != 0 {
				t.Errorf("first promotion: %+v", got)
			}
			for call := range calls {
				last, died := w.crash(t, point{call, fault.After})
				if !died {
					end()
					continue
				}
				if points.Add(1); !reads(last) {
					w.crash(t, point{call, fault.Before})
					points.Add(1)
				}
			}
			w.tidy(t)
		})
	}
	feed(calls, done)
	close(calls)
	group.Wait()
	if t.Logf("all %d points converge", points.Load()); points.Load() < 70 {
		t.Errorf("only %d points", points.Load())
	}
}

// feed numbers the calls until a run has outlived one.
func feed(calls chan<- int, done <-chan struct{}) {
	for call := 1; ; call++ {
		select {
		case calls <- call:
		case <-done:
			return
		}
	}
}

// crash promotes, dies at a point and promotes again. It returns the call that
// it died at, and false if it outlived the point.
func (w *plane) crash(t *testing.T, p point) (last fault.Call, died bool) {
	w.Clock.Advance(time.Hour)
	w.Faults.Forget()
	before := w.look(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.Faults.DieAt(w.key, p.call, p.when, cancel)
	result := w.run(ctx, t, nil)
	died = w.Faults.Died(w.key)
	wrote := false
	for _, call := range w.Calls() {
		if call.AccessKeyID == w.key && !call.InProcess && last.Error != "dropped" {
			last = call // up to the first that was not answered
			wrote = wrote || !reads(call)
		}
	}
	w.Faults.Revive(w.key)
	left := w.look(t)
	w.holds(t, p, before, left)
	if died && !wrote {
		if diff := cmp.Diff(before, left, cmp.AllowUnexported(scene{})); diff != "" {
			t.Errorf("%s, before anything was written: %s", p, diff)
		}
		return last, died
	}
	promotions := 1
	if !died && result.ExitCode != 0 {
		t.Errorf("%s, which it outlived: %s", p, result.Log)
	}
	if died {
		if left.journal.Status == saga.Done && left.journal.Timestamp != before.journal.Timestamp {
			promotions++ // it died after its end: the second run is another promotion
		}
		w.Clock.Advance(time.Minute)
		if result = w.run(t.Context(), t, nil); result.ExitCode != 0 {
			t.Errorf("%s: the next run: %s", p, result.Log)
		}
	}
	w.converged(t, p, before, w.look(t), promotions)
	if w.promotions += promotions; w.promotions > 10 {
		w.tidy(t)
		w.promotions = 0
	}
	return last, died
}

// holds is what no death may break: the pointer and the service are at
// databases that are there, and the old one is.
func (w *plane) holds(t *testing.T, p point, before, left scene) {
	t.Helper()
	for what, id := range map[string]string{
		"pointed at": staging.Database(left.active), "served": staging.Database(namespace.Timestamp(left.serving)),
	} {
		if left.databases[id] != "available" && left.databases[id] != "backing-up" {
			t.Errorf("%s: the database %s, %s, is %q", p, what, id, left.databases[id])
		}
	}
	if old := staging.Database(before.active); left.databases[old] == "" {
		t.Errorf("%s: the old database %s is gone", p, old)
	}
}

// converged is the one end: the new database serves and is pointed at, the old
// one is stopped and saved, and all exists once.
func (w *plane) converged(t *testing.T, p any, before, after scene, promotions int) {
	t.Helper()
	if string(after.active) != after.serving || !before.active.Before(after.active) || after.databases[staging.Database(after.active)] != "available" {
		t.Errorf("%s: pointer %s (before %s), service %s, databases %v", p, after.active, before.active, after.serving, after.databases)
	}
	if status := after.databases[staging.Database(before.active)]; status != "stopped" {
		t.Errorf("%s: the old database is %q", p, status)
	}
	if !strings.Contains(strings.Join(after.snapshots, " "), staging.Final(before.active)) {
		t.Errorf("%s: the old database was not saved: %v", p, after.snapshots)
	}
	for what, more := range map[string]int{
		"databases": len(after.databases) - len(before.databases), "stacks": len(after.stacks) - len(before.stacks),
		"snapshots": (len(after.snapshots) - len(before.snapshots)) / 2, "revisions": after.revisions - before.revisions,
	} {
		if more != promotions {
			t.Errorf("%s: %d more %s, want %d", p, more, what, promotions)
		}
	}
	if orphans := w.run(t.Context(), t, map[string]string{"mode": "orphans"}); orphans.ExitCode != 0 || orphans.Outputs["orphans"] != "" {
		t.Errorf("%s: orphans %q\n%s", p, orphans.Outputs["orphans"], orphans.Log)
	}
}

// tidy retires what is kept, and removes the snapshots: RDS allows a hundred.
func (w *plane) tidy(t *testing.T) {
	t.Helper()
	w.Clock.Advance(200 * time.Hour)
	if got := w.run(t.Context(), t, map[string]string{"mode": "retire"}); got.ExitCode != 0 {
		t.Errorf("retire: %s", got.Log)
	}
	left := w.look(t)
	if len(left.databases) != 2 || len(left.stacks) != 1 {
		t.Errorf("after retiring there are %v", left.databases)
	}
	for _, id := range left.snapshots {
		if _, err := w.rds.DeleteDBSnapshot(t.Context(), &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: &id}); err != nil {
			t.Error(err)
		}
	}
}
