package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/progress"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// snapshotDone observes a snapshot until it is available.
func (p *promotion) snapshotDone(side Side, id string) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		s, err := p.lookAt(ctx, side, id)
		if err != nil || s == nil {
			return false, errors.Join(err, p.vanished("snapshot "+id, err == nil))
		}
		p.missed["snapshot "+id] = 1
		if database.Failed(s.Status) {
			return false, fmt.Errorf("snapshot %s is %s", id, s.Status)
		}
		p.Progress.Send(progress.Event{
			Task: "snapshot " + id, Text: s.Status, Done: int64(s.Progress), Total: 100, Unit: "%",
		})
		return s.Status == database.Available, nil
	}
}

// missedLooks is how often in a row a thing that was seen must be missing to be
// gone: a single look may be stale.
const missedLooks = 6

// vanished returns an error once a thing that was there is gone, by another
// hand: waiting for it would never end.
func (p *promotion) vanished(what string, missing bool) error {
	if !missing || p.missed[what] == 0 { // never seen
		return nil
	}
	if p.missed[what]++; p.missed[what] > missedLooks {
		return fmt.Errorf("%s is gone: somebody has deleted it", what)
	}
	return nil
}

// lookAt looks at a snapshot and keeps what it sees.
func (p *promotion) lookAt(ctx context.Context, side Side, id string) (*database.Snapshot, error) {
	s, err := side.Databases.Snapshot(ctx, id)
	if err == nil {
		p.snapshots[id] = s
	}
	return s, err
}

// mustSnapshot returns a snapshot that is complete.
func (p *promotion) mustSnapshot(ctx context.Context, side Side, id string) (*database.Snapshot, error) {
	if s := p.snapshots[id]; s != nil && s.Status == database.Available {
		return s, nil
	}
	s, err := p.lookAt(ctx, side, id)
	if err == nil && s == nil {
		err = fmt.Errorf("snapshot %s is gone", id)
	}
	return s, err
}

// dropSnapshot deletes a snapshot that this operation made. RDS deletes none
// that is in the making.
func (p *promotion) dropSnapshot(side Side, id string) func(context.Context) error {
	return func(ctx context.Context) error {
		for wait, looks := settle, 0; ; wait, looks = longestPoll, looks+1 {
			s, err := p.lookAt(ctx, side, id)
			switch {
			case err != nil:
				return err
			case s == nil && looks > 0:
				return nil
			case s == nil: // a stale read may hide what was made a moment ago
			case s.Status == "deleting":
				return nil
			case s.Status == database.Available || database.Failed(s.Status):
				if err := p.mine(side, s); err != nil {
					return err
				}
				return side.Databases.DeleteSnapshot(ctx, id)
			}
			if err := p.Options.Time().Sleep(ctx, wait); err != nil {
				return err //nolint:wrapcheck // the reason that ctx ended
			}
		}
	}
}

// mine holds a snapshot against the tags that this operation gives.
func (p *promotion) mine(side Side, s *database.Snapshot) error {
	if !side.Namespace.Owns(s.Tags, "") || s.Tags[namespace.TagTimestamp] != string(p.ts) {
		return fmt.Errorf("snapshot %s is not ours by its tags: it is left alone", s.ID)
	}
	return nil
}

// stackDone observes a stack until it is created.
func (p *promotion) stackDone(stacks Stacks, name string) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		stack, err := stacks.Look(ctx, name)
		if err != nil || stack == nil {
			return false, errors.Join(err, p.vanished("stack "+name, err == nil))
		}
		p.missed["stack "+name] = 1
		switch {
		case stack.Ready && !p.made(*stack):
			return false, fmt.Errorf("stack %s is there already, and its tags are not ours", name)
		case stack.Failed != "":
			return false, fmt.Errorf("stack %s: %s", name, stack.Failed)
		case stack.Deleting:
			return false, fmt.Errorf("stack %s is being deleted by somebody", name)
		}
		p.stack = stack
		p.Progress.Send(progress.Event{Task: "restore " + name, Text: "creating"})
		return stack.Ready, nil
	}
}

