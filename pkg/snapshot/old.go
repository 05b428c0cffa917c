package snapshot

import (
	"context"
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
		Name: "snapshot old database " + p.old(), Poll: 15 * time.Second,
		Done: func(ctx context.Context) (bool, error) {
			if done, err := p.snapshotDone(p.Target, id)(ctx); err != nil || done {
				return done, err
			}
			db, err := p.Target.Databases.Database(ctx, p.old())
			return db == nil, err // nothing to save
		},
		Do: func(ctx context.Context) error {
			db, err := p.Target.Databases.Database(ctx, p.old())
			if err != nil || db == nil || db.Status != database.Available {
				return err
			}
			tags := p.Target.Namespace.Tags(p.previous(), p.request.Origin)
			return p.Target.Databases.Take(ctx, p.old(), id, tags)
		},
	}
}

// stopOld stops what nobody uses any more and notes until when it is kept.
func (p *promotion) stopOld() saga.Step {
	fact := p.Target.Namespace.Version(p.previous(), factRetireAfter)
	return saga.Step{
		Name: "stop old database " + p.old(), Poll: 15 * time.Second,
		Done: func(ctx context.Context) (bool, error) {
			db, err := p.Target.Databases.Database(ctx, p.old())
			if err != nil || db == nil {
				return err == nil, err
			}
			kept, err := p.book.get(ctx, fact)
			return db.Status == "stopped" && kept != "", err
		},
		Do: func(ctx context.Context) error {
			if err := p.mayRemoveVersion(ctx, p.previous()); err != nil {
				return err
			}
			until := p.Options.Time().Now().Add(p.request.Retention).UTC().Format(time.RFC3339)
			if err := p.book.put(ctx, fact, until); err != nil {
				return err
			}
			return p.rest(ctx, p.old())
		},
	}
}

// rest stops a database, free to be deleted later: the protection cannot be
// taken off a stopped one, and its final snapshot is there.
func (p *promotion) rest(ctx context.Context, id string) error {
	db, err := p.Target.Databases.Database(ctx, id)
	if err != nil || db == nil || db.Status != database.Available {
		return err
	}
	if db.DeletionProtection {
		if err := p.Target.Databases.Protect(ctx, id, false); err != nil {
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
