package snapshot

import (
	"context"
	"errors"
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

// TestServicesAreNotForgotten: whoever goes on with a promotion that moves
// services, or begins another after it, must name them.
func TestServicesAreNotForgotten(t *testing.T) {
	moving := request
	moving.Services = "web of cluster staging"
	alone := func(c *cloud) *Promoter {
		p := c.promoter("alone")
		p.Deployer = nil
		return p
	}
	refused := func(t *testing.T, c *cloud, what string, work func(context.Context, Request) (Result, error)) {
		t.Helper()
		pointer, running := c.parameters[staging.Active()], len(c.databases)
		_, err := c.process(func(ctx context.Context) (Result, error) { return work(ctx, request) })
		if err == nil || !strings.Contains(err.Error(), "input services: nothing given, but the promotion moved web of cluster staging") {
			t.Errorf("%s: %v", what, err)
		}
		if c.parameters[staging.Active()] != pointer || len(c.databases) != running || string(c.serving) != pointer {
			t.Errorf("%s changed something", what)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c := settled(t)
		if _, err := c.promote("second", moving); err != nil {
			t.Fatal(err)
		}
		refused(t, c, "undo", alone(c).Undo)
		refused(t, c, "run", alone(c).Run)
		if _, err := c.process(func(ctx context.Context) (Result, error) { return c.promoter("third").Undo(ctx, moving) }); err != nil {
			t.Fatal(err)
		}
		refused(t, c, "run after an undo", alone(c).Run)

		detached := c.promoter("fourth")
		detached.Options.Detach = true
		if _, err := c.process(func(ctx context.Context) (Result, error) { return detached.Run(ctx, moving) }); !errors.Is(err, saga.ErrDetached) {
			t.Fatal(err)
		}
		refused(t, c, "resume", alone(c).Resume)
		refused(t, c, "abort", alone(c).Abort)
		if _, err := c.process(func(ctx context.Context) (Result, error) { return c.promoter("fifth").Resume(ctx, moving) }); err != nil {
			t.Error(err)
		}
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
