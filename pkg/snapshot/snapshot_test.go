package snapshot

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

var request = Request{
	Database: "dev-db", Template: "template", Retention: 24 * time.Hour, Verify: true, Migrate: true,
	Origin: namespace.Origin{Operation: Operation, Repository: "acme/shop"},
}

// promote runs one promotion in a process of its own.
func (c *cloud) promote(holder string, r Request) (Result, error) {
	return c.process(func(ctx context.Context) (Result, error) { return c.promoter(holder).Run(ctx, r) })
}

// settled promotes once without faults, so that there is an old database.
func settled(t *testing.T) *cloud {
	t.Helper()
	c := newCloud()
	if _, err := c.promote("first", request); err != nil {
		t.Fatalf("first promotion: %v", err)
	}
	c.databases["dev-db"].rows = "newer orders of dev"
	time.Sleep(time.Hour)
	c.calls = 0
	c.made = map[string]int{}
	return c
}

// checkPromoted holds the end of a promotion: one active database with the
// source's rows, one old one that is stopped and saved, nothing else.
func (c *cloud) checkPromoted(t *testing.T, what string) {
	t.Helper()
	active := namespace.Timestamp(c.parameters[staging.Active()])
	if db := c.databases[staging.Database(active)]; db == nil || db.rows != "newer orders of dev" {
		t.Errorf("%s: the active database %s holds %+v", what, active, db)
	}
	if c.serving != active {
		t.Errorf("%s: the service uses %s, the pointer %s", what, c.serving, active)
	}
	c.checkClean(t, what, 2)
	old := 0
	for name, db := range c.databases {
		if strings.HasPrefix(name, "xy-0146-staging-db-2") && db.stopped {
			old++
			ts := namespace.Timestamp(strings.TrimPrefix(name, "xy-0146-staging-db-"))
			if c.snapshots[staging.Final(ts)] == nil {
				t.Errorf("%s: the old database %s was not saved", what, name)
			}
		}
	}
	if old != 1 {
		t.Errorf("%s: %d old databases are kept, want 1", what, old)
	}
}

// checkClean holds what must be true at any end: no double, no orphan, no
// invariant broken on the way.
func (c *cloud) checkClean(t *testing.T, what string, versions int) {
	t.Helper()
	for _, violation := range c.violations {
		t.Errorf("%s: %s", what, violation)
	}
	for name, times := range c.made {
		if times != 1 {
			t.Errorf("%s: %s was made %d times", what, name, times)
		}
	}
	if n := len(c.databases) - 2; n != versions { // dev's and the stranger's
		t.Errorf("%s: %d databases, want %d", what, n, versions)
	}
	c.fault = nil
	orphans, err := c.promoter("inspector").Orphans(context.Background())
	if err != nil || len(orphans) != 0 {
		t.Errorf("%s: orphans %v, %v", what, orphans, err)
	}
}

func TestPromote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		result, err := c.promote("second", request)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d calls", c.calls)
		c.checkPromoted(t, "promotion")
		if result.Operation.Status != saga.Done || result.Database == nil || result.Active == result.Previous {
			t.Errorf("result: %+v", result)
		}
	})
}

func TestFirstPromotionKeepsNothingOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud()
		result, err := c.promote("first", request)
		if err != nil || result.Previous != "" || len(c.databases) != 3 {
			t.Errorf("result %+v, %v", result, err)
		}
	})
}

// The crash test: for each call of a whole promotion, the process is killed
// right before and right after it takes effect, and another goes on.
func TestCrashAtEveryCall(t *testing.T) {
	for name, r := range map[string]Request{
		"plain":        request,
		"masked":       masked(request),
		"no retention": {Database: "dev-db", Template: "t", Origin: request.Origin},
	} {
		points := 0
		for _, kind := range []fault{dieBefore, dieAfter} {
			for at := 1; ; at++ {
				alive := false
				synctest.Test(t, func(t *testing.T) {
					c := settled(t)
					c.fault = func(n int, _ string) fault {
						if n == at {
							return kind
						}
						return none
					}
					_, _ = c.promote("second", r)
					if alive = !c.dead; alive {
						return
					}
					c.fault = nil
					time.Sleep(saga.LeaseTime + time.Second)
					what := fmt.Sprintf("%s, killed at call %d (%d)", name, at, kind)
					if _, err := c.promote("third", r); err != nil {
						t.Errorf("%s: %v", what, err)
					}
					c.checkAfterCrash(t, what, r)
				})
				if alive {
					break
				}
				points++
			}
		}
		t.Logf("%s: all %d points converge", name, points)
	}
}

