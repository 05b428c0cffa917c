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
	to := from + 2 + slices.IndexFunc(calls[from+2:], func(c fault.Call) bool { return c.Operation == "DeleteStack" })
	if from < 0 || to < from+5 {
		t.Fatalf("the task is in calls %d to %d", from, to)
	}
	all := []string{"run", "up", "down", "reap"}
	points, looked := 0, map[string]bool{}
	for i := from; i <= to; i++ {
		moment, nexts := fault.After, []string{all[i%len(all)]}
		switch operation := calls[i].Operation; {
		case operation == "RunTask" || operation == "CreateSchedule":
			nexts = all
		case !writes(calls[i]) && writes(calls[i-1]):
			continue // after a write is before what follows it
		case looked[operation]:
			continue // at the same as before
		case !writes(calls[i]):
			moment, looked[operation] = fault.Before, true
		}
		for _, next := range nexts {
			points += w.strikeTask(t, i+1, moment, calls[i].Operation, next)
		}
	}
	t.Logf("%d points converge", points)
	if points < 12 {
		t.Errorf("only %d points", points)
	}
}

// strikeTask kills a run at a call, and has the next command mend it. It is 0
// if the run ended before that call.
func (w *wire) strikeTask(t *testing.T, n int, moment fault.Moment, operation, next string) int {
	t.Helper()
	what := fmt.Sprintf("run killed %s call %d, %s, then %s", moment, n, operation, next)
	before := w.started(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.Faults.DieAt(w.key, n, moment, cancel)
	w.do(ctx, t, "run")
	died := w.Faults.Died(w.key)
	w.Faults.Revive(w.key)
	if next == "reap" {
		w.expire(t, "crash")
	}
	w.must(t, what, next)
	// The calls before are not always as many: it may have died before its task.
	tasks := w.started(t) - before
	if goesOn := operation == "RunTask" || operation == "CreateSchedule"; goesOn && (tasks > 1 || next == "run" && tasks < 1) {
		t.Errorf("%s: %d tasks", what, tasks)
	}
	if next == "up" {
		w.must(t, what, "down")
	}
	if left := append(w.there(t), w.running(t)...); len(left) > 0 {
		t.Errorf("%s: left %q", what, left)
	}
	if !died {
		return 0
	}
	return 1
}
