package snapshot

import (
	"context"
	"errors"
	"fmt"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// Plan is what a promotion would do. Making it changes nothing.
type Plan struct {
	Source *database.Database
	// Artifact is the existing snapshot that is promoted, if one was named.
	Artifact *database.Snapshot
	// Active is the version in use, Current its database; empty before the
	// first promotion.
	Active  namespace.Timestamp
	Current *database.Database
	// Resumes is an operation under way that a run goes on with.
	Resumes *saga.Operation
	// Steps are the names of the steps in order.
	Steps []string
	Cost  Cost
	// Expected is how long they take.
	Expected Expected
	// Findings are all problems at once; errors stop a run.
	Findings diag.List
}

// Gates are the limits that a plan is held against.
type Gates struct {
	// SnapshotQuota is the number of manual snapshots in an account and region
	// if it is not what RDS says. 0 leaves it unchecked.
	SnapshotQuota *int
	// Key looks at a key from one of the sides. Nil leaves keys unchecked.
	Key func(ctx context.Context, seen KeyView, id string) (Key, error)
	// Groups returns the networks of the target's security groups that are
	// there, by ID. A diag.Diagnostic that is a warning says that it could not
	// look. Nil leaves groups unchecked.
	Groups func(ctx context.Context, ids []string) (map[string]string, error)
	// Tasks finds what would keep the user's tasks from being run. Nil leaves
	// them unchecked.
	Tasks func(context.Context) (diag.List, error)
	// SQL are the inputs that hold SQL files.
	SQL    []string
	Prices Prices
}

// KeyView is whose key it is, and who looks.
type KeyView string

// The views of keys that a promotion needs.
const (
	SourceKey KeyView = "source" // the source's key, seen by the source's account
	SharedKey KeyView = "shared" // the source's key, seen by the target's account
	TargetKey KeyView = "target" // the target's own
)

// Key is a KMS key.
type Key struct {
	ARN string
	// Managed keys are AWS's own, which cannot be shared.
	Managed bool
	// Trouble says in plain words why it cannot be used; "" if it can.
	Trouble string
}

// Plan looks at both sides and collects all that stands in the way.
func (p *Promoter) Plan(ctx context.Context, request Request, gates Gates) (*Plan, error) {
	plan := &Plan{}
	book := book{parameters: p.Parameters, namespace: p.Target.Namespace}
	operation, err := p.lookAtTarget(ctx, book, plan)
	if err != nil {
		return nil, err
	}
	if err := p.lookAtSource(ctx, request, plan); err != nil {
		return nil, err
	}
	if plan.Resumes == nil { // what goes on has passed them
		check := gatekeeper{Promoter: p, request: request, gates: gates, plan: plan}
		if err := check.all(ctx); err != nil {
			return nil, err
		}
	}
	for _, step := range p.plannedSteps(request, plan) {
		plan.Steps = append(plan.Steps, step.Name)
	}
	plan.Cost = gates.Prices.estimate(plan, request)
	plan.Expected = p.expected(plan, request, operation)
	return plan, nil
}

// lookAtTarget returns the last operation beside what it sees.
func (p *Promoter) lookAtTarget(ctx context.Context, book book, plan *Plan) (operation *saga.Operation, err error) {
	journal := p.journal()
	values, err := book.read(ctx, p.Target.Namespace.Active(), journal.Path)
	if err != nil {
		return nil, err
	}
	if text, ok := values[journal.Path]; ok {
		if operation, err = journal.Parse(text); err != nil {
			return nil, err //nolint:wrapcheck // it names the journal
		}
		if !operation.Status.Ended() {
			plan.Resumes = operation
		}
	}
	if plan.Active, err = book.version(values[p.Target.Namespace.Active()]); err != nil || plan.Active == "" {
		return operation, err
	}
	plan.Current, err = p.Target.Databases.Database(ctx, p.Target.Namespace.Database(plan.Active))
	return operation, err
}

// Compare adds to a plan the parameters of the version in use that are not what
// RDS says. A run need not ask: it compares under the lock.
func (p *Promoter) Compare(ctx context.Context, plan *Plan) error {
	book := book{parameters: p.Parameters, namespace: p.Target.Namespace}
	if plan.Current == nil || plan.Resumes != nil {
		return nil
	}
	values, err := book.read(ctx, book.names(plan.Active)...)
	plan.Findings = append(plan.Findings, book.edited(plan.Active, values, plan.Current)...)
	return err
}

func (p *Promoter) lookAtSource(ctx context.Context, request Request, plan *Plan) (err error) {
	if _, foreign := p.foreign(request.Artifact); foreign {
		return nil
	}
	if request.Artifact != "" {
		plan.Artifact, err = p.Source.Databases.Snapshot(ctx, request.Artifact)
		return err
	}
	plan.Source, err = p.Source.Databases.Database(ctx, request.Database)
	return err
}

func (p *Promoter) plannedSteps(request Request, plan *Plan) []saga.Step {
	ts := namespace.TimestampOf(p.Options.Time().Now())
	preview := &promotion{Promoter: p, request: request, ts: ts, data: map[string]string{
		keyPrevious: string(plan.Active), keyDatabase: request.Database, keyArtifact: request.Artifact,
	}}
	return preview.steps()
}

// SourceDatabase finds the database that a source environment uses: the active
// version of an earlier promotion into it.
func SourceDatabase(ctx context.Context, parameters saga.Parameters, source namespace.Namespace) (string, error) {
	active, err := book{parameters: parameters, namespace: source}.active(ctx)
	if err != nil {
		return "", err
	}
	if active == "" {
		return "", &diag.Diagnostic{
			Summary: fmt.Sprintf("environment %s has no database: parameter %s is not there", source, source.Active()),
			Try:     "name the database in the input source-database, or a snapshot in the input snapshot",
			Err:     ErrNoDatabase,
		}
	}
	return source.Database(active), nil
}

// ErrNoDatabase says that an environment has no database of its own.
var ErrNoDatabase = errors.New("no database")

// KindOf tells whether the active database of an environment is an instance or
// a cluster; an instance if there is none.
func KindOf(ctx context.Context, parameters saga.Parameters, n namespace.Namespace) (database.Kind, error) {
	b := book{parameters: parameters, namespace: n}
	active, err := b.active(ctx)
	if err != nil || active == "" {
		return database.Instance, err
	}
	kind, err := b.get(ctx, n.Version(active, factKind))
	if kind == string(database.Cluster) {
		return database.Cluster, err
	}
	return database.Instance, err
}
