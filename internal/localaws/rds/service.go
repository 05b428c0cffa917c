// Package rds is RDS on this machine: instances and Aurora clusters are
// PostgreSQL or MariaDB servers, a snapshot is a copy of their data, and a
// restore is a new server with that data.
//
// The servers are of the version that is installed here, whatever EngineVersion
// names. The engines mysql, mariadb and aurora-mysql are MariaDB; where none is
// installed they are states and metadata only, and an endpoint that nobody
// serves.
//
// Where AWS's behaviour is not documented, a comment says so.
package rds

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Options changes how the service behaves. The zero value is usable.
type Options struct {
	// Dir holds the databases' data and the snapshots. Empty makes a
	// temporary folder that Close removes.
	Dir string
	// Address is the IP address that databases listen on and that endpoints
	// name; empty is 127.0.0.1. Containers need the address of their bridge.
	Address string
	// NoData leaves the servers out: states and metadata only, and an endpoint
	// that nobody serves. For tests of the control plane.
	NoData bool
	// Timing says how long transitions take; the zero value is DefaultTiming.
	Timing Timing
	// SnapshotQuota limits manual snapshots of instances and of clusters in
	// an account and region; 0 means AWS's default of 100.
	SnapshotQuota int
	// Keys says which keys there are; nil takes every name for one.
	Keys Keys
	// Secrets keeps the passwords of ManageMasterUserPassword; nil refuses
	// that parameter.
	Secrets Secrets
}

// Secrets is the part of Secrets Manager that holds managed passwords.
type Secrets interface {
	CreateSecret(context.Context, *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error)
	DeleteSecret(context.Context, *secretsmanager.DeleteSecretInput) (*secretsmanager.DeleteSecretOutput, error)
}

// Timing is how long RDS stays in a state, in simulated time.
type Timing struct {
	Create, Backup, Modify, Delete, Stop, Start, Snapshot, Restore time.Duration
}

// DefaultTiming is of the order that small databases show on AWS.
var DefaultTiming = Timing{
	Create: 4 * time.Minute, Backup: time.Minute, Modify: 30 * time.Second, Delete: 2 * time.Minute,
	Stop: time.Minute, Start: 2 * time.Minute, Snapshot: 90 * time.Second, Restore: 5 * time.Minute,
}

// Service is RDS for all accounts and regions.
type Service struct {
	clock   *clock.Clock
	options Options
	life    context.Context //nolint:containedctx // ends the transitions when the service closes
	end     context.CancelFunc
	work    sync.WaitGroup

	postgreSQL, mariaDB servers

	mu     sync.Mutex
	places map[place]*state
	faults faults
	serial int // numbers data folders and archives
}

// New returns a service without databases. Servers are looked for when the
// first database is made.
func New(c *clock.Clock, o Options) *Service {
	if o.Timing == (Timing{}) {
		o.Timing = DefaultTiming
	}
	if o.SnapshotQuota == 0 {
		o.SnapshotQuota = 100
	}
	if o.Keys == nil {
		o.Keys = anyKey{}
	}
	if o.Address == "" {
		o.Address = "127.0.0.1"
	}
	life, end := context.WithCancel(context.Background())
	return &Service{clock: c, options: o, life: life, end: end, places: map[place]*state{}}
}

