package saga

import (
	"context"
	"errors"
	"fmt"
)

// fail records why the last of steps failed and takes all of them back.
func (r *Run) fail(ctx context.Context, steps []Step, cause error, o Options) error {
	name := steps[len(steps)-1].Name
	o.Progress.Warn(name, "failed: "+cause.Error())
	if err := r.mark(ctx, Undoing, name, cause.Error()); err != nil {
		return errors.Join(cause, err)
	}
	if err := r.undo(ctx, steps, o); err != nil {
		return errors.Join(&FailedError{Step: name, Err: cause}, err)
	}
	if err := r.mark(ctx, Undone, name, cause.Error()); err != nil {
		return errors.Join(cause, err)
	}
	return &FailedError{Step: name, Err: cause, Undone: true}
}

// resumeUndo finishes what an earlier run began to take back.
func (r *Run) resumeUndo(ctx context.Context, steps []Step, o Options) error {
	name, note := r.operation.Step, r.operation.Note
	if err := r.undo(ctx, upTo(steps, name), o); err != nil {
		return err
	}
	if err := r.mark(ctx, Undone, name, note); err != nil {
		return err
	}
	return &FailedError{Step: name, Err: errors.New(note), Undone: true}
}

// Back takes the operation back: abort. It refuses after the point of no
// return; the committed step's Done decides, not the journal.
func (r *Run) Back(ctx context.Context, steps []Step, o Options) error {
	ctx, stop := r.lease.keep(ctx)
	defer stop()
	for _, step := range steps {
		if !step.Commit {
			continue
		}
		done, err := step.Done(ctx)
		if err != nil {
			return fmt.Errorf("abort: look at step %q: %w", step.Name, err)
		}
		if done {
			return fmt.Errorf("abort: step %q is done, which is the point of no return", step.Name)
		}
	}
	if err := r.mark(ctx, Undoing, r.operation.Step, "aborted"); err != nil {
		return err
	}
	if err := r.undo(ctx, steps, o); err != nil {
		return err
	}
	return r.mark(ctx, Undone, r.operation.Step, "aborted")
}

// undo takes steps back, the last one first.
func (r *Run) undo(ctx context.Context, steps []Step, o Options) error {
	for i := len(steps) - 1; i >= 0; i-- {
		step := steps[i]
		if step.Undo == nil {
			continue
		}
		if _, err := r.lease.ask(ctx); err != nil { // what is removed does not come back
			return fmt.Errorf("undo step %q: %w", step.Name, err)
		}
		if err := step.Undo(ctx); err != nil {
			return fmt.Errorf("undo step %q: %w; run again to go on", step.Name, err)
		}
		o.Progress.Milestone(step.Name, "taken back")
	}
	return nil
}

// upTo returns the steps up to the named one; all of them if there is none of
// that name, since undoing what is not there does nothing.
func upTo(steps []Step, name string) []Step {
	for i, step := range steps {
		if step.Name == name {
			return steps[:i+1]
		}
	}
	return steps
}
