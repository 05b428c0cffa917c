package action

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/org/shipkit/pkg/progress"
)

func TestALogHasMilestonesAndAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		r := newReporter(&logger{commands: true, out: &out}, false)
		report := progress.Func(r.receive)
		report.Milestone("push web", "started")
		time.Sleep(500 * time.Millisecond) // no event at the instant of a heartbeat
		for i := range int64(65) {         // an event a second
			time.Sleep(time.Second)
			report.Send(progress.Event{Task: "push web", Text: "sending", Done: i * 1e6, Total: 200e6, Unit: "B", Left: 90 * time.Second})
		}
		report.Warn("push web", "connection lost")
		time.Sleep(29 * time.Second)
		r.stop()
		report.Milestone("push web", "after the end")
		want := "push web: started\n" +
			"push web: sending, 28.0 MB of 200.0 MB, 1m30s left, 30s so far\n" +
			"push web: sending, 58.0 MB of 200.0 MB, 1m30s left, 1m00s so far\n" +
			"warning: push web: connection lost\n"
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", out.String(), want)
		}
	})
}

func TestATerminalHasALiveLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		log := &logger{out: &out}
		r := newReporter(log, true)
		for i := range int64(100) { // ten redraws a second at most
			r.receive(progress.Event{Task: "rollout web", Done: i, Total: 100, Unit: "tasks"})
			time.Sleep(10 * time.Millisecond)
		}
		log.line("a line of the log")
		r.stop()
		if redraws := strings.Count(out.String(), "rollout web"); redraws != 11 {
			t.Error("redraws:", redraws)
		}
		want := clearLine + "a line of the log\nrollout web, 90 of 100 tasks" + clearLine
		if !strings.HasSuffix(out.String(), want) {
			t.Errorf("%q", out.String())
		}
	})
}

func TestALiveLineTellsHowLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		r := newReporter(&logger{out: &out}, true)
		for percent := range int64(3) {
			r.receive(progress.Event{Task: "snapshot a", Text: "creating", Done: 40 + percent, Total: 100, Unit: "%"})
			time.Sleep(95 * time.Second)
		}
		r.stop()
		if want := clearLine + "snapshot a: creating, 42 %, 3m10s so far" + clearLine; !strings.HasSuffix(out.String(), want) {
			t.Errorf("%q", out.String())
		}
	})
}

func TestProgressOfManyGoroutines(t *testing.T) {
	var out strings.Builder
	r := newReporter(&logger{commands: true, out: &out}, false)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				r.receive(progress.Event{Task: "layer", Text: "done", Milestone: true})
			}
		})
	}
	group.Wait()
	r.stop()
	if lines := strings.Count(out.String(), "layer: done\n"); lines != 800 {
		t.Error(lines)
	}
}
