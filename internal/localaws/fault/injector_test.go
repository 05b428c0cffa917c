package fault_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/fault"
	"github.com/org/shipkit/internal/localaws/wire"
)

// world is one ECS service that a test calls through the injector.
type world struct {
	*fault.Injector
	clock   *clock.Clock
	effects int // calls that took effect
	desired int32
}

func newWorld() *world {
	c := clock.New(1)
	return &world{Injector: fault.New(c), clock: c}
}

func (w *world) call(operation, key string) (any, error) {
	call := wire.Call{Service: "ecs", Operation: operation, Caller: wire.Identity{AccessKeyID: key, ARN: "arn:aws:iam::1:user/u"},
		Input: &ecs.DescribeServicesInput{Cluster: aws.String("main")}}
	return w.Around(context.Background(), call, func() (any, error) {
		w.effects++
		switch {
		case strings.HasPrefix(operation, "Update"):
			w.desired++
			return &ecs.UpdateServiceOutput{}, nil
		case strings.HasPrefix(operation, "List"):
			return &ecs.ListServicesOutput{ServiceArns: []string{"a"}}, nil
		}
		return &ecs.DescribeServicesOutput{Services: []types.Service{{DesiredCount: w.desired}}}, nil
	})
}

func code(err error) string {
	var own *wire.Error
	if errors.As(err, &own) {
		return own.Code
	}
	if errors.Is(err, wire.ErrDrop) {
		return "dropped"
	}
	return ""
}

func TestRules(t *testing.T) {
	tests := []struct {
		rule    string
		codes   []string // of three calls of UpdateService
		effects int
	}{
		{"ecs.UpdateService=throttle", []string{"ThrottlingException", "ThrottlingException", "ThrottlingException"}, 0},
		{"ecs.UpdateService#2=throttle", []string{"", "ThrottlingException", ""}, 2},
		{"ecs.Update*=5xx", []string{"InternalFailure", "InternalFailure", "InternalFailure"}, 0},
		{"*.*#1=drop-before", []string{"dropped", "", ""}, 2},
		{"*.*#1=drop-after", []string{"dropped", "", ""}, 3},
		{"*.*#2=die-before", []string{"", "dropped", "dropped"}, 1},
		{"*.*#2=die-after", []string{"", "dropped", "dropped"}, 2},
		{"ecs.UpdateService=deny", []string{"AccessDeniedException", "AccessDeniedException", "AccessDeniedException"}, 0},
		{"rds.UpdateService=throttle", []string{"", "", ""}, 3},
		{"ecs.Describe*=throttle", []string{"", "", ""}, 3},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			w := newWorld()
			defer w.clock.Close()
			rule, err := fault.Parse(test.rule)
			if err != nil {
				t.Fatal(err)
			}
			remove := w.Add(rule)
			for i, want := range test.codes {
				if _, err := w.call("UpdateService", "k"); code(err) != want {
					t.Errorf("call %d: %v, want %q", i+1, err, want)
				}
			}
			if w.effects != test.effects {
				t.Errorf("%d calls took effect, want %d", w.effects, test.effects)
			}
			remove()
			w.Revive("k")
			if _, err := w.call("UpdateService", "k"); err != nil {
				t.Errorf("after the rule was removed: %v", err)
			}
		})
	}
}

func TestTheDeadLiveAgainAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		defer w.clock.Close()
		rule, err := fault.Parse("ecs.*#1=die-after:20s")
		if err != nil {
			t.Fatal(err)
		}
		w.Add(rule)
		for _, want := range []string{"dropped", "dropped"} {
			if _, err := w.call("UpdateService", "k"); code(err) != want {
				t.Errorf("%v, want %q", err, want)
			}
		}
		if _, err := w.call("UpdateService", "another"); err != nil {
			t.Errorf("another client: %v", err)
		}
		time.Sleep(20 * time.Second) // of the test's own clock
		if _, err := w.call("UpdateService", "k"); err != nil {
			t.Errorf("after its time: %v", err)
		}
	})
}

func TestRuleStrikesAtMostTimes(t *testing.T) {
	w := newWorld()
	defer w.clock.Close()
	w.Add(fault.Rule{Effect: fault.Throttle, Times: 2})
	var got []string
	for range 4 {
		_, err := w.call("UpdateService", "k")
		got = append(got, code(err))
	}
	if strings.Join(got, " ") != "ThrottlingException ThrottlingException  " {
		t.Errorf("codes = %q", got)
	}
}

func TestLatencyIsOnTheWallClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		defer w.clock.Close()
		w.Add(fault.Rule{Effect: fault.Latency, For: 2 * time.Second})
		start := time.Now()
		if _, err := w.call("UpdateService", "k"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("took %s, want 2s", took)
		}
	})
}

func TestStaleReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		defer w.clock.Close()
		w.Add(fault.Rule{Effect: fault.Stale, For: 5 * time.Second})
		desired := func() int32 {
			out, err := w.call("DescribeServices", "k")
			if err != nil {
				t.Fatal(err)
			}
			return out.(*ecs.DescribeServicesOutput).Services[0].DesiredCount
		}
		listed := func() int {
			out, err := w.call("ListServices", "k")
			if err != nil {
				t.Fatal(err)
			}
			return len(out.(*ecs.ListServicesOutput).ServiceArns)
		}
		before := desired()
		if _, err := w.call("UpdateService", "k"); err != nil {
			t.Fatal(err)
		}
		if got := desired(); got != before {
			t.Errorf("right after a write the read says %d, want the stale %d", got, before)
		}
		if got := listed(); got != 0 {
			t.Errorf("a list that was never asked for has %d items right after a write, want none", got)
		}
		time.Sleep(6 * time.Second)
		if got := desired(); got != before+1 {
			t.Errorf("later the read says %d, want %d", got, before+1)
		}
		if got := listed(); got != 1 {
			t.Errorf("later the list has %d items, want 1", got)
		}
	})
}

func TestDieAt(t *testing.T) {
	for _, test := range []struct {
		when    fault.Moment
		effects int
	}{{fault.Before, 1}, {fault.After, 2}} {
		t.Run(test.when.String(), func(t *testing.T) {
			w := newWorld()
			defer w.clock.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.DieAt("victim", 2, test.when, cancel)
			if _, err := w.call("UpdateService", "victim"); err != nil || ctx.Err() != nil {
				t.Fatalf("the first call: %v, %v", err, ctx.Err())
			}
			for range 3 {
				if _, err := w.call("UpdateService", "victim"); !errors.Is(err, wire.ErrDrop) {
					t.Errorf("a dead client got an answer: %v", err)
				}
			}
			if w.effects != test.effects {
				t.Errorf("%d calls took effect, want %d", w.effects, test.effects)
			}
			if ctx.Err() == nil || !w.Died("victim") {
				t.Error("nobody was told of the death")
			}
			if _, err := w.call("UpdateService", "other"); err != nil {
				t.Errorf("another client suffers: %v", err)
			}
			w.Revive("victim")
			if _, err := w.call("UpdateService", "victim"); err != nil {
				t.Errorf("after Revive: %v", err)
			}
		})
	}
}

func TestRunWithFewerCallsOutlivesDieAt(t *testing.T) {
	w := newWorld()
	defer w.clock.Close()
	w.DieAt("", 5, fault.Before, nil)
	for range 4 {
		if _, err := w.call("UpdateService", "k"); err != nil {
			t.Fatal(err)
		}
	}
	if w.Died("") {
		t.Error("died before its time")
	}
}

func TestCallsAreRecorded(t *testing.T) {
	w := newWorld()
	defer w.clock.Close()
	w.Add(fault.Rule{Operation: "UpdateService", Effect: fault.Throttle})
	_, _ = w.call("DescribeServices", "a")
	_, _ = w.call("UpdateService", "b")
	got := w.Calls()
	if len(got) != 2 {
		t.Fatalf("calls = %+v", got)
	}
	if c := got[0]; c.Number != 1 || c.Service != "ecs" || c.Operation != "DescribeServices" || c.Resource != "main" ||
		c.AccessKeyID != "a" || c.Error != "" {
		t.Errorf("first = %+v", c)
	}
	if c := got[1]; c.Number != 2 || c.Error != "ThrottlingException" {
		t.Errorf("second = %+v", c)
	}
	w.Forget()
	if got := w.Calls(); len(got) != 0 {
		t.Errorf("after Forget: %+v", got)
	}
}

func TestDenied(t *testing.T) {
	w := newWorld()
	defer w.clock.Close()
	w.Add(fault.Rule{Service: "ecs", Operation: "Update*", Effect: fault.Deny})
	w.Add(fault.Rule{Service: "tagging", Operation: "GetResources", Effect: fault.Deny})
	for action, want := range map[string]bool{"ecs:UpdateService": true, "ecs:DescribeServices": false,
		"rds:UpdateService": false, "tag:GetResources": true} {
		prefix, operation, _ := strings.Cut(action, ":")
		if got := w.Denied(prefix, operation); got != want {
			t.Errorf("Denied(%s) = %t", action, got)
		}
	}
	_, err := w.call("UpdateService", "k")
	const want = "User: arn:aws:iam::1:user/u is not authorized to perform: ecs:UpdateService on resource: main because no " +
		"identity-based policy allows the ecs:UpdateService action"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v", err)
	}
}
