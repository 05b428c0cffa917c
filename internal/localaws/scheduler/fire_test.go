package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/org/shipkit/internal/localaws/clock"
	localscheduler "github.com/org/shipkit/internal/localaws/scheduler"
	"github.com/org/shipkit/internal/localaws/wire"
)

// invoker records what fires, and fails the first times.
type invoker struct {
	mu    sync.Mutex
	calls []string
	fails int
}

func (i *invoker) Check(_, _ string, input []byte, _ func(string, string) string) error {
	if !json.Valid(input) {
		return errors.New("not JSON")
	}
	return nil
}

func (i *invoker) Invoke(_ context.Context, service, operation string, input []byte, _ func(string, string) string) (any, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calls = append(i.calls, service+" "+operation+" "+string(input))
	if i.fails > 0 {
		i.fails--
		return nil, wire.Errorf("ThrottlingException", 400, "Rate exceeded")
	}
	return nil, nil
}

func (i *invoker) seen() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.calls)
}

func inBubble(t *testing.T, f func(t *testing.T, s *localscheduler.Service, c *clock.Clock, fired *invoker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, target := clock.New(1), &invoker{}
		s := localscheduler.New(c, target)
		defer c.Close()
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		f(t, s, c, target)
	})
}

func create(t *testing.T, s *localscheduler.Service, change func(*scheduler.CreateScheduleInput)) {
	t.Helper()
	in := &scheduler.CreateScheduleInput{Name: aws.String("stop"), ScheduleExpression: aws.String("at(2000-01-01T01:00:00)"),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{Arn: aws.String("arn:aws:scheduler:::aws-sdk:rds:stopDBInstance"),
			RoleArn: aws.String("arn:aws:iam::111122223333:role/scheduler"), Input: aws.String(`{"DbInstanceIdentifier":"a"}`)}}
	if change != nil {
		change(in)
	}
	if _, err := s.CreateSchedule(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func exists(t *testing.T, s *localscheduler.Service) bool {
	t.Helper()
	_, err := s.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: aws.String("stop")})
	return err == nil
}

// The bubble's time begins at 2000-01-01T00:00:00Z.

func TestOneTimeScheduleFiresOnceAndIsDeleted(t *testing.T) {
	inBubble(t, func(t *testing.T, s *localscheduler.Service, _ *clock.Clock, fired *invoker) {
		create(t, s, func(in *scheduler.CreateScheduleInput) { in.ActionAfterCompletion = types.ActionAfterCompletionDelete })
		time.Sleep(59 * time.Minute)
		if got := fired.seen(); len(got) > 0 {
			t.Fatalf("fired too early: %v", got)
		}
		time.Sleep(48 * time.Hour)
		want := []string{`rds StopDBInstance {"DbInstanceIdentifier":"a"}`}
		if got := fired.seen(); !slices.Equal(got, want) {
			t.Errorf("fired %v, want %v", got, want)
		}
		if exists(t, s) {
			t.Error("the schedule is still there after its completion")
		}
	})
}

func TestOneTimeScheduleStaysWithoutActionAfterCompletion(t *testing.T) {
	inBubble(t, func(t *testing.T, s *localscheduler.Service, _ *clock.Clock, fired *invoker) {
		create(t, s, nil)
		time.Sleep(48 * time.Hour)
		if got := fired.seen(); len(got) != 1 || !exists(t, s) {
			t.Errorf("fired %v, exists %t; want one firing, and the schedule kept", got, exists(t, s))
		}
	})
}

func TestCronFiresOnEveryWorkday(t *testing.T) {
	inBubble(t, func(t *testing.T, s *localscheduler.Service, _ *clock.Clock, fired *invoker) {
		create(t, s, func(in *scheduler.CreateScheduleInput) {
			in.ScheduleExpression = aws.String("cron(0 18 ? * MON-FRI *)")
			in.ScheduleExpressionTimezone = aws.String("Africa/Lagos")
		})
		time.Sleep(14 * 24 * time.Hour)
		if got := len(fired.seen()); got != 10 {
			t.Errorf("fired %d times in two weeks, want 10", got)
		}
		for _, i := range s.Invocations() {
			if h, day := i.At.UTC().Hour(), i.At.Weekday(); h != 17 || day == time.Saturday || day == time.Sunday {
				t.Errorf("fired at %s", i.At.UTC())
			}
		}
	})
}

// A recurring schedule is deleted after the invocation that is closest to its end. Without an end it never is, nor is one
// that never fires.
func TestRecurringScheduleIsDeletedAfterItsLastInvocation(t *testing.T) {
	for _, test := range []struct {
		end   time.Duration
		fires int // within 30 hours
		stays bool
	}{{25 * time.Hour, 3, false}, {24 * time.Hour, 3, false}, {100 * time.Hour, 3, true}, {0, 3, true}, {5 * time.Hour, 0, true}} {
		inBubble(t, func(t *testing.T, s *localscheduler.Service, _ *clock.Clock, fired *invoker) {
			create(t, s, func(in *scheduler.CreateScheduleInput) {
				in.ScheduleExpression = aws.String("rate(8 hours)")
				in.ActionAfterCompletion = types.ActionAfterCompletionDelete
				if test.end > 0 {
					in.EndDate = aws.Time(time.Now().Add(test.end))
				}
			})
			time.Sleep(23 * time.Hour)
			if test.fires > 0 && !exists(t, s) {
				t.Errorf("with an end after %s it is deleted before its last invocation", test.end)
			}
			time.Sleep(7 * time.Hour)
			if got := len(fired.seen()); got != test.fires || exists(t, s) != test.stays {
				t.Errorf("with an end after %s it fires %d times and exists %t, want %d and %t", test.end, got, exists(t, s), test.fires, test.stays)
			}
		})
	}
}

