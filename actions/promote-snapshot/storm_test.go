package promotesnapshot

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/shipkit/internal/localaws/fault"
	"github.com/org/shipkit/pkg/action/actiontest"
	"github.com/org/shipkit/pkg/saga"
)

// storm makes one of thirty calls suffer.
func (w *plane) storm(seed uint64, effect fault.Effect) {
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a schedule
	for call, end := 0, 3000; call < end; {
		call += 1 + random.IntN(60)
		w.Faults.Add(fault.Rule{Nth: call, Effect: effect})
	}
}

// Whatever AWS and the link do, runs that are repeated converge. The SDK does
// not retry here, so that each fault ends a run.
func TestStorms(t *testing.T) {
	w := newPlane(t)
	if got := w.run(t.Context(), t, nil); got.ExitCode != 0 {
		t.Fatalf("first promotion: %+v", got)
	}
	for seed, what := range []fault.Effect{fault.Throttle, fault.ServerError, fault.Drop, fault.DropAfter, fault.Stale} {
		w.Clock.Advance(time.Hour)
		before := w.look(t)
		if what == fault.Stale {
			w.Faults.Add(fault.Rule{Effect: fault.Stale, For: time.Minute})
		} else {
			w.storm(uint64(seed), what) //nolint:gosec // an index
		}
		runs, got := 1, w.run(t.Context(), t, nil)
		for ; got.ExitCode != 0 && runs < 60; runs++ {
			w.Clock.Advance(time.Minute)
			got = w.run(t.Context(), t, nil)
		}
		w.Faults.Clear()
		if got.ExitCode != 0 {
			t.Errorf("%s: the last run: %s", what, got.Log)
		}
		after := w.look(t)
		promotions := len(after.databases) - len(before.databases)
		if promotions > 2 { // two if the last call of a complete one suffered
			t.Errorf("%s: %d promotions", what, promotions)
		}
		w.converged(t, what, before, after, promotions)
		t.Logf("%s: %d runs", what, runs)
	}
}

// meanwhile is a clock in whose first wait something else happens.
type meanwhile struct {
	saga.Clock
	once *sync.Once
	does func()
}

// Sleep implements saga.Clock.
func (c meanwhile) Sleep(ctx context.Context, d time.Duration) error {
	c.once.Do(c.does)
	return c.Clock.Sleep(ctx, d) //nolint:wrapcheck // as the interface says
}

// A second run comes while the first one waits. Of another job, it is told who
// promotes. A second run of the same job takes over, and the first one is told
// that. In both cases all is made once.
func TestTwoRunsAtOnce(t *testing.T) {
	w := newPlane(t)
	if got := w.run(t.Context(), t, nil); got.ExitCode != 0 {
		t.Fatalf("first promotion: %+v", got)
	}
	for _, tt := range []struct {
		job           string
		first, second int // exit codes
		told          string
	}{
		{"another", 0, 1, "the lock is held by https://github.com/acme/shop/actions/runs/1;"},
		{"promote", 1, 0, "another run has taken this operation over"},
	} {
		w.Clock.Advance(time.Hour)
		before := w.look(t)
		var second actiontest.Result
		first := w.runAs(t.Context(), t, "promote", meanwhile{w.clock(), new(sync.Once), func() {
			second = w.runAs(t.Context(), t, tt.job, w.clock(), nil)
		}}, nil)
		if first.ExitCode != tt.first || second.ExitCode != tt.second || !strings.Contains(first.Log+second.Log, tt.told) {
			t.Errorf("the job %s comes second: %d, %d\n%s\n%s", tt.job, first.ExitCode, second.ExitCode, first.Log, second.Log)
		}
		w.converged(t, tt.job, before, w.look(t), 1)
	}
}
