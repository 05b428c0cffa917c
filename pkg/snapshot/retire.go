package snapshot

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

const keyVersions = "versions"

// Retire removes the databases whose retention is over, and stops again those
// that RDS has restarted after seven days
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html).
func (p *Promoter) Retire(ctx context.Context, request Request) (Result, error) {
	book := book{parameters: p.Parameters, namespace: p.Target.Namespace}
	facts, err := book.facts(ctx)
	if err != nil {
		return Result{}, err
	}
	active, err := book.active(ctx)
	if err != nil {
		return Result{}, err
	}
	var over []string
	kept, err := book.retireAfter(facts)
	if err != nil {
		return Result{}, err
	}
	for ts, until := range kept {
		switch {
		case ts == active:
		case !p.Options.Time().Now().Before(until):
			over = append(over, string(ts))
		default:
			if err := p.Target.Databases.Stop(ctx, p.Target.Namespace.Database(ts)); err != nil {
				return Result{}, err
			}
		}
	}
	slices.Sort(over)
	return p.retire(ctx, request, over)
}

// retire removes versions, under the lock. With none it resumes what an
// earlier run left undone.
func (p *Promoter) retire(ctx context.Context, request Request, versions []string) (Result, error) {
	var fresh *saga.Operation
	if len(versions) > 0 {
		fresh = &saga.Operation{
			Kind: kindRetire, Timestamp: namespace.TimestampOf(p.Options.Time().Now()),
			Data: map[string]string{keyVersions: strings.Join(versions, " ")},
		}
	}
	result, err := p.forward(ctx, request, fresh)
	if len(versions) == 0 && errors.Is(err, saga.ErrNothing) {
		return result, nil
	}
	return result, err
}

func (p *promotion) retireSteps() []saga.Step {
	var steps []saga.Step
	for _, version := range strings.Fields(p.data[keyVersions]) {
		ts := namespace.Timestamp(version)
		name := p.Target.Namespace.Database(ts)
		steps = append(steps, saga.Step{
			Name: "remove database " + name, Commit: true, // a deletion cannot be taken back
			Done: func(ctx context.Context) (bool, error) {
				stack, err := p.Stacks.Look(ctx, name)
				if err != nil || stack != nil {
					return false, err
				}
				fact, err := p.book.get(ctx, p.Target.Namespace.Version(ts, factEndpoint))
				return fact == "", err
			},
			Do: func(ctx context.Context) error {
				if err := p.removeStack(ctx, p.Target, p.Stacks, name); err != nil {
					return err
				}
				return p.book.forget(ctx, ts)
			},
		})
	}
	return steps
}
