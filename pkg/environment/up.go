package environment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/progress"
	"github.com/org/shipkit/pkg/saga"
)

// Result is what a command came to.
type Result struct {
	Record  Record
	Outputs map[string]string
	// Changed is false if everything was as wished already.
	Changed bool
}

// Up makes the environment, or brings it to what the request says. If it is so
// already, nothing is written but a later expiry.
//
// Errors: *saga.HeldError, *saga.FailedError (a new one is removed again), and
// diagnostics when a bound refuses it.
func (m *Manager) Up(ctx context.Context, n namespace.Namespace, r Request) (Result, error) {
	if err := r.affordable(); err != nil {
		return Result{}, err
	}
	if same, err := m.unchanged(ctx, n, r); err != nil || same != nil {
		if same == nil {
			return Result{}, err
		}
		return *same, err
	}
	if m.Begins != nil {
		m.Begins(ctx)
	}
	run, err := m.beginUp(ctx, n, r.MaxEnvs)
	if err != nil {
		return Result{}, fmt.Errorf("environment %s: %w", n, err)
	}
	up := &rise{Manager: m, n: n, request: r, run: run}
	if err := up.prepare(ctx); err != nil {
		return Result{}, errors.Join(err, run.Close(ctx))
	}
	err = run.Forward(ctx, up.steps(), m.Options)
	var failed *saga.FailedError
	if errors.As(err, &failed) && failed.Undone && !up.existed {
		err = errors.Join(err, run.Forget(ctx)) // nothing of it is left
	}
	result := Result{Changed: true}
	if err == nil {
		result, err = up.result(ctx)
	}
	return result, errors.Join(err, run.Close(ctx))
}

// unchanged returns the environment if it stands as the request says.
func (m *Manager) unchanged(ctx context.Context, n namespace.Namespace, r Request) (*Result, error) {
	record, err := m.mine(ctx, n)
	if err != nil || record == nil || record.State != Ready {
		return nil, err
	}
	status, err := m.Backend.Look(ctx, n)
	if err != nil || status == nil || !status.Ready || status.Version != r.Fingerprint() {
		return nil, err
	}
	if time.Until(record.Expires) < r.TTL/2 || time.Now().After(record.Expires) {
		return nil, nil //nolint:nilnil // its end must be moved, which is a change
	}
	return &Result{Record: *record, Outputs: status.Outputs}, nil
}

// beginUp begins, and first finishes a removal that was cut off.
func (m *Manager) beginUp(ctx context.Context, n namespace.Namespace, limit int) (*saga.Run, error) {
	rest := func() error { return m.rest(ctx, n, limit) }
	begin := func() (*saga.Run, error) {
		if err := rest(); err != nil {
			return nil, err
		}
		return m.begin(ctx, n, func() (*saga.Run, error) {
			return m.journal(n).Begin(ctx, m.Holder, &saga.Operation{Kind: kindUp, Timestamp: namespace.TimestampOf(time.Now())})
		}, rest)
	}
	run, err := begin()
	var other *saga.OtherError
	if errors.As(err, &other) && other.Operation.Kind == kindDown {
		if _, err := m.Down(ctx, n); err != nil {
			return nil, fmt.Errorf("finish the removal that was cut off: %w", err)
		}
		return begin()
	}
	return run, err
}