// checkAfterCrash allows for a crash at the very end, when the first promotion
// was complete and the second run began another one.
func (c *cloud) checkAfterCrash(t *testing.T, what string, r Request) {
	t.Helper()
	want := 2
	if r.Retention == 0 {
		want = 1
	}
	if begun := len(c.made); begun > 0 && c.promotions() > 1 && r.Retention > 0 {
		want++
	}
	c.checkClean(t, what, want)
	active := namespace.Timestamp(c.parameters[staging.Active()])
	rows := "newer orders of dev"
	if r.Mask {
		rows = "masked " + rows
	}
	if db := c.databases[staging.Database(active)]; db == nil || db.rows != rows || c.serving != active {
		t.Errorf("%s: active %s holds %+v, the service uses %s", what, active, db, c.serving)
	}
}

// promotions counts the databases that were created.
func (c *cloud) promotions() int {
	n := 0
	for name := range c.made {
		if strings.HasPrefix(name, "stack "+staging.String()+"-db-") {
			n++
		}
	}
	return n
}

func masked(r Request) Request {
	r.Mask = true
	return r
}

// A failure at any stage leaves the old database and the service as they were.
func TestFailureLeavesTheOldOneServing(t *testing.T) {
	breaks := map[string]func(*cloud, *Promoter){
		"snapshot": func(c *cloud, _ *Promoter) { c.brokenSnapshot = true },
		"stack":    func(c *cloud, _ *Promoter) { c.brokenStack = true },
		"migrate":  func(c *cloud, p *Promoter) { p.Tasks = tasks{c, Migrate} },
		"verify":   func(c *cloud, p *Promoter) { p.Tasks = tasks{c, Verify} },
		"mask":     func(c *cloud, p *Promoter) { p.Tasks = tasks{c, Mask} },
		"rollout":  func(c *cloud, _ *Promoter) { c.brokenRollout = true },
	}
	for name, broken := range breaks {
		synctest.Test(t, func(t *testing.T) {
			c := settled(t)
			before := c.parameters[staging.Active()]
			p := c.promoter("second")
			broken(c, p)
			_, err := c.process(func(ctx context.Context) (Result, error) { return p.Run(ctx, masked(request)) })
			var failed *saga.FailedError
			if !errors.As(err, &failed) || !failed.Undone {
				t.Errorf("%s: %v", name, err)
			}
			if c.parameters[staging.Active()] != before || string(c.serving) != before {
				t.Errorf("%s: pointer %s, service %s, before %s", name, c.parameters[staging.Active()], c.serving, before)
			}
			c.checkClean(t, name, 1)
			for id, s := range c.snapshots {
				if strings.Contains(id, string(failedTimestamp(c))) {
					t.Errorf("%s: snapshot %s is left: %+v", name, id, s)
				}
			}
		})
	}
}

func failedTimestamp(c *cloud) namespace.Timestamp {
	op, _ := c.promoter("inspector").journal().Load(context.Background())
	return op.Timestamp
}

// 1,000 schedules of kills, throttles, lost answers, stale reads and broken
// stages, with the invariants checked after each call.
func TestRandomFaults(t *testing.T) {
	ends := map[saga.Status]int{}
	for seed := range uint64(1000) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			c := settled(t)
			r := request
			r.Mask = random.IntN(3) == 0
			c.brokenStack = random.IntN(8) == 0
			c.brokenSnapshot = random.IntN(8) == 0
			c.brokenRollout = random.IntN(6) == 0
			c.fault = func(int, string) fault {
				if random.IntN(25) != 0 {
					return none
				}
				return fault(1 + random.IntN(5))
			}
			for try := range 200 {
				if try == 60 {
					c.fault = nil // the storm is over
				}
				result, err := c.promote(fmt.Sprint("run", try%2), r)
				var failed *saga.FailedError
				if !c.dead && (err == nil || errors.As(err, &failed) && failed.Undone) {
					ends[result.Operation.Status]++
					break
				}
				time.Sleep(time.Duration(random.IntN(400)) * time.Second)
				if try == 199 {
					t.Errorf("seed %d never ends: %v", seed, err)
				}
			}
			for _, violation := range c.violations {
				t.Errorf("seed %d: %s", seed, violation)
			}
			for name, times := range c.made {
				if times > 1 {
					t.Errorf("seed %d: %s was made %d times", seed, name, times)
				}
			}
			c.fault = nil
			if orphans, err := c.promoter("x").Orphans(t.Context()); err != nil || len(orphans) > 0 {
				t.Errorf("seed %d: orphans %v, %v", seed, orphans, err)
			}
			if string(c.serving) != c.parameters[staging.Active()] {
				t.Errorf("seed %d: the service uses %s, the pointer says %s", seed, c.serving, c.parameters[staging.Active()])
			}
		})
	}
	t.Logf("ends: %v", ends)
	if ends[saga.Done] < 100 || ends[saga.Undone] < 100 {
		t.Errorf("the schedules are one-sided: %v", ends)
	}
}

