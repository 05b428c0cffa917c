package saga

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Run is an operation that this process holds.
type Run struct {
	journal   Journal
	lease     *lease
	operation Operation
	// Resumed tells that an earlier run began the operation.
	Resumed bool
	// announced is set once the journal says that this run goes on with it.
	announced bool
}

// Operation returns where the operation stands.
func (r *Run) Operation() Operation { return r.operation }

// Begin takes the lock and either resumes the operation that the journal holds
// or starts fresh, whose timestamp is written before Begin returns. A nil
// fresh resumes only: ErrNothing if there is nothing to resume.
//
// Errors: *HeldError if another run holds the lock, *OtherError if an
// operation of another kind is under way, and what fresh.Still says.
func (j Journal) Begin(ctx context.Context, holder Holder, fresh *Operation) (*Run, error) {
	lease, err := j.acquire(ctx, holder)
	if err != nil {
		return nil, err
	}
	run := &Run{journal: j, lease: lease}
	if err := run.load(ctx, holder, fresh); err != nil {
		return nil, errors.Join(err, run.Close(ctx))
	}
	return run, nil
}

// ErrNothing says that the journal holds no operation to resume.
var ErrNothing = errors.New("there is no operation under way")

// OtherError says that an operation of another kind has not ended.
type OtherError struct{ Operation Operation }

func (e *OtherError) Error() string {
	return "operation " + e.Operation.String() + ": finish or abort it first"
}

func (r *Run) load(ctx context.Context, holder Holder, fresh *Operation) error {
	known, now, err := r.journal.beside(ctx, fresh)
	if err != nil {
		return err
	}
	replaces := known != nil && fresh != nil && slices.Contains(fresh.Replaces, known.Kind)
	switch {
	case known != nil && !known.Status.Ended() && fresh != nil && known.Kind != fresh.Kind && !replaces:
		return &OtherError{Operation: *known}
	case known != nil && !known.Status.Ended() && !replaces:
		r.operation, r.Resumed = *known, true
		r.operation.RunURL = holder.RunURL
		return nil
	case fresh == nil:
		return ErrNothing
	default:
		if fresh.Still != nil {
			if err := fresh.Still(now); err != nil {
				return err
			}
		}
		r.operation = *fresh
		r.operation.Started = time.Now().UTC()
		r.operation.RunURL = holder.RunURL
		return r.write(ctx, Running, "", "") // the lease is of this moment
	}
}

// Remember keeps a choice in the journal.
func (r *Run) Remember(ctx context.Context, key, value string) error {
	if r.operation.Data[key] == value {
		return nil
	}
	data := map[string]string{key: value}
	for k, v := range r.operation.Data {
		if k != key {
			data[k] = v
		}
	}
	r.operation.Data = data
	return r.mark(ctx, r.operation.Status, r.operation.Step, r.operation.Note)
}

// mark writes where the operation stands, if the lease is still ours.
func (r *Run) mark(ctx context.Context, status Status, step, note string) error {
	if err := r.lease.check(ctx); err != nil {
		return err
	}
	return r.write(ctx, status, step, note)
}

func (r *Run) write(ctx context.Context, status Status, step, note string) error {
	op := r.operation
	op.Status, op.Step, op.Note = status, step, note
	op.Generation, op.Updated = r.lease.current(), time.Now().UTC()
	if err := r.journal.save(ctx, op); err != nil {
		return err
	}
	r.operation, r.announced = op, true
	if status == Detached {
		return ErrDetached
	}
	return nil
}

// Forget removes the journal and the lock, when what they are about is gone for
// good. Nobody else can hold the lock meanwhile, and a process that slept
// through its lease never wakes to it.
func (r *Run) Forget(ctx context.Context) error {
	if _, err := r.lease.ask(ctx); err != nil {
		return err
	}
	if err := remove(ctx, r.journal.Parameters, r.journal.Path); err != nil {
		return err
	}
	return r.lease.forget(ctx)
}

// Close gives the lock back, also when ctx is cancelled already.
func (r *Run) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return r.lease.release(ctx)
}
