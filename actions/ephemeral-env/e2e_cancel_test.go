package ephemeralenv

import (
	"context"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/fault"
)

// cancelled is a world in which a run's process can be ended in the middle of
// its test, and what it starts.
type cancelled struct {
	*world
	template string
}

func newCancelled(t *testing.T) cancelled {
	t.Helper()
	w := startWith(t, localaws.Options{Factor: 100, NoData: true, Engine: localaws.Process})
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	w.suite(t, "endless", "mute", w.images["v1"])
	return cancelled{w, small(t)}
}

// begin starts a run as a process of its own, with real time.
func (w cancelled) begin(t *testing.T, with map[string]string) *exec.Cmd {
	t.Helper()
	all := smallWith(w.template, with)
	all["command"], all["schedule-role-arn"] = "run", "arn:aws:iam::123456789012:role/ttl"
	return w.process(t, all)
}

// until waits, as long as processes take.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("not until %s", what)
		}
	}
}

func kill(t *testing.T, cmd *exec.Cmd, s syscall.Signal) {
	t.Helper()
	pid := cmd.Process.Pid
	if s == syscall.SIGKILL {
		pid = -pid // the runner ends the whole group
	}
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
}

// A cancelled run ends its environment in the seconds that the runner gives
// it, and says so.
func TestCancelledRunEnds(t *testing.T) {
	w := newCancelled(t)
	onTask := map[string]string{"test-task": "endless", "cluster": "shared", "run-task-subnets": "subnet-1"}
	for name, test := range map[string]struct {
		signal syscall.Signal
		task   bool
		code   int
	}{
		"SIGINT in a command":  {syscall.SIGINT, false, 130},
		"SIGTERM in a command": {syscall.SIGTERM, false, 143},
		"SIGINT in a task":     {syscall.SIGINT, true, 130},
	} {
		t.Run(name, func(t *testing.T) {
			var cmd *exec.Cmd
			if test.task {
				cmd = w.begin(t, onTask)
				until(t, "the task runs", func() bool { return len(w.running(t)) == 1 })
			} else {
				g := newGate(t)
				cmd = w.begin(t, map[string]string{"test-command": g.command() + " & wait"})
				g.await(t)
			}
			kill(t, cmd, test.signal)
			if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != test.code {
				t.Errorf("exit code %d", cmd.ProcessState.ExitCode())
			}
			if stacks, parameters, schedules := w.left(t); stacks+parameters+schedules+len(w.running(t)) != 0 {
				t.Errorf("left: %d stacks, %d parameters, %d schedules, tasks %v", stacks, parameters, schedules, w.running(t))
			}
			w.saysEnded(t)
			if down := w.smallStep(t, w.template, map[string]string{"command": "down"}); down.ExitCode != 0 || down.Outputs["changed"] != "false" {
				t.Errorf("down after it: %+v", down)
			}
		})
	}
}

func (w cancelled) saysEnded(t *testing.T) {
	t.Helper()
	if comments := w.github.Comments(7); len(comments) != 1 || !strings.Contains(comments[0].Body, "has ended") {
		t.Errorf("comments %v", comments)
	}
	for _, d := range w.github.Deployments {
		if d.States[len(d.States)-1] != "inactive" {
			t.Errorf("deployment %v", d.States)
		}
	}
}

// A run whose runner dies in the middle of its test is finished by the next
// run, or removed by a reap; its task with it.
func TestKilledRunIsMended(t *testing.T) {
	w := newCancelled(t)
	for _, next := range []string{"run", "reap", "down"} {
		t.Run(next, func(t *testing.T) {
			w.github.Pulls[0].State = "open"
			cmd := w.begin(t, map[string]string{"test-task": "endless", "cluster": "shared", "run-task-subnets": "subnet-1"})
			until(t, "the task runs", func() bool { return len(w.running(t)) == 1 })
			kill(t, cmd, syscall.SIGKILL)
			if err := cmd.Wait(); err == nil {
				t.Fatal("it was not killed")
			}
			if stacks, _, _ := w.left(t); stacks != 1 {
				t.Fatalf("%d stacks", stacks)
			}
			with := map[string]string{"command": next, "dry-run": "false"}
			if next == "reap" {
				w.github.Pulls[0].State = "closed"
			}
			if next == "run" {
				with["test-command"] = "true"
			}
			if got := w.smallStep(t, w.template, with); got.ExitCode != 0 {
				t.Errorf("%s: %+v", next, got)
			}
			if stacks, parameters, schedules := w.left(t); stacks+parameters+schedules+len(w.running(t)) != 0 {
				t.Errorf("left: %d stacks, %d parameters, %d schedules, tasks %v", stacks, parameters, schedules, w.running(t))
			}
			w.saysEnded(t)
		})
	}
}

// A run that is cancelled hard (SIGINT, SIGTERM, SIGKILL) while AWS does not
// hear of it: the schedules end its task and its environment, by AWS's clock,
// and the next reap removes the notes.
func TestHardCancelIsEndedByTheSchedules(t *testing.T) {
	w := newCancelled(t)
	w.Faults.Add(fault.Rule{Service: "ecs", Operation: "StopTask", Times: 1, Effect: fault.Die})
	cmd := w.begin(t, map[string]string{
		"test-task": "endless", "test-wait": "10m", "cluster": "shared", "run-task-subnets": "subnet-1", "ttl": "8h",
	})
	until(t, "the task runs and its end is arranged", func() bool { return len(w.running(t)) == 1 && w.schedules(t) == 2 })
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		kill(t, cmd, s)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("it was not killed")
	}
	w.Faults.Clear()
	stacks := func() int {
		n, _, _ := w.left(t)
		return n
	}
	if len(w.running(t)) != 1 || stacks() != 1 {
		t.Fatalf("%d tasks, %d stacks", len(w.running(t)), stacks())
	}
	w.Clock.Advance(20 * time.Minute)
	until(t, "the schedule stops the task", func() bool { return len(w.running(t)) == 0 })
	if stacks() != 1 {
		t.Error("the environment has gone with the task")
	}
	w.Clock.Advance(8 * time.Hour)
	until(t, "the schedule deletes the stack", func() bool { return stacks() == 0 })
	w.expire(t, "pr7")
	if reap := w.smallStep(t, w.template, map[string]string{"command": "reap", "dry-run": "false"}); reap.ExitCode != 0 || reap.Outputs["reaped"] != "xy-0146-pr7" {
		t.Errorf("reap: %+v", reap)
	}
	if stacks, parameters, schedules := w.left(t); stacks+parameters+schedules != 0 {
		t.Errorf("left: %d stacks, %d parameters, %d schedules", stacks, parameters, schedules)
	}
	w.saysEnded(t)
}
