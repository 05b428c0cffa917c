package promotesnapshot

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/fault"
	"github.com/org/shipkit/pkg/action/actiontest"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

// scene is what a promotion leaves, as seen from outside. What is at another
// source bears "source " before its name.
type scene struct {
	active    namespace.Timestamp
	serving   string            // the version that the service's revision refers to
	databases map[string]string // status by identifier
	snapshots []string
	stacks    []string
	revisions int // of the service's task definition
	journal   *saga.Operation
}

// stage is where a promotion is killed and run again.
type stage struct {
	*localaws.Server
	key    string // whose calls it dies at; "" is everybody's
	target namespace.Namespace
	again  func(ctx context.Context, t testing.TB, with map[string]string) actiontest.Result
	sees   func(t testing.TB) scene
	// snapshots and revisions are what a promotion adds of them.
	snapshots, revisions int
	remove               func(t *testing.T, snapshot string)
	promotions           int // since it was tidy
}

// point is one moment of death.
type point struct {
	call int
	when fault.Moment
}

func (p point) String() string { return fmt.Sprintf("killed %s call %d", p.when, p.call) }

// crashes kills a promotion right before and right after each of its calls
// takes effect, on several stages at once, and runs the same job again. For a
// call that changes nothing the two are one.
func crashes(t *testing.T, open func(*testing.T) *stage) (points int64) {
	calls, done := make(chan int), make(chan struct{})
	end := sync.OnceFunc(func() { close(done) })
	var count atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			s := open(t)
			if got := s.again(t.Context(), t, nil); got.ExitCode != 0 {
				t.Errorf("first promotion: %+v", got)
			}
			for call := range calls {
				last, died := s.crash(t, point{call, fault.After})
				if !died {
					end()
					continue
				}
				if count.Add(1); !reads(last) {
					s.crash(t, point{call, fault.Before})
					count.Add(1)
				}
			}
			s.tidy(t)
		})
	}
	feed(calls, done)
	close(calls)
	group.Wait()
	return count.Load()
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
func (s *stage) crash(t *testing.T, p point) (last fault.Call, died bool) {
	s.Clock.Advance(time.Hour)
	before := s.sees(t)
	s.Faults.Forget()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Faults.DieAt(s.key, p.call, p.when, cancel)
	result := s.again(ctx, t, nil)
	died = s.Faults.Died(s.key)
	wrote := false
	for _, call := range s.Calls() {
		if (s.key == "" || call.AccessKeyID == s.key) && !call.InProcess && last.Error != "dropped" {
			last = call // up to the first that was not answered
			wrote = wrote || !reads(call)
		}
	}
	s.Faults.Revive(s.key)
	left := s.sees(t)
	s.holds(t, p, before, left)
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
		s.Clock.Advance(time.Minute)
		if result = s.again(t.Context(), t, nil); result.ExitCode != 0 {
			t.Errorf("%s: the next run: %s", p, result.Log)
		}
	}
	s.converged(t, p, before, s.sees(t), promotions)
	if s.promotions += promotions; s.promotions > 10 {
		s.tidy(t)
		s.promotions = 0
	}
	return last, died
}

// holds is what no death may break: the pointer and the service are at
// databases that are there, and the old one is.
func (s *stage) holds(t *testing.T, p point, before, left scene) {
	t.Helper()
	for what, id := range map[string]string{
		"pointed at": s.target.Database(left.active), "served": s.target.Database(namespace.Timestamp(left.serving)),
	} {
		if what == "served" && s.revisions == 0 {
			continue // there are no services
		}
		if left.databases[id] != "available" && left.databases[id] != "backing-up" {
			t.Errorf("%s: the database %s, %s, is %q", p, what, id, left.databases[id])
		}
	}
	if old := s.target.Database(before.active); left.databases[old] == "" {
		t.Errorf("%s: the old database %s is gone", p, old)
	}
}

// converged is the one end: the new database serves and is pointed at, the old
// one is stopped and saved, and all exists once.
func (s *stage) converged(t *testing.T, p any, before, after scene, promotions int) {
	t.Helper()
	serves := string(after.active) == after.serving || s.revisions == 0
	if !serves || !before.active.Before(after.active) || after.databases[s.target.Database(after.active)] != "available" {
		t.Errorf("%s: pointer %s (before %s), service %s, databases %v", p, after.active, before.active, after.serving, after.databases)
	}
	if status := after.databases[s.target.Database(before.active)]; status != "stopped" {
		t.Errorf("%s: the old database is %q", p, status)
	}
	if !strings.Contains(strings.Join(after.snapshots, " "), s.target.Final(before.active)) {
		t.Errorf("%s: the old database was not saved: %v", p, after.snapshots)
	}
	for what, more := range map[string]int{
		"databases": len(after.databases) - len(before.databases), "stacks": len(after.stacks) - len(before.stacks),
		"snapshots": len(after.snapshots) - len(before.snapshots), "revisions": after.revisions - before.revisions,
	} {
		each := map[string]int{"databases": 1, "stacks": 1, "snapshots": s.snapshots, "revisions": s.revisions}[what]
		if more != promotions*each {
			t.Errorf("%s: %d more %s, want %d: %v", p, more, what, promotions*each, after)
		}
	}
	if orphans := s.again(t.Context(), t, map[string]string{"mode": "orphans"}); orphans.ExitCode != 0 || orphans.Outputs["orphans"] != "" {
		t.Errorf("%s: orphans %q\n%s", p, orphans.Outputs["orphans"], orphans.Log)
	}
}

// tidy retires what is kept, and removes the snapshots: RDS allows a hundred.
func (s *stage) tidy(t *testing.T) {
	t.Helper()
	s.Clock.Advance(200 * time.Hour)
	if got := s.again(t.Context(), t, map[string]string{"mode": "retire"}); got.ExitCode != 0 {
		t.Errorf("retire: %s", got.Log)
	}
	left := s.sees(t)
	if len(left.databases) != 2 || len(left.stacks) != 1 {
		t.Errorf("after retiring there are %v", left.databases)
	}
	for _, id := range left.snapshots {
		s.remove(t, id)
	}
}
