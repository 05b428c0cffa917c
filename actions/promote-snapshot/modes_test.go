package promotesnapshot

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/pkg/action/actiontest"
)

// ends runs a mode and expects its exit code, its phase and words in its log or
// summary.
func (w *plane) ends(t *testing.T, with map[string]string, exit int, phase string, words ...string) actiontest.Result {
	t.Helper()
	got := w.run(t.Context(), t, with)
	if got.ExitCode != exit || got.Outputs["phase"] != phase {
		t.Errorf("%v ends with %d, phase %q, want %d, %q:\n%s", with, got.ExitCode, got.Outputs["phase"], exit, phase, got.Log)
	}
	for _, word := range words {
		if !strings.Contains(got.Log+got.Summary, word) {
			t.Errorf("%v does not say %q:\n%s\n%s", with, word, got.Log, got.Summary)
		}
	}
	return got
}

// until resumes in one process after the other until something is so.
func (w *plane) until(t *testing.T, reached func(scene) bool) {
	t.Helper()
	for range 50 {
		if reached(w.look(t)) {
			return
		}
		w.Clock.Advance(5 * time.Minute)
		w.run(t.Context(), t, map[string]string{"mode": "resume", "detach": "true"})
	}
	t.Fatal("never")
}

func done(s scene) bool { return s.journal.Status.Ended() }

var (
	plain    = map[string]string{}
	detached = map[string]string{"detach": "true"}
)

func mode(name string) map[string]string { return map[string]string{"mode": name} }

// A promotion that no process waits for: each begins the next step and ends.
func TestDetachAndResume(t *testing.T) {
	w := newPlane(t)
	w.ends(t, plain, 0, "done")
	w.Clock.Advance(time.Hour)
	w.ends(t, plain, 0, "done")
	before := w.look(t)
	w.Clock.Advance(time.Hour)
	w.ends(t, detached, 0, "detached", "take snapshot goes on by itself", "mode: resume")
	w.ends(t, mode("plan"), 0, "planned", "will be finished first: promote-snapshot of", `detached at step "take snapshot"`)
	w.ends(t, mode("status"), 0, "detached", "take snapshot")
	w.ends(t, mode("orphans"), 0, "", "no orphans")
	w.ends(t, mode("undo"), 1, "", "finish or abort it first")
	w.until(t, done)
	w.converged(t, "detached", before, w.look(t), 1)
	w.ends(t, mode("resume"), 0, "", "there is no operation under way")
}

// Abort takes back what is under way, wherever that is, until the pointer moves.
func TestAbort(t *testing.T) {
	w := newPlane(t)
	w.ends(t, plain, 0, "done")
	for name, reached := range map[string]func(scene) bool{
		"the snapshot": func(s scene) bool { return len(s.snapshots) == 2 },
		"the database": func(s scene) bool { return len(s.databases) == 3 },
	} {
		before := w.look(t)
		w.ends(t, detached, 0, "detached")
		w.until(t, reached)
		w.ends(t, mode("abort"), 0, "undone", "everything was taken back")
		after := w.look(t)
		if len(after.databases) != 2 || len(after.snapshots) != len(before.snapshots) || len(after.stacks) != 1 ||
			after.active != before.active || after.serving != before.serving {
			t.Errorf("abort at %s leaves %+v", name, after)
		}
		w.Clock.Advance(time.Hour)
	}
	before := w.look(t)
	w.ends(t, detached, 0, "detached")
	w.until(t, func(s scene) bool { return s.active != before.active })
	w.ends(t, mode("abort"), 1, "detached", "is the point of no return")
	w.until(t, done)
	w.converged(t, "abort too late", before, w.look(t), 1)
}

func TestUndoAndRetireByTheClock(t *testing.T) {
	w := newPlane(t)
	w.ends(t, mode("undo"), 1, "", "has no promoted database")
	w.ends(t, mode("plan"), 0, "planned", "| replaced | nothing: this is the first promotion |", "| time | about 20m00s, guessed", "| cost | about $")
	first := w.ends(t, plain, 0, "done")
	old := "`xy-0146-staging-db-" + first.Outputs["timestamp"] + "`"
	w.ends(t, mode("plan"), 0, "planned", "| created | database and stack `xy-0146-staging-db-", "| kept | "+old+", stopped, with a final snapshot, for an undo within 168h00m |", ", as the last time |")
	w.ends(t, map[string]string{"mode": "plan", "old-retention": "0s"}, 0, "planned", "| deleted | "+old+", at once; its final snapshot is kept |")
	w.ends(t, mode("undo"), 1, "", "nothing was active before")
	w.Clock.Advance(time.Hour)
	second := w.ends(t, plain, 0, "done", "To go back within 168h", "previous endpoint",
		"--mode undo --namespace xy-0146-staging --cluster staging --services web")
	w.Clock.Advance(time.Hour)
	for _, dry := range []string{"undo", "retire", "abort", "resume"} {
		before := w.look(t)
		w.ends(t, map[string]string{"mode": dry, "dry-run": "true"}, 0, "done", second.Outputs["timestamp"]+"` | available | **active**")
		if diff := cmp.Diff(before, w.look(t), cmp.AllowUnexported(scene{})); diff != "" {
			t.Errorf("a dry run of %s changes: %s", dry, diff)
		}
	}
	undone := w.ends(t, mode("undo"), 0, "done")
	if undone.Outputs["timestamp"] != first.Outputs["timestamp"] || w.look(t).serving != first.Outputs["timestamp"] {
		t.Errorf("undo leads to %v", undone.Outputs)
	}
	w.ends(t, mode("status"), 0, "done", second.Outputs["timestamp"]+"` | stopped | kept until")
	w.ends(t, mode("retire"), 0, "", "there is nothing to retire")
	if n := len(w.look(t).databases); n != 3 {
		t.Errorf("within the retention %d databases are left", n)
	}
	w.Clock.Advance(169 * time.Hour)
	w.ends(t, mode("retire"), 0, "done")
	if n := len(w.look(t).databases); n != 2 {
		t.Errorf("after the retention %d databases are left", n)
	}
}

