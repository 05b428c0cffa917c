package environment

import (
	"context"
	"fmt"
	"time"

	"github.com/org/shipkit/pkg/namespace"
)

// Extend moves the end to a time to live from now.
func (m *Manager) Extend(ctx context.Context, n namespace.Namespace, ttl time.Duration) (Result, error) {
	return m.change(ctx, n, func(r *Record) error {
		r.Expires = time.Now().UTC().Truncate(time.Second).Add(ttl)
		// The schedule first: a record that promises more than the schedule
		// keeps is the worse lie of the two.
		return m.Ends.Arrange(ctx, n, r.Expires)
	})
}

// Pause switches services and databases off, Wake on again.
func (m *Manager) Pause(ctx context.Context, n namespace.Namespace) (Result, error) {
	return m.change(ctx, n, func(r *Record) error {
		r.State = Paused
		return m.Backend.Power(ctx, n, false)
	})
}

// Wake switches services and databases on again.
func (m *Manager) Wake(ctx context.Context, n namespace.Namespace) (Result, error) {
	return m.change(ctx, n, func(r *Record) error {
		r.State = Ready
		return m.Backend.Power(ctx, n, true)
	})
}

func (m *Manager) change(ctx context.Context, n namespace.Namespace, change func(*Record) error) (Result, error) {
	record, err := m.mine(ctx, n)
	if err != nil {
		return Result{}, err
	}
	if record == nil || record.State == Ending {
		return Result{}, fmt.Errorf("environment %s is not there", n)
	}
	if err := change(record); err != nil {
		return Result{}, err
	}
	if err := m.Records.Put(ctx, n, *record); err != nil {
		return Result{}, err
	}
	return Result{Record: *record, Changed: true}, nil
}