// Fingerprint identifies what an environment is made from.
func (r Request) Fingerprint() string {
	text, err := json.Marshal(map[string]any{"commit": r.Commit, "source": r.Source, "parameters": r.Parameters})
	if err != nil {
		return "" // maps of strings always marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// rise is one Up under way.
type rise struct {
	*Manager
	n       namespace.Namespace
	request Request
	run     *saga.Run
	// existed: it is an update, which is not taken back by a removal. asleep: it
	// may be switched off.
	existed, asleep bool
	record          Record
}

func (u *rise) prepare(ctx context.Context) error {
	known, err := u.mine(ctx, u.n)
	if err != nil {
		return err
	}
	u.record = Record{
		Namespace: u.n.String(), Repository: u.Repository, Kind: u.Kind, Created: u.now(), State: Creating, Since: u.now(),
	}
	if known != nil {
		u.record = *known
		u.existed = known.State == Ready || known.State == Paused
		sleeps := u.request.HoursShare > 0 && u.request.HoursShare < 1
		u.asleep = u.existed && (sleeps || known.State == Paused)
	}
	u.record.Pull, u.record.Commit, u.record.RunURL = u.request.Pull, u.request.Commit, u.RunURL
	u.record.Hourly = u.request.Hourly
	if !u.run.Resumed || u.record.Expires.IsZero() {
		u.record.Expires = u.now().Add(u.request.TTL)
	}
	return nil
}

// now is the time of the schedule that will end it.
func (u *rise) now() time.Time { return whole(u.run.Now()) }

func (u *rise) steps() []saga.Step {
	// The record first: what it names is found by a reap, also a slot.
	steps := []saga.Step{u.note(), u.claim(), u.arrangeEnd(), u.apply()}
	if u.asleep {
		// Whoever changes it wants to look at it.
		steps = append(steps, always("switch it on", func(ctx context.Context) error { return u.Backend.Power(ctx, u.n, true) }))
	}
	if u.Answers != nil {
		steps = append(steps, u.answer())
	}
	return append(steps, u.finish())
}

// unlessExisted guards the undo of an update: the environment stays.
func (u *rise) unlessExisted(undo func(context.Context) error) func(context.Context) error {
	if u.existed {
		return nil
	}
	return undo
}

func (u *rise) claim() saga.Step {
	step := always("claim a slot", func(ctx context.Context) error { return u.Slots.Claim(ctx, u.n.String(), u.request.MaxEnvs) })
	step.Undo = u.unlessExisted(func(ctx context.Context) error { return u.Slots.Release(ctx, u.n.String()) })
	return step
}

func (u *rise) note() saga.Step {
	return saga.Step{
		Name: "record",
		Done: func(ctx context.Context) (bool, error) {
			known, err := u.Records.Get(ctx, u.n)
			return err == nil && known != nil && known.Expires.Equal(u.record.Expires) && known.Commit == u.record.Commit, err
		},
		Do:   func(ctx context.Context) error { return u.Records.Put(ctx, u.n, u.record) },
		Undo: u.unlessExisted(func(ctx context.Context) error { return u.Records.Delete(ctx, u.n) }),
	}
}

func (u *rise) arrangeEnd() saga.Step {
	step := always("arrange the end", func(ctx context.Context) error { return u.Ends.Arrange(ctx, u.n, u.record.Expires) })
	step.Undo = u.unlessExisted(func(ctx context.Context) error { return u.Ends.Cancel(ctx, u.n) })
	return step
}

func (u *rise) apply() saga.Step {
	begun := false // before that, a failure is an earlier run's, which this one mends
	return saga.Step{
		Name: "make the environment", Poll: 5 * time.Second,
		Done: func(ctx context.Context) (bool, error) {
			status, err := u.Backend.Look(ctx, u.n)
			if err != nil || status == nil {
				return false, err
			}
			if begun && status.Failed != "" && !status.Deleting {
				return false, errors.New(status.Failed)
			}
			u.Progress.Send(progress.Event{Task: "environment " + u.n.String(), Text: "being made"})
			return status.Ready && status.Version == u.request.Fingerprint(), nil
		},
		Do: func(ctx context.Context) error {
			begun = true
			return u.Backend.Apply(ctx, u.n, u.request)
		},
		Undo: u.unlessExisted(func(ctx context.Context) error { return u.vanish(ctx, u.n) }),
	}
}

func (u *rise) answer() saga.Step {
	return saga.Step{
		Name: "wait for an answer", Poll: time.Second,
		Done: func(ctx context.Context) (bool, error) {
			status, err := u.Backend.Look(ctx, u.n)
			if err != nil || status == nil {
				return false, err
			}
			return u.Answers(ctx, status.URL)
		},
		Do: func(context.Context) error { return nil },
	}
}

func (u *rise) finish() saga.Step {
	return saga.Step{
		Name: "mark ready",
		Done: func(ctx context.Context) (bool, error) {
			known, err := u.Records.Get(ctx, u.n)
			return err == nil && known != nil && known.State == Ready && known.Commit == u.record.Commit, err
		},
		Do: func(ctx context.Context) error {
			status, err := u.Backend.Look(ctx, u.n)
			if err != nil || status == nil {
				return errors.Join(err, errors.New("it has vanished"))
			}
			u.record.State, u.record.Since, u.record.URL = Ready, u.now(), status.URL
			return u.Records.Put(ctx, u.n, u.record)
		},
	}
}

func (u *rise) result(ctx context.Context) (Result, error) {
	record, err := u.Records.Get(ctx, u.n)
	if err != nil || record == nil {
		return Result{Record: u.record, Changed: true}, err
	}
	result := Result{Record: *record, Changed: true}
	status, err := u.Backend.Look(ctx, u.n)
	if err == nil && status != nil {
		result.Outputs = status.Outputs
	}
	return result, err
}
