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
	Status             string // such as "available"
	Engine             string // such as "postgres", "aurora-mysql"
	EngineVersion      string
	Class              string // the instance's class; the writer's for a cluster
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

// Engine does with databases of one kind, in one account and region, what a
// promotion needs. What is not there is nil, not an error. All calls can be
// repeated: creating what exists adopts it, deleting what is gone succeeds.
type Engine interface {
	Database(ctx context.Context, id string) (*Database, error)
	Stop(ctx context.Context, id string) error
	Start(ctx context.Context, id string) error
	Protect(ctx context.Context, id string, on bool) error

	Snapshot(ctx context.Context, idOrARN string) (*Snapshot, error)
	Take(ctx context.Context, databaseID, id string, tags map[string]string) error
	Copy(ctx context.Context, c Copy) error
	Share(ctx context.Context, id, account string) error
	DeleteSnapshot(ctx context.Context, id string) error
	// Manual counts the account's manual snapshots of this kind.
	Manual(ctx context.Context) (int, error)
	// VersionOffered tells whether the region offers an engine version.
	VersionOffered(ctx context.Context, engine, version string) (bool, error)
}
