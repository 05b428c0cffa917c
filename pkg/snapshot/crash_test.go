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

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

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

// The same for an undo, and for the removal of what is over.
func TestCrashOfUndoAndRetire(t *testing.T) {
	for name, tt := range map[string]struct {
		does     func(*Promoter, context.Context) (Result, error)
		after    time.Duration // the promotion
		versions int
	}{
		"undo":   {func(p *Promoter, ctx context.Context) (Result, error) { return p.Undo(ctx, request) }, time.Hour, 2},
		"retire": {func(p *Promoter, ctx context.Context) (Result, error) { return p.Retire(ctx, request) }, 25 * time.Hour, 1},
	} {
		points := 0
		for _, kind := range []fault{dieBefore, dieAfter} {
			for at, alive := 1, false; !alive; at++ {
				synctest.Test(t, func(t *testing.T) {
					c := settled(t)
					old := c.parameters[staging.Active()]
					if _, err := c.promote("second", request); err != nil {
						t.Fatal(err)
					}
					newer, run := c.parameters[staging.Active()], func() error {
						_, err := c.process(func(ctx context.Context) (Result, error) { return tt.does(c.promoter("third"), ctx) })
						return err
					}
					time.Sleep(tt.after)
					c.calls = 0
					c.fault = func(n int, _ string) fault {
						if n == at {
							return kind
						}
						return none
					}
					err, what := run(), fmt.Sprintf("%s, killed at call %d (%d)", name, at, kind)
					op, _ := (&Promoter{Parameters: peek{c}, Target: Side{Namespace: staging}}).journal().Load(t.Context())
					if alive = !c.dead; !alive && (op.Kind == Operation || !op.Status.Ended()) {
						c.fault = nil
						err = run()
					}
					active := map[string]string{"undo": old, "retire": newer}[name]
					if err != nil && !c.dead || c.parameters[staging.Active()] != active || string(c.serving) != active {
						t.Errorf("%s: %v; pointer %s, service %s, want %s", what, err, c.parameters[staging.Active()], c.serving, active)
					}
					c.dead = false
					c.checkClean(t, what, tt.versions)
					points++
				})
			}
		}
		t.Logf("%s: all %d points converge", name, points-2)
	}
}

// peek is Parameter Store as it is, without faults.
type peek struct{ *cloud }

func (p peek) GetParameter(_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	return &ssm.GetParameterOutput{Parameter: &types.Parameter{Name: in.Name, Value: new(p.parameters[*in.Name])}}, nil
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
