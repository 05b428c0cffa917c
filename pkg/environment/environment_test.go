package environment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

var base = namespace.Namespace{Customer: "xy", Project: "0146", Environment: "shared"}

func pr(n int) namespace.Namespace {
	ns, err := base.PullRequest(n)
	if err != nil {
		panic(err)
	}
	return ns
}

func requestOf(pull int, commit string) Request {
	return Request{Pull: pull, Commit: commit, TTL: 72 * time.Hour, MaxEnvs: 10, Hourly: 0.05}
}

func (w *world) up(holder string, pull int, commit string) (Result, error) {
	return w.client().manager(holder).Up(context.Background(), pr(pull), requestOf(pull, commit))
}

func (w *world) clean(t *testing.T, what string) {
	t.Helper()
	w.fire()
	for _, problem := range w.problems {
		t.Errorf("%s: %s", what, problem)
	}
	if len(w.stacks) != 1 || len(w.records) != 1 || len(w.slots) != 0 || len(w.ends) != 0 || len(w.parameters) != 0 {
		t.Errorf("%s: left stacks %v, records %v, slots %v, ends %v, parameters %v",
			what, w.stacks, w.records, w.slots, w.ends, w.parameters)
	}
}

func TestUpAgainDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		result, err := w.up("a", 1, "c1")
		if err != nil || !result.Changed || result.Record.URL != "https://pr1.example.com" || result.Record.State != Ready {
			t.Fatalf("up: %+v, %v", result, err)
		}
		if !w.ends["xy-0146-pr1"].Equal(result.Record.Expires) {
			t.Errorf("the end is arranged for %s, the record says %s", w.ends["xy-0146-pr1"], result.Record.Expires)
		}
		before, began := w.writes, time.Now()
		if result, err = w.up("a", 1, "c1"); err != nil || result.Changed || w.writes != before || time.Since(began) > 0 {
			t.Errorf("second up: %+v, %v, %d writes, %s", result, err, w.writes-before, time.Since(began))
		}
		if result, err = w.up("a", 1, "c2"); err != nil || !result.Changed {
			t.Errorf("up of another commit: %+v, %v", result, err)
		}
		m := w.client().manager("a")
		if result, err = m.Down(t.Context(), pr(1)); err != nil || !result.Changed {
			t.Errorf("down: %+v, %v", result, err)
		}
		w.clean(t, "down")
		before = w.writes
		if result, err = m.Down(t.Context(), pr(1)); err != nil || result.Changed || w.writes != before {
			t.Errorf("second down: %+v, %v", result, err)
		}
	})
}

func TestFailedUpLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.broken = true
		_, err := w.up("a", 1, "c1")
		var failed *saga.FailedError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), "the image cannot be pulled") {
			t.Errorf("up: %v", err)
		}
		w.clean(t, "a failed up")
	})
}

func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := requestOf(1, "c")
		r.MaxCost = 3
		_, err := w.client().manager("a").Up(t.Context(), pr(1), r)
		if err == nil || !strings.Contains(err.Error(), "$3.60 ($0.050 an hour, 72 hours, 100 % of the time on), max-cost is $3.00") || w.writes != 0 {
			t.Errorf("too dear: %v, %d writes", err, w.writes)
		}
		r.MaxCost, r.MaxEnvs = 4, 1
		if _, err := w.client().manager("a").Up(t.Context(), pr(1), r); err != nil {
			t.Error(err)
		}
		r.Pull = 2
		_, err = w.client().manager("a").Up(t.Context(), pr(2), r)
		var full *FullError
		if !errors.As(err, &full) || !strings.Contains(err.Error(), "xy-0146-pr1") || len(w.stacks) != 2 {
			t.Errorf("one too many: %v, %v", err, w.stacks)
		}
	})
}

func TestAnotherRepositorysEnvironmentIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		m := w.client().manager("a")
		for name, try := range map[string]func() error{
			"up":     func() error { _, err := m.Up(t.Context(), pr(900), requestOf(900, "c")); return err },
			"down":   func() error { _, err := m.Down(t.Context(), pr(900)); return err },
			"extend": func() error { _, err := m.Extend(t.Context(), pr(900), time.Hour); return err },
			"pause":  func() error { _, err := m.Pause(t.Context(), pr(900)); return err },
		} {
			if err := try(); err == nil || !strings.Contains(err.Error(), "belongs to repository acme/other") {
				t.Errorf("%s: %v", name, err)
			}
		}
		list, err := m.List(t.Context())
		if doomed := m.Overdue(list, map[int]bool{}); err != nil || len(list) != 1 || len(doomed) != 0 {
			t.Errorf("overdue: %v, %v", doomed, err)
		}
	})
}

// The environment ends on AWS's side when nobody does anything; a reap then
// removes what is known of it.
func TestItEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		if _, err := w.up("a", 1, "c"); err != nil {
			t.Fatal(err)
		}
		m := w.client().manager("a")
		time.Sleep(70 * time.Hour)
		if _, err := m.Extend(t.Context(), pr(1), 10*time.Hour); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Hour)
		w.fire()
		if w.stacks["xy-0146-pr1"] == nil {
			t.Error("extend did not help")
		}
		time.Sleep(time.Hour)
		w.fire()
		time.Sleep(removeTime)
		w.fire()
		if w.stacks["xy-0146-pr1"] != nil {
			t.Error("it outlives its end")
		}
		list, err := m.List(t.Context())
		doomed := m.Overdue(list, nil)
		if err != nil || len(doomed) != 1 || !strings.HasPrefix(doomed[0].Why, "expired at ") {
			t.Fatalf("overdue: %v, %v", doomed, err)
		}
		if ended, err := m.Reap(t.Context(), doomed); err != nil || len(ended) != 1 {
			t.Errorf("reap: %v, %v", ended, err)
		}
		w.clean(t, "reap")
	})
}

func TestPauseAndWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		if _, err := w.up("a", 1, "c"); err != nil {
			t.Fatal(err)
		}
		m := w.client().manager("a")
		if r, err := m.Pause(t.Context(), pr(1)); err != nil || r.Record.State != Paused || !w.stacks["xy-0146-pr1"].off {
			t.Errorf("pause: %+v, %v", r, err)
		}
		if r, err := m.Wake(t.Context(), pr(1)); err != nil || r.Record.State != Ready || w.stacks["xy-0146-pr1"].off {
			t.Errorf("wake: %+v, %v", r, err)
		}
		if _, err := m.Pause(t.Context(), pr(2)); err == nil {
			t.Error("pause of nothing succeeds")
		}
	})
}

// reap is a reaper's run.
func reap(ctx context.Context, m *Manager, open map[int]bool) error {
	list, err := m.List(ctx)
	if err != nil {
		return err
	}
	_, err = m.Reap(ctx, m.Overdue(list, open))
	return err
}

// An up that is killed at any call is finished by the next up, and removed
// whole by a down. A down that is killed is finished by a down, and by an up.
func TestCrashAtEveryCall(t *testing.T) {
	up := func(m *Manager) error { _, err := m.Up(context.Background(), pr(1), requestOf(1, "c")); return err }
	down := func(m *Manager) error { _, err := m.Down(context.Background(), pr(1)); return err }
	reap := func(m *Manager) error { return reap(context.Background(), m, map[int]bool{}) }
	points := 0
	for _, test := range []struct {
		name         string
		first, then  func(*Manager) error
		before, ends bool // it stands before; nothing is left after
	}{
		{"up, up", up, up, false, false},
		{"up, down", up, down, false, true},
		{"down, down", down, down, true, true},
		{"down, up", down, up, true, false},
		{"down, reap, down", down, func(m *Manager) error { return errors.Join(reap(m), down(m)) }, true, true},
	} {
		for _, after := range []bool{false, true} {
			for at := 1; ; at++ {
				alive := false
				synctest.Test(t, func(t *testing.T) {
					w := newWorld()
					if test.before {
						if err := up(w.client().manager("zero")); err != nil {
							t.Fatal(err)
						}
					}
					c := w.client()
					c.dieAt, c.after = at, after
					_ = c.run(func(context.Context) error { return test.first(c.manager("first")) })
					if alive = !c.dead; alive {
						return
					}
					points++
					what := fmt.Sprintf("%s: killed at call %d (after=%v)", test.name, at, after)
					if err := test.then(w.client().manager("second")); err != nil {
						t.Errorf("%s: %v", what, err)
					}
					if test.ends {
						// A crash before anything was made leaves at most a journal.
						if err := down(w.client().manager("second")); err != nil {
							t.Errorf("%s: %v", what, err)
						}
						w.forgetLocks()
						w.clean(t, what)
					} else if r := w.records["xy-0146-pr1"]; r.State != Ready || w.stacks["xy-0146-pr1"] == nil {
						t.Errorf("%s: ended as %+v", what, r)
					}
				})
				if alive {
					break
				}
			}
		}
	}
	t.Logf("all %d points converge", points)
}