// Two runs at once: one promotes, the other is told who does.
func TestRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		c.dead = false
		results := make(chan error, 2)
		for _, holder := range []string{"a", "b"} {
			go func() {
				_, err := c.promoter(holder).Run(t.Context(), request)
				results <- err
			}()
		}
		first, second := <-results, <-results
		if first != nil && second != nil || first == nil && second == nil {
			t.Errorf("results: %v; %v", first, second)
		}
		var held *saga.HeldError
		if !errors.As(errors.Join(first, second), &held) {
			t.Errorf("the loser was told %v", errors.Join(first, second))
		}
		c.checkPromoted(t, "race")
	})
}

func TestUndoAndUndoAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		old := c.parameters[staging.Active()]
		if _, err := c.promote("second", request); err != nil {
			t.Fatal(err)
		}
		newer := c.parameters[staging.Active()]
		undo := func(ctx context.Context) (Result, error) { return c.promoter("third").Undo(ctx, request) }
		if _, err := c.process(undo); err != nil {
			t.Fatal(err)
		}
		if c.parameters[staging.Active()] != old || string(c.serving) != old {
			t.Errorf("undo: pointer %s, service %s, want %s", c.parameters[staging.Active()], c.serving, old)
		}
		if c.snapshots[staging.Final(namespace.Timestamp(old))] != nil {
			t.Error("the final snapshot of the reinstated database is still there: the next one would be skipped")
		}
		if !c.databases[staging.Database(namespace.Timestamp(newer))].stopped {
			t.Error("the database that was undone still runs")
		}
		c.checkClean(t, "undo", 2)
	})
}

func TestRetire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		old := namespace.Timestamp(c.parameters[staging.Active()])
		if _, err := c.promote("second", request); err != nil {
			t.Fatal(err)
		}
		retire := func(ctx context.Context) (Result, error) { return c.promoter("r").Retire(ctx, request) }
		c.databases[staging.Database(old)].stopped = false // RDS restarts what was stopped for 7 days
		if _, err := c.process(retire); err != nil || !c.databases[staging.Database(old)].stopped {
			t.Errorf("within the retention: %v, %+v", err, c.databases[staging.Database(old)])
		}
		time.Sleep(25 * time.Hour)
		if _, err := c.process(retire); err != nil || c.databases[staging.Database(old)] != nil {
			t.Errorf("after the retention: %v, %+v", err, c.databases[staging.Database(old)])
		}
		if c.snapshots[staging.Final(old)] == nil {
			t.Error("the final snapshot is gone")
		}
		c.checkClean(t, "retire", 1)
		if _, err := c.process(retire); err != nil {
			t.Errorf("with nothing to retire: %v", err)
		}
	})
}

func TestOrphans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		name := staging.Database("20010101t000000z")
		c.stacks[name] = &stackRow{tags: staging.Tags("20010101t000000z", request.Origin)}
		c.databases[name] = &row{tags: c.stacks[name].tags, guarded: true}
		p := c.promoter("o")
		orphans, err := p.Orphans(t.Context())
		if err != nil || len(orphans) != 1 || orphans[0].Stack != name {
			t.Fatalf("orphans: %v, %v", orphans, err)
		}
		if _, err := p.RemoveOrphans(t.Context(), request, orphans); err != nil {
			t.Fatal(err)
		}
		c.checkClean(t, "orphans", 1)
	})
}

func TestMaskingFailsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		if _, err := c.promote("second", masked(request)); err != nil {
			t.Fatal(err)
		}
		active := namespace.Timestamp(c.parameters[staging.Active()])
		if got := c.databases[staging.Database(active)].rows; got != "masked newer orders of dev" {
			t.Errorf("the target got %q", got)
		}
		if c.databases[dev.Quarantine(active)] != nil || c.stacks[dev.Quarantine(active)] != nil {
			t.Error("the quarantine is left")
		}
	})
}

