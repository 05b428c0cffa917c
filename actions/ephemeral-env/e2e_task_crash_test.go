package ephemeralenv

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/localaws/fault"
)

// started counts the tasks of tests that were ever started.
func (w *world) started(t *testing.T) int {
	t.Helper()
	n := len(w.running(t))
	pages := ecs.NewListTasksPaginator(ecs.NewFromConfig(w.Config()), &ecs.ListTasksInput{Cluster: new("shared"), DesiredStatus: types.DesiredStatusStopped})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.TaskArns)
	}
	return n
}

// A run dies at each call while its task runs and while it ends. The next run
// goes on with the task instead of starting another one; after whatever ends
// the environment nothing is left.
func TestKilledDuringATaskOverTheWire(t *testing.T) {
	w := newWire(t)
	w.suite(t, "good", "job", w.images["v1"])
	w.with = map[string]string{
		"template": small(t), "template-parameters": "Namespace=${namespace}\nValue=1", "hours": "",
		"test-task": "good", "cluster": "shared", "run-task-subnets": "subnet-1",
	}
	calls := w.undisturbed(t, "run")
	from := slices.IndexFunc(calls, func(c fault.Call) bool { return c.Operation == "RunTask" }) - 2 // the note, and its look
	to := slices.IndexFunc(calls, func(c fault.Call) bool { return c.Operation == "DeleteStack" })
	if from < 0 || to < from+5 {
		t.Fatalf("the task is in calls %d to %d", from, to)
	}
	all := []string{"run", "up", "down", "reap"}
	points, seen := 0, map[string]bool{}
	for i, call := range calls[from : to+1] {
		effect, nexts := fault.DieAfter, []string{all[i%len(all)]}
		switch {
		case call.Operation == "RunTask" || call.Operation == "CreateSchedule":
			nexts = all
		case !writes(call) && seen[call.Operation]:
			continue // the same look again
		case !writes(call):
			effect = fault.Die
		}
		seen[call.Operation] = true
		for _, next := range nexts {
			w.strikeTask(t, fault.Rule{Operation: call.Operation, Nth: nth(w.Calls(), call), Effect: effect}, next)
			points++
		}
	}
	t.Logf("%d points converge", points)
	if points < 16 {
		t.Errorf("only %d points", points)
	}
}

// nth counts a call among those of its operation.
func nth(all []fault.Call, call fault.Call) int {
	n := 0
	for _, c := range all {
		if c.Operation == call.Operation {
			n++
		}
		if c.Number == call.Number {
			break
		}
	}
	return n
}

// strikeTask kills a run at a call, and has the next command mend it.
func (w *wire) strikeTask(t *testing.T, rule fault.Rule, next string) {
	t.Helper()
	what := fmt.Sprintf("run killed: %s %s %d, then %s", rule.Effect, rule.Operation, rule.Nth, next)
	before := w.started(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.Faults.DieAt(w.key, 0, fault.After, cancel)
	remove := w.Faults.Add(rule)
	w.do(ctx, t, "run")
	remove()
	if !w.Faults.Died(w.key) {
		t.Errorf("%s: it lived", what)
	}
	w.Faults.Revive(w.key)
	if next == "reap" {
		w.expire(t, "crash")
	}
	w.must(t, what, next)
	if tasks := w.started(t) - before; tasks != 1 && (rule.Operation == "RunTask" || rule.Operation == "CreateSchedule") {
		t.Errorf("%s: %d tasks", what, tasks)
	}
	if next == "up" {
		w.must(t, what, "down")
	}
	if left := append(w.there(t), w.running(t)...); len(left) > 0 {
		t.Errorf("%s: left %q", what, left)
	}
}
