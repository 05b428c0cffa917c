// Package snapshot promotes a database through environments like an artifact.
//
// A database in a lower environment is snapshotted. In the next environment a
// new database is created from the snapshot, beside the running one, in a
// stack whose name carries the timestamp. The service is deployed against it.
// Only when that rollout has succeeded does the pointer /<namespace>/db/active
// move to the new timestamp, and the old database is retired. On any failure
// before, the old database and the service stay as they were.
package snapshot

import (
	"context"
	"time"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/progress"
	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// Operation is the verb in the journal and in the tag shipkit:operation.
const Operation = "promote-snapshot"

// Side is one end of a promotion: an environment in an account and a region.
type Side struct {
	Namespace       namespace.Namespace
	Account, Region string
	Databases       database.Engine
}

// Request says what to promote and how.
type Request struct {
	// Database is the source's identifier, Artifact an existing snapshot's
	// identifier or ARN to promote instead of taking one. One of them is set.
	Database, Artifact string
	// SourceKMSKey re-encrypts the snapshot in the source account before it is
	// shared, which a snapshot under the default key needs; TargetKMSKey
	// encrypts the copy in the target.
	SourceKMSKey, TargetKMSKey string
	// Template is the CloudFormation template of the new database; Parameters
	// go to it besides those that the promotion sets itself.
	Template   string
	Parameters map[string]string
	// AllowOlder lets a snapshot take over from a database that is younger.
	AllowOlder bool
	// Retention keeps the old database, stopped, for an undo. 0 deletes it as
	// soon as the pointer has moved and its final snapshot is there.
	Retention time.Duration
	// Mask says that a quarantined restore is masked before it becomes the
	// artifact.
	Mask bool
	// Verify and Migrate say that those tasks run against the new database
	// before any traffic reaches it.
	Verify, Migrate bool
	// Services names what the deployer moves, for people, and is empty without a
	// deployer. It is kept, so that no later operation forgets them.
	Services string
	// Origin goes into the tags of all that is made.
	Origin namespace.Origin
	// Planned is what Plan saw, which need not be looked at again; nil if it was
	// not asked.
	Planned *Plan
}

// Stacks creates and removes the database's CloudFormation stacks.
type Stacks interface {
	// Look returns the stack's state; nil if there is none.
	Look(ctx context.Context, name string) (*Stack, error)
	// Create starts the stack, or goes on with one that an earlier run began.
	Create(ctx context.Context, request StackRequest) error
	// Delete starts the removal. What is gone already is no error.
	Delete(ctx context.Context, name string) error
	// List returns the stacks that bear the namespace's tag.
	List(ctx context.Context, n namespace.Namespace) ([]Stack, error)
}

// StackRequest is a stack to be.
type StackRequest struct {
	Name, Template   string
	Parameters, Tags map[string]string
	// New says that no earlier run can have begun it.
	New bool
}

// Stack is the state of a stack.
type Stack struct {
	Name, ID string
	// Ready is set when it was created whole. Failed says in plain words why
	// it never will be. Neither: it is under way.
	Ready  bool
	Failed string
	// Deleting is set while it is being removed.
	Deleting bool
	Tags     map[string]string
	Outputs  map[string]string
}

// Deployer moves services from one database version to another.
type Deployer interface {
	// Problems finds what would keep the services from being deployed.
	Problems(ctx context.Context) (diag.List, error)
	// Serves tells whether all services run a revision that refers to database
	// ts, and their rollouts have succeeded.
	Serves(ctx context.Context, ts namespace.Timestamp) (bool, error)
	// Deploy rolls the services out against database ts and returns when the
	// verdict is there: all of them run on it, at the same time. The facts about
	// ts are there. Again says that an earlier run may have begun that.
	Deploy(ctx context.Context, ts namespace.Timestamp, again bool) error
	// Restore makes sure that the services serve as they did before ts.
	Restore(ctx context.Context, ts namespace.Timestamp) error
	// References returns the database versions that running revisions use.
	References(ctx context.Context) ([]namespace.Timestamp, error)
}

// Tasks runs the user's tasks against a database.
type Tasks interface {
	// Run runs a task against db until its verdict is there. A run that dies
	// between a task's end and its record runs the task again, so tasks must
	// bear that: migrations and checks do by nature, a mask must.
	Run(ctx context.Context, purpose Purpose, db database.Database) error
}

// Purpose is why a task runs.
type Purpose string

// The purposes of tasks.
const (
	Mask    Purpose = "mask"
	Verify  Purpose = "verify"
	Migrate Purpose = "migrate"
)

// Promoter promotes from Source to Target.
type Promoter struct {
	Source, Target Side
	// Parameters is the target's Parameter Store.
	Parameters saga.Parameters
	// SourceStacks holds the quarantine; only masking needs it.
	Stacks, SourceStacks Stacks
	// Deployer is nil when no service is deployed.
	Deployer Deployer
	Tasks    Tasks
	Holder   saga.Holder
	Options  saga.Options
	Progress progress.Func
}

// crosses tells whether the snapshot must be copied to be restored.
func (p *Promoter) crosses() bool {
	return p.Source.Account != p.Target.Account || p.Source.Region != p.Target.Region
}

func (p *Promoter) journal() saga.Journal {
	return saga.Journal{
		Parameters: p.Parameters, Path: p.Target.Namespace.Parameter("db", "operation"), Clock: p.Options.Clock, Progress: p.Progress,
	}
}
