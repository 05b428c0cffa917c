package action

import (
	"fmt"
	"sync"
	"time"

	"github.com/org/shipkit/pkg/markdown"
	"github.com/org/shipkit/pkg/progress"
)

const (
	redrawEvery    = 100 * time.Millisecond
	heartbeatAfter = 30 * time.Second // without a milestone
	longTask       = 10 * time.Second // a live line tells how long
)

// reporter shows progress: a live line in a terminal; in a log, milestones,
// and a heartbeat when there was none for a while.
type reporter struct {
	log  *logger
	live bool

	mu      sync.Mutex
	started map[string]time.Time
	last    progress.Event
	drawn   time.Time
	beat    *time.Timer
	stopped bool
}

func newReporter(log *logger, live bool) *reporter {
	return &reporter{log: log, live: live, started: map[string]time.Time{}}
}

func (r *reporter) receive(e progress.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	now := time.Now()
	if _, ok := r.started[e.Task]; !ok {
		r.started[e.Task] = now
	}
	r.last = e
	if e.Milestone {
		r.log.line(milestoneLine(e))
	}
	switch {
	case !r.live:
		r.schedule(e.Milestone)
	case now.Sub(r.drawn) >= redrawEvery:
		r.drawn = now
		r.log.live(stateLine(e) + r.soFar(longTask))
	}
}

// schedule starts the heartbeat, and starts it anew after a milestone.
func (r *reporter) schedule(milestone bool) {
	switch {
	case r.beat == nil:
		r.beat = time.AfterFunc(heartbeatAfter, r.heartbeat)
	case milestone:
		r.beat.Reset(heartbeatAfter)
	}
}

func (r *reporter) heartbeat() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	r.log.line(stateLine(r.last) + r.soFar(0))
	r.beat.Reset(heartbeatAfter)
}

// soFar says how long the last task has taken, if that is at least a while.
func (r *reporter) soFar(least time.Duration) string {
	elapsed := time.Since(r.started[r.last.Task]).Round(time.Second)
	if elapsed < least {
		return ""
	}
	return ", " + markdown.Duration(elapsed) + " so far"
}

func (r *reporter) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	if r.beat != nil {
		r.beat.Stop()
	}
	if r.live {
		r.log.live("")
	}
}

func milestoneLine(e progress.Event) string {
	line := stateLine(e)
	if e.Warn {
		return "warning: " + line
	}
	return line
}

// stateLine renders an event: push layer 3f2a: sending, 4.1 MB of 20.5 MB, 12s left.
func stateLine(e progress.Event) string {
	line := e.Task
	if e.Text != "" {
		if line != "" {
			line += ": "
		}
		line += e.Text
	}
	if e.Done > 0 || e.Total > 0 {
		line += ", " + amount(e)
	}
	if e.Left > 0 {
		line += ", " + markdown.Duration(e.Left.Round(time.Second)) + " left"
	}
	return line
}

func amount(e progress.Event) string {
	show := func(n int64) string {
		if e.Unit == "B" {
			return markdown.Bytes(n)
		}
		return fmt.Sprint(n)
	}
	if e.Unit == "%" {
		return fmt.Sprintf("%d %%", e.Done)
	}
	text := show(e.Done)
	if e.Total > 0 {
		text += " of " + show(e.Total)
	}
	if e.Unit != "B" && e.Unit != "" {
		text += " " + e.Unit
	}
	return text
}