// What somebody leaves, deletes or edits by hand stops a promotion with a clear
// word, and nothing is lost.
func TestOtherHands(t *testing.T) {
	w := newPlane(t)
	w.ends(t, plain, 0, "done")
	before := w.look(t)
	under := func(reached func(scene) bool) scene {
		w.Clock.Advance(time.Hour)
		w.ends(t, detached, 0, "detached")
		w.until(t, reached)
		return w.look(t)
	}
	same := func(what string) {
		t.Helper()
		w.ends(t, mode("orphans"), 0, "", "no orphans")
		if after := w.look(t); after.active != before.active || after.serving != before.serving || len(after.databases) != 2 {
			t.Errorf("%s: %+v", what, after)
		}
	}

	s := under(func(s scene) bool { return len(s.snapshots) == 2 })
	for _, id := range s.snapshots {
		if strings.HasSuffix(id, string(s.journal.Timestamp)) {
			w.delete(t, id)
		}
	}
	w.ends(t, mode("resume"), 0, "done") // it takes the snapshot again
	before = w.look(t)
	w.tidy(t)

	s = under(func(s scene) bool { return len(s.databases) == 3 })
	if _, err := w.CloudFormation.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: new(staging.Database(s.journal.Timestamp))}); err != nil {
		t.Fatal(err)
	}
	w.ends(t, mode("resume"), 1, "undone", "everything was taken back")
	same("a deleted stack")

	// The journal of a promotion is removed: its database is an orphan.
	s = under(func(s scene) bool { return len(s.databases) == 3 })
	if _, err := w.ssm.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: new(staging.Parameter("db", "operation"))}); err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(time.Hour)
	orphan := staging.Database(s.journal.Timestamp)
	if got := w.ends(t, mode("orphans"), 0, "", "has 1 orphans"); got.Outputs["orphans"] != orphan || got.Outputs["changed"] != "false" {
		t.Errorf("orphans: %v", got.Outputs)
	}
	if got := w.ends(t, map[string]string{"mode": "orphans", "remove-orphans": "true"}, 0, ""); got.Outputs["changed"] != "true" {
		t.Errorf("orphans: %v", got.Outputs)
	}
	same("an orphan")

	// Parameters are edited.
	for name, says := range map[string]string{
		staging.Active():                     "was it edited by hand",
		staging.Parameter("db", "operation"): "was it edited by hand",
	} {
		old := w.parameter(t, name)
		w.put(t, name, "yesterday")
		w.ends(t, plain, 1, "", name, says)
		w.put(t, name, old)
		same(name)
	}
	w.put(t, staging.Active(), "20010101t000000z")
	w.ends(t, plain, 1, "planned", "the pointer names database 20010101t000000z, which is not there")
	w.put(t, staging.Active(), string(before.active))
	same("a pointer to nothing")
}

// What cannot be deployed is found before anything is made.
func TestServicesAreChecked(t *testing.T) {
	w := newPlane(t)
	w.ends(t, map[string]string{"services": "web,worker"}, 1, "planned", `service "worker" is not in cluster "staging"`)
	w.ends(t, map[string]string{"cluster": "nowhere"}, 1, "planned", `cluster "nowhere" is not there`)
	if _, err := w.ecs.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: new("staging"), Service: new("web"), DesiredCount: new(int32(0))}); err != nil {
		t.Fatal(err)
	}
	w.ends(t, plain, 1, "planned", `service "web" has desired count 0`)
	for _, call := range w.Calls() {
		if call.AccessKeyID == w.key && !reads(call) {
			t.Errorf("%s was called", call.Operation)
		}
	}
}

// Sources that cannot be promoted are found before anything is made.
func TestBadSources(t *testing.T) {
	w := newPlane(t)
	w.ends(t, map[string]string{"source-database": "", "from": "dev"}, 1, "", "environment xy-0146-dev has no database", "name the database in the input source-database")
	w.ends(t, map[string]string{"source-database": "dev"}, 1, "planned", `source database "dev" is not there`)
	w.ends(t, map[string]string{"source-database": "", "snapshot": "nightly"}, 1, "planned", `snapshot "nightly" is not there`)
	for namespace, says := range map[string]string{
		"xy-0146-" + strings.Repeat("e", 25): "has 33 characters, at most 32 are allowed", "staging": "is not <customer>-<project>-<environment>",
	} {
		w.ends(t, map[string]string{"namespace": namespace}, 2, "", says)
	}
	if databases := w.look(t).databases; len(databases) != 1 {
		t.Errorf("there are %v", databases)
	}
}

func (w *plane) put(t *testing.T, name, value string) {
	t.Helper()
	if _, err := w.ssm.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Overwrite: new(true)}); err != nil {
		t.Fatal(err)
	}
}

// delete removes a snapshot once it can be.
func (w *plane) delete(t *testing.T, id string) {
	t.Helper()
	for range 100 {
		w.Clock.Advance(time.Minute)
		if _, err := w.rds.DeleteDBSnapshot(t.Context(), &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: &id}); err == nil {
			return
		}
	}
	t.Fatalf("snapshot %s cannot be deleted", id)
}
