package environment

import (
	"context"
	"errors"
	"time"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/progress"
)

// rest refuses what has no slot before anything is written, and waits until
// the names of what was removed a moment ago may be used again.
func (m *Manager) rest(ctx context.Context, n namespace.Namespace, limit int) error {
	freed, err := m.room(ctx, n, limit)
	if err != nil || freed.IsZero() {
		return err
	}
	// No longer than that: another runner's clock wrote it.
	wait := min(m.Rest-time.Since(freed), m.Rest)
	if wait <= 0 {
		return nil
	}
	m.Progress.Send(progress.Event{
		Task: "environment " + n.String(), Text: "waiting " + wait.Round(time.Second).String() + ": it ended a moment ago",
	})
	return m.sleep(ctx, wait)
}

// room looks for a slot. If all are taken, it looks which of them have an
// environment: what ends without us frees no slot.
func (m *Manager) room(ctx context.Context, n namespace.Namespace, limit int) (time.Time, error) {
	freed, err := m.Slots.Look(ctx, n.String(), limit)
	var full *FullError
	if !errors.As(err, &full) {
		return freed, err
	}
	failure := m.vacate(ctx, full.Owners)
	freed, again := m.Slots.Look(ctx, n.String(), limit)
	if again == nil {
		return freed, nil
	}
	return freed, errors.Join(err, failure)
}

// vacate ends what is overdue, and else one environment that is not there any
// more: of which somebody has deleted the stack.
func (m *Manager) vacate(ctx context.Context, owners []string) error {
	records, err := m.List(ctx)
	if err != nil {
		return err
	}
	ended, err := m.Reap(ctx, m.Overdue(records, nil))
	if len(ended) > 0 {
		return err
	}
	hasty := *m
	hasty.Patience = 0 // where another run is at work, there is something
	failures := []error{err}
	for _, owner := range owners {
		n, err := namespace.Parse(owner)
		if err != nil {
			continue // it was taken a moment ago
		}
		freed, err := hasty.evict(ctx, n)
		if freed {
			return nil
		}
		if !isHeld(err) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// evict frees the slot of an environment that is not there any more.
func (m *Manager) evict(ctx context.Context, n namespace.Namespace) (bool, error) {
	dead, record, err := m.dead(ctx, n)
	if err != nil || !dead {
		return false, err
	}
	if record != nil && m.Owns(*record) {
		result, err := m.end(ctx, n, func(*Record, time.Time) bool {
			dead, _, err = m.dead(ctx, n)
			return err == nil && dead
		})
		return result.Changed, err
	}
	run, err := m.journal(n).Hold(ctx, m.Holder)
	if err != nil {
		return false, err
	}
	if dead, record, err = m.dead(ctx, n); err == nil && dead {
		err = m.Slots.Release(ctx, n.String())
	}
	if record == nil { // nor is there anything else that the lock would guard
		err = errors.Join(err, run.Forget(ctx))
	}
	return dead && err == nil, errors.Join(err, run.Close(ctx))
}

// dead tells whether nothing stands behind a slot. Of another repository's
// environment only what has expired is judged, and only if this backend would
// see it; its record is left.
func (m *Manager) dead(ctx context.Context, n namespace.Namespace) (bool, *Record, error) {
	record, err := m.Records.Get(ctx, n)
	if err != nil {
		return false, nil, err
	}
	if record != nil && !m.Owns(*record) && (record.Kind != m.Kind || time.Now().Before(record.Expires)) {
		return false, record, nil
	}
	status, err := m.Backend.Look(ctx, n)
	return err == nil && status == nil, record, err
}