func TestStartAndEndOfAOneTimeScheduleAreIgnored(t *testing.T) {
	inBubble(t, func(t *testing.T, s *localscheduler.Service, _ *clock.Clock, fired *invoker) {
		create(t, s, func(in *scheduler.CreateScheduleInput) { in.EndDate = aws.Time(time.Now().Add(time.Minute)) })
		create(t, s, func(in *scheduler.CreateScheduleInput) {
			in.Name, in.StartDate = aws.String("late"), aws.Time(time.Now().Add(24*time.Hour))
		})
		time.Sleep(2 * time.Hour)
		if got := fired.seen(); len(got) != 2 {
			t.Errorf("fired %v, want both", got)
		}
	})
}

// A schedule stays until the last attempt of its last invocation.
func TestScheduleStaysWhileItsTargetIsTried(t *testing.T) {
	inBubble(t, func(t *testing.T, s *localscheduler.Service, _ *clock.Clock, fired *invoker) {
		fired.fails = 1000
		create(t, s, func(in *scheduler.CreateScheduleInput) { in.ActionAfterCompletion = types.ActionAfterCompletionDelete })
		time.Sleep(2 * time.Hour)
		if !exists(t, s) {
			t.Error("it is deleted while its target is still tried")
		}
		time.Sleep(48 * time.Hour)
		if exists(t, s) {
			t.Error("it is still there after its last attempt")
		}
	})
}

func TestDisabledMovedAndDeletedSchedules(t *testing.T) {
	inBubble(t, func(t *testing.T, s *localscheduler.Service, _ *clock.Clock, fired *invoker) {
		create(t, s, func(in *scheduler.CreateScheduleInput) { in.State = types.ScheduleStateDisabled })
		create(t, s, func(in *scheduler.CreateScheduleInput) { in.Name = aws.String("gone") })
		create(t, s, func(in *scheduler.CreateScheduleInput) { in.Name = aws.String("moved") })
		if _, err := s.DeleteSchedule(t.Context(), &scheduler.DeleteScheduleInput{Name: aws.String("gone")}); err != nil {
			t.Fatal(err)
		}
		moved, err := s.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: aws.String("moved")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.UpdateSchedule(t.Context(), &scheduler.UpdateScheduleInput{Name: moved.Name, Target: moved.Target,
			FlexibleTimeWindow: moved.FlexibleTimeWindow, ScheduleExpression: aws.String("at(2000-01-03T00:00:00)")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(36 * time.Hour)
		if got := fired.seen(); len(got) != 0 {
			t.Errorf("fired %v, want nothing yet", got)
		}
		time.Sleep(36 * time.Hour)
		if got := fired.seen(); len(got) != 1 {
			t.Errorf("fired %v, want the moved schedule only", got)
		}
	})
}

func TestThrottledTargetIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, s *localscheduler.Service, _ *clock.Clock, fired *invoker) {
		fired.fails = 3
		create(t, s, nil)
		time.Sleep(2 * time.Hour)
		got := s.Invocations()
		if len(got) != 1 || got[0].Attempts != 4 || got[0].Err != nil {
			t.Errorf("invocations = %+v, want one that succeeded at the fourth attempt", got)
		}
	})
}

func TestScheduleSurvivesARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, s *localscheduler.Service, c *clock.Clock, fired *invoker) {
		create(t, s, nil)
		state, err := s.Save()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		second := localscheduler.New(c, fired)
		defer func() { _ = second.Close() }()
		if err := second.Load(state); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if got := fired.seen(); len(got) != 1 {
			t.Errorf("fired %v, want once", got)
		}
	})
}

func TestRefusedTargets(t *testing.T) {
	inBubble(t, func(t *testing.T, s *localscheduler.Service, _ *clock.Clock, _ *invoker) {
		for arn, want := range map[string]string{
			"arn:aws:scheduler:::aws-sdk:rds:describeDBInstances": "read-only",
			"arn:aws:scheduler:::aws-sdk:rds:StopDBInstance":      "not in correct format",
			"arn:aws:lambda:eu-west-1:111122223333:function:f":    "universal targets",
		} {
			_, err := s.CreateSchedule(t.Context(), &scheduler.CreateScheduleInput{Name: aws.String("x"),
				ScheduleExpression: aws.String("rate(1 day)"), FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: "OFF"},
				Target: &types.Target{Arn: aws.String(arn), RoleArn: aws.String("r")}})
			var refused *wire.Error
			if !errors.As(err, &refused) || refused.Code != "ValidationException" || !strings.Contains(refused.Message, want) {
				t.Errorf("%s: %v, want a ValidationException with %q", arn, err, want)
			}
		}
	})
}