// What somebody deletes while it is waited for is not waited for any longer.
func TestDeletedByHand(t *testing.T) {
	for _, tt := range []struct {
		call, says string
		deletes    func(c *cloud, ts namespace.Timestamp)
	}{
		{"DescribeStacks", "is being deleted by somebody", func(c *cloud, ts namespace.Timestamp) {
			c.stacks[staging.Database(ts)].gone = time.Now().Add(pause)
			delete(c.databases, staging.Database(ts))
		}},
		{"DescribeStacks", "is gone: somebody has deleted it", func(c *cloud, ts namespace.Timestamp) {
			delete(c.stacks, staging.Database(ts))
			delete(c.databases, staging.Database(ts))
		}},
		{"DescribeDBSnapshots", "is gone: somebody has deleted it", func(c *cloud, ts namespace.Timestamp) {
			delete(c.snapshots, dev.Snapshot(ts))
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := settled(t)
			before, looks, ts := c.parameters[staging.Active()], 0, namespace.TimestampOf(time.Now())
			c.fault = func(_ int, name string) fault {
				if name != tt.call || c.stacks[staging.Database(ts)] == nil && c.snapshots[dev.Snapshot(ts)] == nil {
					return none
				}
				if looks++; looks == 3 {
					tt.deletes(c, ts)
				}
				return none
			}
			_, err := c.promote("second", request)
			var failed *saga.FailedError
			if !errors.As(err, &failed) || !failed.Undone || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v", tt.says, err)
			}
			if c.parameters[staging.Active()] != before || string(c.serving) != before {
				t.Errorf("%s: pointer %s, service %s", tt.says, c.parameters[staging.Active()], c.serving)
			}
			c.checkClean(t, tt.says, 1)
		})
	}
}

func TestPointerMovedByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		c.fault = func(_ int, name string) fault {
			if name == "RunTask "+string(Verify) {
				c.parameters[staging.Active()] = "20010101t000000z"
				c.databases[staging.Database("20010101t000000z")] = &row{}
			}
			return none
		}
		_, err := c.promote("second", request)
		if err == nil || !strings.Contains(err.Error(), "somebody moved it") {
			t.Errorf("promotion: %v", err)
		}
		if c.parameters[staging.Active()] != "20010101t000000z" {
			t.Errorf("the pointer is %s", c.parameters[staging.Active()])
		}
	})
	c := newCloud()
	c.parameters[staging.Active()] = "yesterday"
	if _, err := c.promote("a", request); err == nil || !strings.Contains(err.Error(), "edited by hand") {
		t.Errorf("promotion: %v", err)
	}
	c.parameters[staging.Active()] = "29990101t000000z"
	if _, err := c.promote("a", request); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("promotion: %v", err)
	}
}

// A parameter of the new version that is edited before the services rely on it,
// or before the pointer does, is named, and all is taken back.
func TestNewVersionEditedByHand(t *testing.T) {
	for _, services := range []bool{true, false} {
		for _, fact := range []string{factEndpoint, factPort, factName, factKind} {
			synctest.Test(t, func(t *testing.T) {
				c := settled(t)
				before, name := c.parameters[staging.Active()], ""
				c.fault = func(_ int, call string) fault {
					if call == "RunTask "+string(Verify) {
						for id := range c.databases {
							if ts, ok := strings.CutPrefix(id, staging.Database("")); ok && ts > before {
								name = staging.Version(namespace.Timestamp(ts), fact)
							}
						}
						c.parameters[name] = "elsewhere"
					}
					return none
				}
				p := c.promoter("second")
				if !services {
					p.Deployer = nil
				}
				_, err := c.process(func(ctx context.Context) (Result, error) { return p.Run(ctx, request) })
				var failed *saga.FailedError
				if !errors.As(err, &failed) || !failed.Undone || !strings.Contains(err.Error(), name+` is "elsewhere", but RDS says "`) {
					t.Errorf("%s: %v", name, err)
				}
				if c.parameters[staging.Active()] != before || string(c.serving) != before {
					t.Errorf("%s: pointer %s, service %s", name, c.parameters[staging.Active()], c.serving)
				}
				c.checkClean(t, name, 1)
			})
		}
	}
}
