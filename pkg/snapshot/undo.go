package snapshot

import (
	"context"
	"fmt"
	"time"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot/database"
)

const keyBackTo = "back-to"

// Undo points back at the version that was active before, within its
// retention: its database starts, the services are deployed against it, the
// pointer moves back, and the newer database is kept as the old one was. An undo
// under way is gone on with.
func (p *Promoter) Undo(ctx context.Context, request Request) (Result, error) {
	operation, err := p.journal().Load(ctx)
	if err != nil {
		return Result{}, err //nolint:wrapcheck // it names the journal
	}
	if operation != nil && operation.Kind == kindUndo && !operation.Status.Ended() {
		return p.forward(ctx, request, nil) // the pointer may have moved already
	}
	book := book{parameters: p.Parameters, namespace: p.Target.Namespace}
	active, err := book.active(ctx)
	if err != nil {
		return Result{}, err
	}
	if active == "" {
		return Result{}, fmt.Errorf("undo: %s has no promoted database", p.Target.Namespace)
	}
	facts, err := book.facts(ctx)
	if err != nil {
		return Result{}, err
	}
	text := facts[active][factPrevious]
	if text == "" || text == orNone("") {
		return Result{}, fmt.Errorf("undo: nothing was active before %s", active)
	}
	previous, err := namespace.ParseTimestamp(text)
	if err != nil {
		return Result{}, fmt.Errorf("undo: parameter %s: %w; was it edited by hand?", p.Target.Namespace.Version(active, factPrevious), err)
	}
	if err := p.compare(ctx, book, facts, active, previous); err != nil {
		return Result{}, fmt.Errorf("undo: %w", err)
	}
	names, still := p.still(active, nil)
	return p.forward(ctx, request, &saga.Operation{
		Kind: kindUndo, Timestamp: namespace.TimestampOf(p.Options.Time().Now()),
		Beside: names, Still: still,
		Data: map[string]string{keyPrevious: string(active), keyBackTo: string(previous), keyServices: request.Services},
	})
}

// compare holds the facts about versions against what RDS says.
func (p *Promoter) compare(
	ctx context.Context, book book, facts map[namespace.Timestamp]map[string]string, versions ...namespace.Timestamp,
) error {
	var findings diag.List
	for _, ts := range versions {
		db, err := p.Target.Databases.Database(ctx, p.Target.Namespace.Database(ts))
		if err != nil {
			return err
		}
		if db == nil {
			findings.Add(book.absent(ts, facts[ts][factKind]))
		}
		findings = append(findings, book.edited(ts, book.byParameter(ts, facts[ts]), db)...)
	}
	return findings.Err() //nolint:wrapcheck // it names the parameters
}

// undoSteps move from data[previous], the version in use, to data[back-to].
func (p *promotion) undoSteps() []saga.Step {
	p.ts = namespace.Timestamp(p.data[keyBackTo])
	steps := []saga.Step{p.wake(p.Target.Namespace.Database(p.ts))}
	if p.Deployer != nil {
		steps = append(steps, p.deploy(false))
	}
	return append(steps, p.pointBack(), p.reinstate(), p.saveOld(), p.stopOld())
}

func (p *promotion) wake(id string) saga.Step {
	return saga.Step{
		Name: "start database " + id, Poll: 15 * time.Second,
		Done: func(ctx context.Context) (bool, error) {
			db, err := p.Target.Databases.Database(ctx, id)
			switch {
			case err != nil:
				return false, err
			case db == nil:
				return false, fmt.Errorf("database %s has been deleted: its retention is over", id)
			case database.Failed(db.Status):
				return false, fmt.Errorf("database %s is %s", id, db.Status)
			default:
				return db.Status == database.Available, nil
			}
		},
		Do: func(ctx context.Context) error {
			if _, err := p.settled(ctx, id); err != nil { // one that is stopping cannot be started yet
				return err
			}
			return p.Target.Databases.Start(ctx, id)
		},
		Undo: func(ctx context.Context) error { return p.Target.Databases.Stop(ctx, id) },
	}
}

func (p *promotion) pointBack() saga.Step {
	return saga.Step{
		Name: "point back at " + string(p.ts), Commit: true, Asks: true,
		Done: func(ctx context.Context) (bool, error) {
			active, err := p.book.active(ctx)
			return active == p.ts, err
		},
		Do: func(ctx context.Context) error {
			at, err := p.unedited(ctx)
			if err != nil {
				return err
			}
			return p.point(ctx, at)
		},
	}
}

// reinstate removes what marked the version as old. Its final snapshot goes
// too: the next one must hold what is written from now on.
func (p *promotion) reinstate() saga.Step {
	fact, id := p.Target.Namespace.Version(p.ts, factRetireAfter), p.Target.Namespace.Final(p.ts)
	return saga.Step{
		Name: "reinstate " + string(p.ts), Poll: 15 * time.Second,
		Done: func(ctx context.Context) (bool, error) {
			kept, err := p.book.get(ctx, fact)
			if err != nil || kept != "" {
				return false, err
			}
			final, err := p.Target.Databases.Snapshot(ctx, id)
			return final == nil, err
		},
		Do: func(ctx context.Context) error {
			if err := p.dropSnapshot(p.Target, id)(ctx); err != nil {
				return err
			}
			if err := p.Target.Databases.Protect(ctx, p.Target.Namespace.Database(p.ts), true); err != nil {
				return err
			}
			return p.book.remove(ctx, fact)
		},
	}
}
