package snapshot

import (
	"context"
	"fmt"
	"time"

	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// The old database goes in three stages, so that each can be taken back until
// the next: a final snapshot, a stop, and after the retention the removal.

func (p *promotion) old() string { return p.Target.Namespace.Database(p.previous()) }

// saveOld takes the final snapshot while the database still runs: a stopped
// one cannot be snapshotted.
func (p *promotion) saveOld() saga.Step {
	id := p.Target.Namespace.Final(p.previous())
	return saga.Step{
		Name: "snapshot old database " + p.old(), Own: true, Poll: 15 * time.Second,
		Done: func(ctx context.Context) (bool, error) {
			if done, err := p.snapshotDone(p.Target, id)(ctx); err != nil || done || p.snapshots[id] != nil {
				return done, err
			}
			db, err := p.Target.Databases.Database(ctx, p.old())
			return db == nil, err // nothing to save
		},
		Do: func(ctx context.Context) error {
			if p.snapshots[id] != nil {
				return nil // in the making
			}
			take := func() error {
				return p.Target.Databases.Take(ctx, p.old(), id, p.Target.Namespace.Tags(p.previous(), p.request.Origin))
			}
			refused := take()
			if refused == nil || p.Options.IsTransient(refused) {
				return refused
			}
			switch db, err := p.settled(ctx, p.old()); {
			case err != nil || db == nil: // nothing to save
				return err
			case db.Status != database.Available:
				return fmt.Errorf("database %s is %s: it cannot be saved: %w", db.ID, db.Status, refused)
			default:
				return take()
			}
		},
	}
}

// settled waits until a database is neither being changed nor backed up: RDS
// does nothing with it meanwhile. It returns nil if there is none.
func (p *promotion) settled(ctx context.Context, id string) (*database.Database, error) {
	for {
		db, err := p.Target.Databases.Database(ctx, id)
		if err != nil || db == nil {
			return nil, err
		}
		if db.Status == database.Available || db.Status == "stopped" || database.Failed(db.Status) {
			return db, nil
		}
		if err := p.Options.Time().Sleep(ctx, settle); err != nil {
			return nil, err //nolint:wrapcheck // the reason that ctx ended
		}
	}
}

// stopOld stops what nobody uses any more and notes until when it is kept.
func (p *promotion) stopOld() saga.Step {
	fact := p.Target.Namespace.Version(p.previous(), factRetireAfter)
	return saga.Step{
		Name: "stop old database " + p.old(), Own: true, Poll: 15 * time.Second,
		Done: func(ctx context.Context) (bool, error) {
			db, err := p.Target.Databases.Database(ctx, p.old())
			if err != nil || db == nil {
				return err == nil, err
			}
			if db.Status != "stopped" || p.noted { // what was noted is not asked for
				return p.noted && db.Status == "stopped", nil
			}
			kept, err := p.book.get(ctx, fact)
			return kept != "", err
		},
		Do: func(ctx context.Context) error {
			if err := p.mayRemoveVersion(ctx, p.previous()); err != nil {
				return err
			}
			until := p.Options.Time().Now().Add(p.request.Retention).UTC().Format(time.RFC3339)
			if err := p.book.put(ctx, fact, until); err != nil {
				return err
			}
			p.noted = true
			return p.rest(ctx, p.old())
		},
	}
}

// rest stops a database, free to be deleted later: the protection cannot be
// taken off a stopped one, and its final snapshot is there.
func (p *promotion) rest(ctx context.Context, id string) error {
	refused := p.Target.Databases.Protect(ctx, id, false)
	if p.Options.IsTransient(refused) {
		return refused
	}
	db, err := p.settled(ctx, id)
	if err != nil || db == nil || db.Status != database.Available {
		return err
	}
	if refused != nil { // it was being backed up or changed, or was refused for good
		if err := p.Target.Databases.Protect(ctx, id, false); err != nil {
			return err
		}
		if _, err := p.settled(ctx, id); err != nil {
			return err
		}
	}
	return p.Target.Databases.Stop(ctx, id)
}

// removeOld deletes the old database at once, when no retention is wished.
func (p *promotion) removeOld() saga.Step {
	return saga.Step{
		Name: "remove old database " + p.old(),
		Done: func(ctx context.Context) (bool, error) {
			stack, err := p.Stacks.Look(ctx, p.old())
			return stack == nil, err
		},
		Do: func(ctx context.Context) error {
			if err := p.removeStack(ctx, p.Target, p.Stacks, p.old()); err != nil {
				return err
			}
			return p.book.forget(ctx, p.previous())
		},
	}
}
