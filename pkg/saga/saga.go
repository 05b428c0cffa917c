// Package saga drives a long change through ordered steps so that killing the
// process at any moment and running again converges: nothing is orphaned and
// nothing is made twice.
//
// The rules: the operation is written down before its first call, with the
// timestamp that every name derives from, which makes it the intent of every
// step; a re-run trusts what it observes, not what was written; a lease with
// generations keeps two runs apart.
//
// A step begins only while the lease is in force by this machine's clock and
// was ours at most a minute ago; a background renewal asks so often. Where that
// is not enough, because what is done cannot be adopted or taken back, Parameter
// Store is asked right before: at the point of no return and before each step
// is undone, and wherever a step uses Run.Read.
package saga

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/org/shipkit/pkg/progress"
)

// Step is one stage of an operation.
type Step struct {
	// Name is a short verb phrase, such as "take snapshot".
	Name string
	// Done observes whether the step's effect is there, and changes nothing.
	// It is asked before Do, and again after it until it is true. An error
	// means that the effect can no longer come.
	Done func(context.Context) (bool, error)
	// Do starts the step, or adopts what an earlier run started. It may return
	// before the effect is complete.
	Do func(context.Context) error
	// Undo removes the effect, also a partial one, also when there is none.
	// Nil when there is nothing to undo.
	Undo func(context.Context) error
	// Poll is the longest time between two looks of Done after Do; 0 means 5 s.
	// The first looks come sooner.
	Poll time.Duration
	// Own says that the effect comes from this operation alone, or that Do bears
	// that it is there: one that has just begun need not look for it before Do.
	Own bool
	// Quick says that the success of Do is the effect: it is not looked for
	// afterwards.
	Quick bool
	// Commit marks the point of no return: once this step is done, a later
	// failure is not undone but finished by the next run. It is asked first
	// whether the operation is still ours.
	Commit bool
	// Asks says that Do asks itself, by Run.Read.
	Asks bool
}

// ErrDetached says that the operation goes on by itself, and that a later run
// resumes it.
var ErrDetached = errors.New("detached: the operation goes on, resume it later")

// ErrFenced says that another run has taken the operation over.
var ErrFenced = errors.New("another run has taken this operation over")

// InterruptedError is a stop that neither failed nor undid anything: the
// process was cancelled, or AWS could not be reached. Running again goes on.
type InterruptedError struct {
	Step string
	Err  error
}

func (e *InterruptedError) Error() string {
	return fmt.Sprintf("step %q was interrupted: %v; run again to go on", e.Step, e.Err)
}

func (e *InterruptedError) Unwrap() error { return e.Err }

// FailedError is a step that failed for good.
type FailedError struct {
	Step string
	Err  error
	// Undone tells that all earlier steps were taken back, Committed that the
	// point of no return was passed. Neither: the taking back is not complete.
	Undone, Committed bool
}

func (e *FailedError) Error() string {
	switch {
	case e.Undone:
		return fmt.Sprintf("step %q failed, and everything was taken back: %v", e.Step, e.Err)
	case e.Committed:
		return fmt.Sprintf("step %q failed after the point of no return; run again to go on: %v", e.Step, e.Err)
	default:
		return fmt.Sprintf("step %q failed; run again to take the rest back: %v", e.Step, e.Err)
	}
}

func (e *FailedError) Unwrap() error { return e.Err }

// Clock is the time that an operation lives in.
type Clock interface {
	Now() time.Time
	// Sleep returns early with ctx's cause.
	Sleep(ctx context.Context, d time.Duration) error
}

// WallClock is everybody's time.
type WallClock struct{}

// Now implements Clock.
func (WallClock) Now() time.Time { return time.Now() }