// Close ends all transitions and stops all databases. Data in a folder that
// was given stays.
func (s *Service) Close() error {
	s.end()
	s.work.Wait()
	var errs []error
	for _, list := range []*servers{&s.postgreSQL, &s.mariaDB} {
		list.Do(func() { list.err = errors.New("local RDS is closed") })
		if list.engine != nil {
			errs = append(errs, list.engine.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop the databases: %w", err)
	}
	return nil
}

// background runs a transition that outlives the call that began it and ends
// with the service. It keeps the caller's identity.
func (s *Service) background(ctx context.Context, f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(s.life, cancel)
	s.work.Go(func() {
		defer cancel()
		defer stop()
		f(ctx)
	})
}

// wait lets simulated time pass; false means that the service is closing.
func (s *Service) wait(ctx context.Context, d time.Duration) bool {
	return s.clock.Sleep(ctx, d) == nil
}

// Wire returns the service's operations for the endpoint.
func (s *Service) Wire() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "rds", Protocol: wire.Query})
	wire.Handle(w, "CreateDBInstance", s.CreateDBInstance)
	wire.Handle(w, "DescribeDBInstances", s.DescribeDBInstances)
	wire.Handle(w, "ModifyDBInstance", s.ModifyDBInstance)
	wire.Handle(w, "DeleteDBInstance", s.DeleteDBInstance)
	wire.Handle(w, "StopDBInstance", s.StopDBInstance)
	wire.Handle(w, "StartDBInstance", s.StartDBInstance)
	wire.Handle(w, "RestoreDBInstanceFromDBSnapshot", s.RestoreDBInstanceFromDBSnapshot)

	wire.Handle(w, "CreateDBCluster", s.CreateDBCluster)
	wire.Handle(w, "DescribeDBClusters", s.DescribeDBClusters)
	wire.Handle(w, "ModifyDBCluster", s.ModifyDBCluster)
	wire.Handle(w, "DeleteDBCluster", s.DeleteDBCluster)
	wire.Handle(w, "StopDBCluster", s.StopDBCluster)
	wire.Handle(w, "StartDBCluster", s.StartDBCluster)
	wire.Handle(w, "RestoreDBClusterFromSnapshot", s.RestoreDBClusterFromSnapshot)

	wire.Handle(w, "CreateDBSnapshot", s.CreateDBSnapshot)
	wire.Handle(w, "CopyDBSnapshot", s.CopyDBSnapshot)
	wire.Handle(w, "DescribeDBSnapshots", s.DescribeDBSnapshots)
	wire.Handle(w, "DeleteDBSnapshot", s.DeleteDBSnapshot)
	wire.Handle(w, "ModifyDBSnapshotAttribute", s.ModifyDBSnapshotAttribute)
	wire.Handle(w, "DescribeDBSnapshotAttributes", s.DescribeDBSnapshotAttributes)

	wire.Handle(w, "CreateDBClusterSnapshot", s.CreateDBClusterSnapshot)
	wire.Handle(w, "CopyDBClusterSnapshot", s.CopyDBClusterSnapshot)
	wire.Handle(w, "DescribeDBClusterSnapshots", s.DescribeDBClusterSnapshots)
	wire.Handle(w, "DeleteDBClusterSnapshot", s.DeleteDBClusterSnapshot)
	wire.Handle(w, "ModifyDBClusterSnapshotAttribute", s.ModifyDBClusterSnapshotAttribute)
	wire.Handle(w, "DescribeDBClusterSnapshotAttributes", s.DescribeDBClusterSnapshotAttributes)

	wire.Handle(w, "CreateDBSubnetGroup", s.CreateDBSubnetGroup)
	wire.Handle(w, "DescribeDBSubnetGroups", s.DescribeDBSubnetGroups)
	wire.Handle(w, "DeleteDBSubnetGroup", s.DeleteDBSubnetGroup)
	wire.Handle(w, "CreateDBParameterGroup", s.CreateDBParameterGroup)
	wire.Handle(w, "DescribeDBParameterGroups", s.DescribeDBParameterGroups)
	wire.Handle(w, "ModifyDBParameterGroup", s.ModifyDBParameterGroup)
	wire.Handle(w, "DeleteDBParameterGroup", s.DeleteDBParameterGroup)
	wire.Handle(w, "CreateDBClusterParameterGroup", s.CreateDBClusterParameterGroup)
	wire.Handle(w, "DescribeDBClusterParameterGroups", s.DescribeDBClusterParameterGroups)
	wire.Handle(w, "ModifyDBClusterParameterGroup", s.ModifyDBClusterParameterGroup)
	wire.Handle(w, "DeleteDBClusterParameterGroup", s.DeleteDBClusterParameterGroup)

	wire.Handle(w, "AddTagsToResource", s.AddTagsToResource)
	wire.Handle(w, "RemoveTagsFromResource", s.RemoveTagsFromResource)
	wire.Handle(w, "ListTagsForResource", s.ListTagsForResource)
	wire.Handle(w, "DescribeDBEngineVersions", s.DescribeDBEngineVersions)
	wire.Handle(w, "DescribeOrderableDBInstanceOptions", s.DescribeOrderableDBInstanceOptions)
	wire.Handle(w, "DescribeAccountAttributes", s.DescribeAccountAttributes)
	return w
}