// made tells by its tags whether this operation made a stack.
func (p *promotion) made(stack Stack) bool {
	return stack.Tags[namespace.TagTimestamp] == string(p.ts) &&
		(p.Source.Namespace.Owns(stack.Tags, "") || p.Target.Namespace.Owns(stack.Tags, ""))
}

// takeBack undoes the making of a stack. A stranger's of the same name is left
// alone.
func (p *promotion) takeBack(ctx context.Context, side Side, stacks Stacks, name string) error {
	err := p.removeStack(ctx, side, stacks, name)
	if errors.Is(err, errForeign) {
		p.Progress.Warn("stack "+name, err.Error())
		return nil
	}
	return err
}

// errForeign says that a thing is somebody else's.
var errForeign = errors.New("not ours by its tags")

// removeStack deletes a database's stack and waits until it is gone. It is the
// only place that deletes a database, and so it keeps the invariant: not the
// active version, not one that a running revision refers to, not a stranger's.
func (p *promotion) removeStack(ctx context.Context, side Side, stacks Stacks, name string) error {
	failed := 0
	for wait := time.Second; ; wait = min(2*wait, longestPoll) {
		stack, err := stacks.Look(ctx, name)
		if stack == nil && err == nil { // a stale read may hide what was made a moment ago
			if err := p.Options.Time().Sleep(ctx, settle); err != nil {
				return err //nolint:wrapcheck // the reason that ctx ended
			}
			stack, err = stacks.Look(ctx, name)
		}
		if err != nil || stack == nil {
			return err
		}
		if !stack.Deleting {
			if err := p.mayRemove(ctx, side, *stack); err != nil {
				return err
			}
			if failed == deletions {
				return fmt.Errorf("stack %s cannot be deleted: %s", name, stack.Failed)
			}
			free, err := p.unprotect(ctx, side, name)
			if err != nil {
				return err
			}
			if free {
				err = stacks.Delete(ctx, name)
			}
			if err != nil {
				return err
			}
			if free && stack.Failed != "" {
				failed++
			}
		}
		if err := p.Options.Time().Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// unprotect takes the deletion protection off. A stopped database cannot be
// modified, so one that was stopped by hand is started first.
func (p *promotion) unprotect(ctx context.Context, side Side, id string) (bool, error) {
	db, err := side.Databases.Database(ctx, id)
	switch {
	case err != nil:
		return false, err
	case db == nil || !db.DeletionProtection:
		return true, nil
	case db.Status == "stopped":
		return false, side.Databases.Start(ctx, id)
	case db.Status == database.Available:
		return true, side.Databases.Protect(ctx, id, false)
	case database.Failed(db.Status):
		_ = side.Databases.Protect(ctx, id, false) // if it can be; the deletion says if not
		return true, nil
	default:
		return false, nil // wait until it is available
	}
}

func (p *promotion) mayRemove(ctx context.Context, side Side, stack Stack) error {
	ts := namespace.Timestamp(stack.Tags[namespace.TagTimestamp])
	if !side.Namespace.Owns(stack.Tags, "") || ts == "" {
		return fmt.Errorf("stack %s is left alone: %w", stack.Name, errForeign)
	}
	if stack.Name != side.Namespace.Database(ts) {
		return nil // a quarantine: no pointer and no service ever refers to it
	}
	return p.mayRemoveVersion(ctx, ts)
}

func (p *promotion) mayRemoveVersion(ctx context.Context, ts namespace.Timestamp) error {
	values, err := p.run.Read(ctx, p.Target.Namespace.Active()) // and whether the operation is still ours
	if err != nil {
		return err //nolint:wrapcheck // it names the parameter
	}
	active, err := p.book.version(values[p.Target.Namespace.Active()])
	if err != nil {
		return err
	}
	if active == ts {
		return fmt.Errorf("database %s is the active one: it is left alone", ts)
	}
	if p.Deployer == nil {
		return nil
	}
	used, err := p.Deployer.References(ctx)
	if err != nil {
		return err
	}
	for _, reference := range used {
		if reference == ts {
			return fmt.Errorf("database %s is used by a running revision: it is left alone", ts)
		}
	}
	return nil
}

const longestPoll = 20 * time.Second

// deletions is how often the deletion of a failed stack is begun.
const deletions = 5

// settle is how long a read may miss what was just created.
const settle = 10 * time.Second