// Sleep implements Clock.
func (WallClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Options say how a Run goes.
type Options struct {
	// Clock is what steps are waited for by; nil is the wall clock. Leases are
	// about other machines, and always on the wall clock.
	Clock Clock
	// Detach returns ErrDetached instead of waiting for a step's effect.
	Detach bool
	// Transient tells errors that say nothing about the step's fate, such as a
	// throttle or a lost connection: the run is interrupted, not undone.
	Transient func(error) bool
	// Progress receives a milestone for each step.
	Progress progress.Func
}

// Forward takes the operation through all steps that are not done yet. On a
// failure before the point of no return it takes the earlier steps back.
//
// Errors: *FailedError, *InterruptedError, ErrFenced, ErrDetached, or a failure
// to write the journal.
func (r *Run) Forward(ctx context.Context, steps []Step, o Options) error {
	ctx, stop := r.lease.keep(ctx)
	defer stop()
	if r.operation.Status == Undoing {
		return r.resumeUndo(ctx, steps, o)
	}
	committed := false
	for i, step := range steps {
		err := r.advance(ctx, step, o)
		switch {
		case err == nil:
			committed = committed || step.Commit
		case errors.Is(err, ErrDetached):
			return r.mark(ctx, Detached, step.Name, "")
		case fenced(ctx, err):
			return fmt.Errorf("step %q: %w", step.Name, ErrFenced)
		case ctx.Err() != nil || o.IsTransient(err):
			return &InterruptedError{Step: step.Name, Err: err}
		case committed:
			return &FailedError{Step: step.Name, Err: err, Committed: true}
		default:
			return r.fail(ctx, steps[:i+1], err, o)
		}
	}
	if err := r.mark(ctx, Done, "", ""); err != nil {
		return &InterruptedError{Step: "note the end", Err: err}
	}
	return nil
}

// advance brings one step to its end.
func (r *Run) advance(ctx context.Context, step Step, o Options) error {
	began := o.Time().Now()
	if r.Resumed || !step.Own {
		if done, err := step.Done(ctx); err != nil || done {
			return err
		}
	}
	if err := r.ready(ctx, step); err != nil {
		return err
	}
	o.Progress.Milestone(step.Name, "started")
	err := step.Do(ctx)
	if errors.Is(err, ErrFenced) {
		return err
	}
	if err != nil {
		// A call may take effect although its answer was lost.
		if done, look := step.Done(ctx); look != nil || !done {
			return err
		}
	}
	if err != nil || !step.Quick {
		if err := r.await(ctx, step, o); err != nil {
			return err
		}
	}
	o.Progress.Milestone(step.Name, "done after "+o.Time().Now().Sub(began).Round(time.Second).String())
	return nil
}

// ready makes sure that the operation is still ours. An operation that goes on
// says so, one that has just begun has said it.
func (r *Run) ready(ctx context.Context, step Step) error {
	r.lease.at(step.Name)
	if step.Commit && !step.Asks {
		if err := r.Check(ctx); err != nil {
			return err
		}
	}
	if r.Resumed && !r.announced {
		return r.mark(ctx, Running, step.Name, "")
	}
	r.operation.Step = step.Name
	return r.lease.check(ctx)
}

// await looks until the step's effect is there.
func (r *Run) await(ctx context.Context, step Step, o Options) error {
	longest := step.Poll
	if longest <= 0 {
		longest = 5 * time.Second
	}
	for began := o.Time().Now(); ; {
		done, err := step.Done(ctx)
		if err != nil || done {
			return err
		}
		if o.Detach {
			return ErrDetached
		}
		if err := o.Time().Sleep(ctx, Pace(o.Time().Now().Sub(began), longest)); err != nil {
			return err //nolint:wrapcheck // the reason that ctx ended
		}
	}
}

// Time is the clock that is in force.
func (o Options) Time() Clock {
	if o.Clock == nil {
		return WallClock{}
	}
	return o.Clock
}

// Pace is the time until the next look at something that has been waited for so
// long: a second at first, then a quarter of that time, which is how much later
// than need be the end is seen at most, and never more than longest.
func Pace(waited, longest time.Duration) time.Duration {
	return min(max(time.Second, waited/4), longest)
}

// IsTransient tells whether an error says nothing about the step's fate.
func (o Options) IsTransient(err error) bool {
	return err != nil && o.Transient != nil && o.Transient(err)
}

func fenced(ctx context.Context, err error) bool {
	return errors.Is(err, ErrFenced) || errors.Is(context.Cause(ctx), ErrFenced)
}
