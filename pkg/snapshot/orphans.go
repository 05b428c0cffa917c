package snapshot

import (
	"context"
	"fmt"
	"slices"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

// Orphan is a database stack that no pointer refers to.
type Orphan struct {
	Stack     string
	Timestamp namespace.Timestamp
	Why       string
}

// Orphans lists database stacks of the target that are neither active, nor in
// their retention, nor of the operation under way.
func (p *Promoter) Orphans(ctx context.Context) ([]Orphan, error) {
	book := book{parameters: p.Parameters, namespace: p.Target.Namespace}
	active, err := book.active(ctx)
	if err != nil {
		return nil, err
	}
	facts, err := book.facts(ctx)
	if err != nil {
		return nil, err
	}
	operation, err := p.journal().Load(ctx)
	if err != nil {
		return nil, err
	}
	stacks, err := p.Stacks.List(ctx, p.Target.Namespace)
	if err != nil {
		return nil, err
	}
	kept, err := book.retireAfter(facts)
	if err != nil {
		return nil, err
	}
	if err := p.pointed(ctx, book, facts, active, operation); err != nil {
		return nil, err
	}
	var orphans []Orphan
	for _, stack := range stacks {
		ts := namespace.Timestamp(stack.Tags[namespace.TagTimestamp])
		if stack.Name != p.Target.Namespace.Database(ts) || !p.Target.Namespace.Owns(stack.Tags, "") {
			continue // not a database of ours
		}
		if _, kept := kept[ts]; kept || ts == active || underWay(operation, ts) {
			continue
		}
		orphans = append(orphans, Orphan{
			Stack: stack.Name, Timestamp: ts,
			Why: fmt.Sprintf("%s points at %q and no retention is noted", p.Target.Namespace.Active(), active),
		})
	}
	slices.SortFunc(orphans, func(a, b Orphan) int {
		if a.Timestamp.Before(b.Timestamp) {
			return -1
		}
		return 1
	})
	return orphans, nil
}

// pointed holds the pointer against what the other parameters and RDS say: by a
// pointer that was edited by hand, the database in use would be an orphan.
func (p *Promoter) pointed(
	ctx context.Context, book book, facts map[namespace.Timestamp]map[string]string, active namespace.Timestamp, operation *saga.Operation,
) error {
	name := p.Target.Namespace.Active()
	for ts, known := range facts {
		_, pointedAt := known[factPrevious]
		_, replaced := known[factRetireAfter]
		if pointedAt && !replaced && ts != active && !underWay(operation, ts) {
			return &diag.Diagnostic{
				Summary: fmt.Sprintf("parameter %s is %q, but %s was in use and nothing has replaced it: was it edited by hand?", name, active, ts),
				Try:     fmt.Sprintf("aws ssm put-parameter --overwrite --name %s --value %s, if that is in use", name, ts),
			}
		}
	}
	if active == "" {
		return nil
	}
	return p.compare(ctx, book, facts, active)
}

// underWay tells whether an operation makes or leaves a version.
func underWay(operation *saga.Operation, ts namespace.Timestamp) bool {
	return operation != nil && !operation.Status.Ended() &&
		(operation.Timestamp == ts || operation.Data[keyPrevious] == string(ts))
}

// RemoveOrphans removes them, each only if it may be removed.
func (p *Promoter) RemoveOrphans(ctx context.Context, request Request, orphans []Orphan) (Result, error) {
	var versions []string
	for _, orphan := range orphans {
		versions = append(versions, string(orphan.Timestamp))
	}
	return p.retire(ctx, request, versions)
}
