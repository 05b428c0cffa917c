package environment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

// Extend moves the end to a time to live from now.
func (m *Manager) Extend(ctx context.Context, n namespace.Namespace, ttl time.Duration) (Result, error) {
	return m.change(ctx, n, func(r *Record, now time.Time) error {
		r.Expires = now.Add(ttl)
		// The schedule first: a record that promises more than the schedule
		// keeps is the worse lie of the two.
		return m.Ends.Arrange(ctx, n, r.Expires)
	})
}

// Pause switches services and databases off, Wake on again.
func (m *Manager) Pause(ctx context.Context, n namespace.Namespace) (Result, error) {
	return m.power(ctx, n, Paused)
}

// Wake switches services and databases on again.
func (m *Manager) Wake(ctx context.Context, n namespace.Namespace) (Result, error) {
	return m.power(ctx, n, Ready)
}

func (m *Manager) power(ctx context.Context, n namespace.Namespace, state State) (Result, error) {
	return m.change(ctx, n, func(r *Record, now time.Time) error {
		if r.State == Creating {
			return fmt.Errorf("environment %s is only half made: run up to its end, or down", n)
		}
		r.State, r.Since = state, now
		return m.Backend.Power(ctx, n, state == Ready)
	})
}

// Tell notes that people are warned of the end at expires. It is false if they
// have been already, if the end was moved meanwhile, or if another run is at
// work on the environment, which will move it.
func (m *Manager) Tell(ctx context.Context, n namespace.Namespace, expires time.Time) (bool, error) {
	return m.note(ctx, n, func(r *Record, now time.Time) error {
		if !r.Expires.Equal(expires) || r.Told.Equal(expires) {
			return errSame
		}
		r.Told = expires
		return nil
	})
}

// Untell takes a Tell back that nobody has heard.
func (m *Manager) Untell(ctx context.Context, n namespace.Namespace) error {
	_, err := m.note(ctx, n, func(r *Record, now time.Time) error {
		r.Told = time.Time{}
		return nil
	})
	return err
}

// note changes a record without patience.
func (m *Manager) note(ctx context.Context, n namespace.Namespace, change func(*Record, time.Time) error) (bool, error) {
	hasty := *m
	hasty.Patience = 0
	result, err := hasty.change(ctx, n, change)
	if isHeld(err) || errors.Is(err, ErrMissing) {
		return false, nil
	}
	return result.Changed, err
}

// ErrMissing says that there is no such environment.
var ErrMissing = errors.New("it is not there")

// errSame says that a record is as it should be already.
var errSame = errors.New("nothing changes")

// change changes a record under the environment's lock.
func (m *Manager) change(ctx context.Context, n namespace.Namespace, change func(*Record, time.Time) error) (Result, error) {
	look := func() error {
		_, err := m.standing(ctx, n)
		return err
	}
	if err := look(); err != nil {
		return Result{}, err
	}
	hold := func() (*saga.Run, error) { return m.journal(n).Hold(ctx, m.Holder) }
	run, err := m.begin(ctx, n, hold, look)
	if err != nil {
		return Result{}, fmt.Errorf("environment %s: %w", n, err)
	}
	record, err := m.standing(ctx, n)
	if errors.Is(err, ErrMissing) {
		// It ended a moment ago, and its lock with it: leave none behind.
		return Result{}, errors.Join(err, run.Forget(ctx), run.Close(ctx))
	}
	if err == nil {
		err = change(&record, whole(run.Now()))
	}
	if err == nil {
		err = run.Check(ctx)
	}
	if err == nil {
		err = m.Records.Put(ctx, n, record)
	}
	same := errors.Is(err, errSame)
	if same {
		err = nil
	}
	return Result{Record: record, Changed: !same}, errors.Join(err, run.Close(ctx))
}

// standing returns the record of an environment that is not ending.
func (m *Manager) standing(ctx context.Context, n namespace.Namespace) (Record, error) {
	record, err := m.mine(ctx, n)
	if err != nil {
		return Record{}, err
	}
	if record == nil || record.State == Ending {
		return Record{}, fmt.Errorf("environment %s: %w", n, ErrMissing)
	}
	return *record, nil
}

// whole is a time as records keep it.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
