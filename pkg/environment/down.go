package environment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

// Down ends the environment: it removes what there is, whoever made it half or
// whole, and then what is known of it. An environment that is not there is no
// error.
func (m *Manager) Down(ctx context.Context, n namespace.Namespace) (Result, error) {
	return m.end(ctx, n, func(*Record, time.Time) bool { return true })
}

// end ends the environment if it still is to be ended once the lock is held.
// Only a removal that was cut off goes on without asking.
func (m *Manager) end(ctx context.Context, n namespace.Namespace, still func(*Record, time.Time) bool) (Result, error) {
	var record *Record
	look := func() (err error) {
		record, err = m.known(ctx, n)
		return err
	}
	if err := look(); err != nil {
		return Result{}, ignore(err, ErrMissing)
	}
	run, err := m.begin(ctx, n, func() (*saga.Run, error) {
		return m.journal(n).Begin(ctx, m.Holder, &saga.Operation{
			Kind: kindDown, Timestamp: namespace.TimestampOf(time.Now()), Replaces: []string{kindUp},
		})
	}, look)
	if err == nil {
		err = look()
	}
	switch {
	case run == nil:
		if err = ignore(err, ErrMissing); err != nil {
			err = fmt.Errorf("end environment %s: %w", n, err)
		}
		return Result{}, err
	case err != nil:
		return Result{}, errors.Join(err, run.Close(ctx))
	case !run.Resumed && !still(record, run.Now()):
		return Result{Record: *record}, errors.Join(run.Forward(ctx, nil, m.Options), run.Close(ctx))
	}
	if err := run.Forward(ctx, m.fall(n, record), m.Options); err != nil {
		return Result{}, errors.Join(err, run.Close(ctx))
	}
	record.State = Ending
	return Result{Record: *record, Changed: true}, errors.Join(run.Forget(ctx), run.Close(ctx))
}

// known returns the record, or an empty one if there is something without;
// ErrMissing if there is nothing at all.
func (m *Manager) known(ctx context.Context, n namespace.Namespace) (*Record, error) {
	record, err := m.mine(ctx, n)
	if err != nil || record != nil {
		return record, err
	}
	if nothing, err := m.nothing(ctx, n); err != nil || nothing {
		return nil, errors.Join(err, ErrMissing)
	}
	return &Record{Namespace: n.String(), Repository: m.Repository}, nil
}

// ignore drops one error.
func ignore(err, target error) error {
	if err == nil || errors.Is(err, target) { //nolint:errorlint // a joined error is looked through
		return nil
	}
	return err
}

// Owns tells whether a record is of this repository, and of something that this
// backend made: another one sees nothing of it, and would take it for gone.
func (m *Manager) Owns(r Record) bool {
	return r.Repository == m.Repository && (r.Kind == m.Kind || r.Kind == "")
}

// mine returns the record, and refuses another repository's or backend's.
func (m *Manager) mine(ctx context.Context, n namespace.Namespace) (*Record, error) {
	record, err := m.Records.Get(ctx, n)
	switch {
	case err != nil || record == nil || m.Owns(*record):
		return record, err
	case record.Repository != m.Repository:
		return nil, &diag.Diagnostic{
			Summary: fmt.Sprintf("environment %s belongs to repository %s: it is left alone", n, record.Repository),
			Try:     fmt.Sprintf("a project of its own for each repository; if that one has been renamed, delete its stack and the parameters below %s", n.Parameter("env")),
		}
	default:
		return nil, &diag.Diagnostic{
			Summary: fmt.Sprintf("environment %s was made by the backend %s: it is left alone", n, record.Kind),
			Try:     "backend: " + record.Kind,
		}
	}
}

// nothing tells that neither a backend nor a journal knows the environment.
func (m *Manager) nothing(ctx context.Context, n namespace.Namespace) (bool, error) {
	operation, err := m.journal(n).Load(ctx)
	if err != nil || operation != nil {
		return false, err
	}
	status, err := m.Backend.Look(ctx, n)
	return err == nil && status == nil, err
}

// fall lists the steps of an end. The record goes last: as long as it is there,
// the environment is found again.
func (m *Manager) fall(n namespace.Namespace, record *Record) []saga.Step {
	return []saga.Step{
		{
			Name: "mark as ending", Commit: true,
			Done: func(ctx context.Context) (bool, error) {
				known, err := m.Records.Get(ctx, n)
				return err == nil && (known == nil || known.State == Ending), err
			},
			Do: func(ctx context.Context) error {
				ending := *record
				ending.State = Ending
				return m.Records.Put(ctx, n, ending)
			},
		},
		{
			Name: "remove the environment",
			Done: func(ctx context.Context) (bool, error) {
				status, err := m.Backend.Look(ctx, n)
				return err == nil && status == nil, err
			},
			Do: func(ctx context.Context) error { return m.vanish(ctx, n) },
		},
		always("cancel the arranged end", func(ctx context.Context) error { return m.Ends.Cancel(ctx, n) }),
		always("free the slot", func(ctx context.Context) error { return m.Slots.Release(ctx, n.String()) }),
		{
			Name: "remove the record",
			Done: func(ctx context.Context) (bool, error) {
				known, err := m.Records.Get(ctx, n)
				return err == nil && known == nil, err
			},
			Do: func(ctx context.Context) error { return m.Records.Delete(ctx, n) },
		},
	}
}

// always is a step that is cheaper to repeat than to look for.
func always(name string, do func(context.Context) error) saga.Step {
	done := false
	return saga.Step{
		Name: name,
		Done: func(context.Context) (bool, error) { return done, nil },
		Do: func(ctx context.Context) error {
			err := do(ctx)
			done = err == nil
			return err
		},
	}
}

// vanish removes the backend's part and waits until it is gone. A change that
// is under way ends first; a removal that failed is tried again.
func (m *Manager) vanish(ctx context.Context, n namespace.Namespace) error {
	tries, seen, began := 0, false, m.Options.Time().Now()
	for {
		status, err := m.Backend.Look(ctx, n)
		if err != nil {
			return err
		}
		if status == nil && seen {
			return nil
		}
		if status == nil {
			// What was created a moment ago may not be seen yet.
			if err := m.sleep(ctx, settle); err != nil {
				return err
			}
			if status, err = m.Backend.Look(ctx, n); err != nil || status == nil {
				return err
			}
		}
		seen = true
		if !status.Busy && !status.Deleting {
			if tries++; tries > removeTries {
				return fmt.Errorf("environment %s does not go after %d tries: %s", n, removeTries, status.Failed)
			}
			if err := m.Backend.Destroy(ctx, n); err != nil {
				return err
			}
		}
		if err := m.sleep(ctx, saga.Pace(m.Options.Time().Now().Sub(began), 5*time.Second)); err != nil {
			return err
		}
	}
}

const (
	removeTries = 5
	settle      = 6 * time.Second
)

func isHeld(err error) bool {
	var held *saga.HeldError
	return errors.As(err, &held)
}

func (m *Manager) sleep(ctx context.Context, d time.Duration) error {
	return m.Options.Time().Sleep(ctx, d)
}
