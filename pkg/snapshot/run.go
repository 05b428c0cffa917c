package snapshot

import (
	"context"
	"fmt"
	"time"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// The other verbs of the journal. All of them hold the same lock, since all of
// them move the same pointer.
const (
	kindUndo   = "undo-promotion"
	kindRetire = "retire-databases"
)

// Result is what an operation came to.
type Result struct {
	Operation saga.Operation
	// Active and Previous are the versions after it.
	Active, Previous namespace.Timestamp
	// Database is the active one; nil if there is none.
	Database *database.Database
	// SnapshotARN is the snapshot that the new database was created from.
	SnapshotARN string
	// StackID is the new database's stack.
	StackID string
}

// Run promotes, or goes on with a promotion that an earlier run began, with
// that one's choices.
//
// Errors: those of saga.Run.Forward, and *saga.HeldError.
func (p *Promoter) Run(ctx context.Context, request Request) (Result, error) {
	fresh, err := p.fresh(ctx, request)
	if err != nil {
		return Result{}, err
	}
	return p.forward(ctx, request, fresh)
}

// Resume goes on with an operation under way: saga.ErrNothing if there is none.
func (p *Promoter) Resume(ctx context.Context, request Request) (Result, error) {
	return p.forward(ctx, request, nil)
}

// Abort takes an operation under way back. It refuses after the pointer has
// moved; Undo is the way then.
func (p *Promoter) Abort(ctx context.Context, request Request) (Result, error) {
	run, err := p.journal().Begin(ctx, p.Holder, nil)
	if err != nil {
		return Result{}, fmt.Errorf("abort: %w", err)
	}
	promotion := p.promotion(request, run)
	steps, err := promotion.stepsOf(run.Operation())
	if err == nil {
		err = run.Back(ctx, steps, p.Options)
	}
	return promotion.conclude(ctx, err)
}

func (p *Promoter) fresh(ctx context.Context, request Request) (*saga.Operation, error) {
	var active namespace.Timestamp
	if request.Planned != nil {
		active = request.Planned.Active
	} else {
		var err error
		if active, err = (book{parameters: p.Parameters, namespace: p.Target.Namespace}).active(ctx); err != nil {
			return nil, err
		}
	}
	now := namespace.TimestampOf(p.Options.Time().Now())
	if !active.Before(now) {
		return nil, fmt.Errorf("the active database %s is not older than now (%s): check this machine's clock", active, now)
	}
	names, still := p.still(active, request.Planned)
	return &saga.Operation{
		Kind: Operation, Timestamp: now, Beside: names, Still: still,
		Data: map[string]string{
			keyPrevious: string(active), keyDatabase: request.Database, keyArtifact: request.Artifact, keyRunURL: request.Origin.RunURL,
			keyServices: request.Services,
		},
	}, nil
}

// still holds what an operation was planned by against what is so under the
// lock: the pointer, and what the version's parameters say.
func (p *Promoter) still(active namespace.Timestamp, plan *Plan) (names []string, still func(map[string]string) error) {
	book := book{parameters: p.Parameters, namespace: p.Target.Namespace}
	names = []string{book.namespace.Active()}
	if plan != nil && plan.Current != nil {
		names = append(names, book.names(active)...)
	}
	journal := p.journal()
	return names, func(now map[string]string) error {
		if text := now[journal.Path]; text != "" {
			last, err := journal.Parse(text)
			if err == nil && servedBy(last) == active {
				err = p.forgotten(*last)
			}
			if err != nil {
				return err
			}
		}
		at, err := book.version(now[book.namespace.Active()])
		if err != nil {
			return err
		}
		if at != active {
			return fmt.Errorf("parameter %s was %q a moment ago and is %q now: somebody moved it, run again", book.namespace.Active(), active, at)
		}
		if plan == nil {
			return nil
		}
		return book.edited(active, now, plan.Current).Err() //nolint:wrapcheck // it names the parameters
	}
}

func (p *Promoter) forward(ctx context.Context, request Request, fresh *saga.Operation) (Result, error) {
	run, err := p.journal().Begin(ctx, p.Holder, fresh)
	if err != nil {
		return Result{}, fmt.Errorf("begin: %w", err)
	}
	promotion := p.promotion(request, run)
	steps, err := promotion.stepsOf(run.Operation())
	if err == nil {
		err = run.Forward(ctx, steps, p.Options)
	}
	return promotion.conclude(ctx, err)
}

// stepsOf returns the steps of an operation that the journal holds.
func (p *promotion) stepsOf(op saga.Operation) ([]saga.Step, error) {
	if err := p.forgotten(op); err != nil {
		return nil, err
	}
	switch op.Kind {
	case Operation:
		return p.steps(), nil
	case kindUndo:
		return p.undoSteps(), nil
	case kindRetire:
		return p.retireSteps(), nil
	default:
		return nil, fmt.Errorf("the journal holds an operation %q, which this version of shipkit does not know", op.Kind)
	}
}

// conclude gives the lock back and tells what is there now. What the operation
// came to decides, not whether that could be told.
func (p *promotion) conclude(ctx context.Context, err error) (Result, error) {
	calm, stop := context.WithoutCancel(ctx), func() {}
	if ctx.Err() != nil { // a runner kills soon after it has cancelled
		calm, stop = context.WithTimeout(calm, 2*time.Second)
	}
	result, look := p.result(calm)
	stop()
	if look != nil && err == nil {
		p.Progress.Warn("result", "cannot be looked at: "+look.Error())
	}
	if open := p.run.Close(ctx); open != nil && ctx.Err() == nil {
		p.Progress.Warn("lock", "cannot be given back, it ends within "+saga.LeaseTime.String()+": "+open.Error())
	}
	return result, err
}

// result asks only what the steps have not seen.
func (p *promotion) result(ctx context.Context) (result Result, err error) {
	result.Operation = p.run.Operation()
	if p.moved {
		result.Active, result.Previous = p.ts, p.previous()
	} else if result.Active, result.Previous, err = p.book.versions(ctx); err != nil || result.Active == "" {
		return result, err
	}
	if result.Database = p.database; !p.moved || p.database == nil {
		if result.Database, err = p.Target.Databases.Database(ctx, p.Target.Namespace.Database(result.Active)); err != nil {
			return result, err
		}
	}
	if p.run.Operation().Kind != Operation {
		return result, nil
	}
	if s, err := p.mustSnapshot(ctx, p.restorableSide(), p.restorable()); err == nil {
		result.SnapshotARN = s.ARN
	}
	if p.stack == nil {
		if p.stack, err = p.Stacks.Look(ctx, p.Target.Namespace.Database(p.ts)); err != nil || p.stack == nil {
			return result, nil //nolint:nilerr // it says more, it is not what was asked for
		}
	}
	result.StackID = p.stack.ID
	return result, nil
}

func (p *promotion) restorableSide() Side {
	if p.crosses() {
		return p.Target
	}
	return p.Source
}
