package snapshot

import (
	"context"
	"errors"
	"fmt"

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
	steps, err := p.stepsOf(request, run)
	if err == nil {
		err = run.Back(ctx, steps, p.Options)
	}
	return p.conclude(ctx, request, run, err)
}

func (p *Promoter) fresh(ctx context.Context, request Request) (*saga.Operation, error) {
	book := book{parameters: p.Parameters, namespace: p.Target.Namespace}
	active, err := book.active(ctx)
	if err != nil {
		return nil, err
	}
	now := namespace.TimestampOf(p.Options.Time().Now())
	if !active.Before(now) {
		return nil, fmt.Errorf("the active database %s is not older than now (%s): check this machine's clock", active, now)
	}
	return &saga.Operation{Kind: Operation, Timestamp: now, Data: map[string]string{
		keyPrevious: string(active), keyDatabase: request.Database, keyArtifact: request.Artifact,
		keyRunURL: request.Origin.RunURL,
	}}, nil
}

func (p *Promoter) forward(ctx context.Context, request Request, fresh *saga.Operation) (Result, error) {
	run, err := p.journal().Begin(ctx, p.Holder, fresh)
	if err != nil {
		return Result{}, fmt.Errorf("begin: %w", err)
	}
	steps, err := p.stepsOf(request, run)
	if err == nil {
		err = run.Forward(ctx, steps, p.Options)
	}
	return p.conclude(ctx, request, run, err)
}

// stepsOf returns the steps of the operation that the journal holds.
func (p *Promoter) stepsOf(request Request, run *saga.Run) ([]saga.Step, error) {
	promotion := p.promotion(request, run)
	switch kind := run.Operation().Kind; kind {
	case Operation:
		return promotion.steps(), nil
	case kindUndo:
		return promotion.undoSteps(), nil
	case kindRetire:
		return promotion.retireSteps(), nil
	default:
		return nil, fmt.Errorf("the journal holds an operation %q, which this version of shipkit does not know", kind)
	}
}

// conclude gives the lock back and looks at what is there now.
func (p *Promoter) conclude(ctx context.Context, request Request, run *saga.Run, err error) (Result, error) {
	promotion := p.promotion(request, run)
	result, look := promotion.result(context.WithoutCancel(ctx))
	if err != nil {
		look = nil // what went wrong matters, not that we cannot tell more
	}
	return result, errors.Join(err, run.Close(ctx), look)
}

func (p *promotion) result(ctx context.Context) (Result, error) {
	result := Result{Operation: p.run.Operation()}
	active, err := p.book.active(ctx)
	if err != nil || active == "" {
		return result, err
	}
	result.Active = active
	facts, err := p.book.facts(ctx)
	if err != nil {
		return result, err
	}
	result.Previous, _ = namespace.ParseTimestamp(facts[active][factPrevious])
	if result.Database, err = p.Target.Databases.Database(ctx, p.Target.Namespace.Database(active)); err != nil {
		return result, err
	}
	if p.run.Operation().Kind != Operation {
		return result, nil
	}
	if s, err := p.restorableSide().Databases.Snapshot(ctx, p.restorable()); err == nil && s != nil {
		result.SnapshotARN = s.ARN
	}
	if stack, err := p.Stacks.Look(ctx, p.Target.Namespace.Database(p.ts)); err == nil && stack != nil {
		result.StackID = stack.ID
	}
	return result, nil
}

func (p *promotion) restorableSide() Side {
	if p.crosses() {
		return p.Target
	}
	return p.Source
}
