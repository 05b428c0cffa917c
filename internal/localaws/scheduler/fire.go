package scheduler

import (
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// maxFired bounds the memory of firings.
const maxFired = 1000

// arm sets the timer for a schedule's next moment. The lock is held.
func (s *Service) arm(k string, x *schedule) {
	x.disarm()
	if x.Settings.State == types.ScheduleStateDisabled || s.ctx.Err() != nil {
		return
	}
	due, ok := x.nextDue()
	if !ok {
		return
	}
	x.stop = s.clock.AfterFunc(due.Sub(s.clock.Now()), func() { s.fire(k, x, due) })
}

func (x *schedule) disarm() {
	if x.stop != nil {
		x.stop()
		x.stop = nil
	}
}

// once tells a one-time schedule, of which AWS ignores start and end.
func (v *settings) once() bool { return strings.HasPrefix(v.Expression, "at(") }

// nextDue is the first moment after the last one, and not before the creation and the start, nor after the end.
func (x *schedule) nextDue() (time.Time, bool) {
	after := x.Changed
	if x.Fired.After(after) {
		after = x.Fired
	}
	start, end := x.Settings.Start, x.Settings.End
	if x.Settings.once() {
		start, end = nil, nil
	}
	if start != nil && start.After(after) {
		after = start.Add(-time.Nanosecond)
	}
	due, ok := x.expression.Next(after)
	if end != nil && due.After(*end) {
		return time.Time{}, false
	}
	return due, ok
}

// complete removes a schedule that will never fire again, if it was made so: a one-time schedule, or a recurring one
// that has an end, after the last attempt of its last invocation. What AWS does with one that never fires, an at() in
// the past or an end before the first moment, it does not say; here it stays. The lock is held.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-delete.html
// https://aws.amazon.com/blogs/compute/automatically-delete-schedules-upon-completion-with-amazon-eventbridge-scheduler/
func (s *Service) complete(k string, x *schedule) {
	ends := x.Settings.once() || x.Settings.End != nil
	if s.schedules[k] != x || !ends || x.Settings.After != types.ActionAfterCompletionDelete || x.Fired.IsZero() {
		return
	}
	if _, more := x.nextDue(); !more {
		delete(s.schedules, k)
	}
}

// fire calls the target and sets the timer for the next time. A schedule that was changed or removed meanwhile is left.
func (s *Service) fire(k string, x *schedule, due time.Time) {
	s.mu.Lock()
	if s.schedules[k] != x || s.ctx.Err() != nil {
		s.mu.Unlock()
		return
	}
	x.Fired = due
	target := x.Settings.Target
	s.running.Add(1)
	s.arm(k, x)
	s.mu.Unlock()
	go func() {
		defer s.running.Done()
		s.deliver(k, x, target, due)
	}()
}

// deliver tries until the target accepts, as the retry policy says; the wait doubles from a second to a minute.
func (s *Service) deliver(k string, x *schedule, target *types.Target, due time.Time) {
	attempts, age := retryPolicy(target)
	result := Invocation{Schedule: x.Group + "/" + x.Name, Target: *target.Arn, At: due}
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		result.Attempts++
		result.Err = s.invoke(x, target, due)
		tooOld := s.clock.Now().Sub(due) > age
		if result.Err == nil || !retryable(result.Err) || result.Attempts > attempts || tooOld || !s.pause(wait) {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.complete(k, x)
	s.fired = append(s.fired, result)
	if extra := len(s.fired) - maxFired; extra > 0 {
		s.fired = s.fired[extra:]
	}
}

// retryPolicy has AWS's defaults: 185 retries within 24 hours.
func retryPolicy(target *types.Target) (retries int, age time.Duration) {
	retries, age = 185, 24*time.Hour
	if p := target.RetryPolicy; p != nil {
		if p.MaximumRetryAttempts != nil {
			retries = int(*p.MaximumRetryAttempts)
		}
		if p.MaximumEventAgeInSeconds != nil {
			age = time.Duration(*p.MaximumEventAgeInSeconds) * time.Second
		}
	}
	return retries, age
}

// pause waits on simulated time; false if the service closes.
func (s *Service) pause(d time.Duration) bool {
	done := make(chan struct{})
	stop := s.clock.AfterFunc(d, func() { close(done) })
	defer stop()
	select {
	case <-done:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// retryable: throttles and failures of the service. What the target refuses, it refuses again.
func retryable(err error) bool {
	var e *wire.Error
	return errors.As(err, &e) && (e.Status >= 500 || e.Code == "Throttling" || e.Code == "ThrottlingException")
}