// forgetLocks drops what a process leaves that died before it wrote anything
// but its lease, or after it had removed all but that.
func (w *world) forgetLocks() {
	for name := range w.parameters {
		if strings.Contains(name, "/lock/") {
			delete(w.parameters, name)
		}
	}
}

// 200 random interleavings of what happens to pull requests, each action a
// process of its own that may be killed or throttled, with a reaper that comes
// by every five minutes.
func TestRandomInterleavings(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			w := newWorld()
			open := map[int]bool{}
			closed := map[int]time.Time{}
			process := func(work func(context.Context, *Manager) error) {
				c := w.client()
				if random.IntN(3) == 0 {
					c.dieAt, c.after = 1+random.IntN(30), random.IntN(2) == 0
				}
				if random.IntN(4) == 0 {
					c.faults = func() bool { return random.IntN(20) == 0 }
				}
				_ = c.run(func(ctx context.Context) error { return work(ctx, c.manager(fmt.Sprint(random.Uint32()))) })
			}
			for range 25 {
				pull := 1 + random.IntN(3)
				switch event := random.IntN(12); {
				case event < 5: // opened, reopened, pushed
					open[pull] = true
					delete(closed, pull)
					r := requestOf(pull, fmt.Sprint("c", random.IntN(3)))
					r.TTL = time.Duration(1+random.IntN(50)) * time.Hour
					process(func(ctx context.Context, m *Manager) error { _, err := m.Up(ctx, pr(pull), r); return err })
				case event < 8: // closed; the event may be lost
					if open[pull] {
						closed[pull] = time.Now()
					}
					delete(open, pull)
					if random.IntN(3) > 0 {
						process(func(ctx context.Context, m *Manager) error { _, err := m.Down(ctx, pr(pull)); return err })
					}
				case event < 9:
					time.Sleep(time.Duration(random.IntN(3*24)) * time.Hour)
				default:
					change := random.IntN(4)
					process(func(ctx context.Context, m *Manager) (err error) {
						switch change {
						case 0:
							_, err = m.Extend(ctx, pr(pull), time.Hour)
						case 1:
							_, err = m.Pause(ctx, pr(pull))
						case 2:
							_, err = m.Wake(ctx, pr(pull))
						default:
							_, err = m.Tell(ctx, pr(pull), time.Now().Add(time.Hour))
						}
						return err
					})
				}
				// The reaper's workflow, every five minutes, without a fault.
				c := w.client()
				time.Sleep(saga.LeaseTime)
				if err := c.run(func(ctx context.Context) error { return reap(ctx, c.manager("reaper"), open) }); err != nil {
					t.Errorf("seed %d: reap: %v", seed, err)
				}
				for pull, since := range closed {
					if w.stacks[pr(pull).String()] != nil && time.Since(since) > 10*time.Minute {
						t.Errorf("seed %d: environment of pull request %d is alive %s after its end", seed, pull, time.Since(since))
					}
				}
				if len(w.stacks) > 1+len(open) {
					t.Errorf("seed %d: %d environments for %d open pull requests: %v", seed, len(w.stacks)-1, len(open), w.stacks)
				}
			}
			for _, problem := range w.problems {
				t.Errorf("seed %d: %s", seed, problem)
			}
		})
	}
}
