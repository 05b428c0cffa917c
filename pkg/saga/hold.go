package saga

import (
	"context"
	"time"
)

// Hold takes the lock without an operation: for a change that is a single
// write, or that is whole again when it is repeated. Close gives it back.
//
// Errors: *HeldError if another run holds the lock.
func (j Journal) Hold(ctx context.Context, holder Holder) (*Run, error) {
	lease, err := j.acquire(ctx, holder)
	if err != nil {
		return nil, err
	}
	return &Run{journal: j, lease: lease}, nil
}

// Check returns ErrFenced if another run has taken the lock over, and renews
// it when it runs low. Ask right before a write.
func (r *Run) Check(ctx context.Context) error {
	_, err := r.lease.ask(ctx)
	return err
}

// Read is Check that reads up to nine parameters in the same call. One that is
// not there is left out.
func (r *Run) Read(ctx context.Context, names ...string) (map[string]string, error) {
	return r.lease.ask(ctx, names...)
}

// Now is AWS\'s time.
func (r *Run) Now() time.Time { return r.lease.now() }
