// Package database speaks of RDS instances and Aurora clusters, and of their
// snapshots, in one vocabulary, so that a promotion is written once.
//
// Sources: the RDS API reference,
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/Welcome.html.
package database

import (
	"context"
	"time"
)

// Kind tells the two families apart.
type Kind string

// The families of RDS databases.
const (
	Instance Kind = "instance"
	Cluster  Kind = "cluster"
)

// Database is an RDS instance or an Aurora cluster.
type Database struct {
	Kind               Kind
	ID, ARN            string
	ResourceID         string // another one for a later database of the same name
	Cluster            string // that an instance is a member of
	Status             string // such as "available"
	Engine             string // such as "postgres", "aurora-mysql"
	EngineVersion      string
	Class              string // of an instance; a cluster's members have their own
	KMSKeyID           string
	Encrypted          bool
	StorageGB          int
	MultiAZ            bool
	DeletionProtection bool
	Endpoint           string
	Port               int
	Name               string // the first database inside, "" if unnamed
	User               string
	SubnetGroup        string
	SecurityGroups     []string
	ParameterGroup     string
	Tags               map[string]string
}

// Snapshot is a manual snapshot of either kind.
type Snapshot struct {
	Kind          Kind
	ID, ARN       string
	Status        string // creating, copying, available, failed, deleting …
	Progress      int    // percent
	Engine        string
	EngineVersion string
	Encrypted     bool
	KMSKeyID      string
	StorageGB     int
	Database      string // the identifier of the database it was taken of
	Created       time.Time
	Tags          map[string]string
}

// Available is the status of a database or snapshot that is ready for use.
const Available = "available"

// Failed tells whether the status is one that never becomes available: the
// states at which the SDK's waiters give up.
func Failed(status string) bool {
	switch status {
	case "failed", "deleted", "deleting", "incompatible-restore", "incompatible-parameters":
		return true
	default:
		return false
	}
}

// Copy says what a snapshot is copied from, and into what.
type Copy struct {
	SourceARN string
	ID        string // the new snapshot's identifier
	KMSKeyID  string // re-encrypts; "" keeps an unencrypted one so
	// SourceRegion is set for a copy between regions; the request is signed
	// for it in advance.
	SourceRegion string
	Tags         map[string]string
}

// Quota is what an account has of a thing in a region, and may have. A Max of 0
// is unknown.
type Quota struct{ Used, Max int }

// Quotas are those of an account and region that a promotion may meet.
type Quotas struct {
	Snapshots Quota // manual ones of this kind
	Databases Quota // instances, or clusters
	Members   Quota // instances, for clusters
	StorageGB Quota // of all instances together; Aurora has none
}

// Engine does with databases of one kind, in one account and region, what a
// promotion needs. What is not there is nil, not an error. All calls can be
// repeated: creating what exists adopts it, deleting what is gone succeeds.
type Engine interface {
	Databases
	Snapshots
	Region
}

// Databases looks at databases and switches them.
type Databases interface {
	Database(ctx context.Context, id string) (*Database, error)
	// Stop stops a running database, Start starts a stopped one. One in
	// another state is left alone.
	Stop(ctx context.Context, id string) error
	Start(ctx context.Context, id string) error
	Protect(ctx context.Context, id string, on bool) error
}

// Snapshots makes and shares snapshots.
type Snapshots interface {
	Snapshot(ctx context.Context, idOrARN string) (*Snapshot, error)
	Take(ctx context.Context, databaseID, id string, tags map[string]string) error
	Copy(ctx context.Context, c Copy) error
	Share(ctx context.Context, id, account string) error
	DeleteSnapshot(ctx context.Context, id string) error
}

// Region tells what the account may have in the region, and what is there for
// a database to be made with.
type Region interface {
	Quotas(ctx context.Context) (Quotas, error)
	// Family is the parameter group family of an engine version; "" if the
	// region does not offer it.
	Family(ctx context.Context, engine, version string) (string, error)
	// ParameterGroup returns a parameter group's family; "" if it is not there.
	ParameterGroup(ctx context.Context, name string) (string, error)
	// SubnetGroup returns the network of a DB subnet group; "" if it is not
	// there.
	SubnetGroup(ctx context.Context, name string) (vpc string, err error)
}
