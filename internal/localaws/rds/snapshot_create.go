package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// CreateDBSnapshot begins a snapshot of an instance. Its data is of the
// moment of the call.
func (s *Service) CreateDBSnapshot(ctx context.Context, in *rds.CreateDBSnapshotInput) (*rds.CreateDBSnapshotOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	i, err := st.instance(in.DBInstanceIdentifier)
	if err != nil {
		return nil, err
	}
	if i.DBClusterIdentifier != nil {
		return nil, invalid("The specified instance is a member of a cluster and a snapshot cannot be created directly. "+
			"Please use the CreateDBClusterSnapshot API on %s.", *i.DBClusterIdentifier)
	}
	if err := i.mustBe("snapshot", available, stopped); err != nil {
		return nil, err
	}
	p, err := s.addInstanceSnapshot(ctx, st, i, in.DBSnapshotIdentifier, in.Tags)
	if err != nil {
		return nil, err
	}
	before := *i.DBInstanceStatus
	s.setInstance(i, backingUp)
	s.background(ctx, func(ctx context.Context) {
		s.settled(ctx, p)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.moveInstance(i, before, backingUp)
	})
	return &rds.CreateDBSnapshotOutput{DBSnapshot: new(p.instance())}, nil
}

// addInstanceSnapshot files a snapshot and begins to copy. The lock is held.
func (s *Service) addInstanceSnapshot(ctx context.Context, st *state, i *instance, id *string,
	tags []types.Tag) (*snapshot, error) {
	p := &snapshot{
		SourceID: *i.DBInstanceIdentifier, Status: creating, KMSKey: i.KmsKeyId,
		Tags: inherit(tags, i.TagList, i.CopyTagsToSnapshot),
		Origin: origin{
			Engine: i.Engine, EngineVersion: i.EngineVersion, MasterUsername: i.MasterUsername, DBName: i.DBName,
			StorageType: i.StorageType, LicenseModel: i.LicenseModel, ResourceID: aws.ToString(i.DbiResourceId),
			Password: i.Password, AllocatedStorage: i.AllocatedStorage, Port: portOf(i.Engine),
			CreateTime: i.InstanceCreateTime,
		},
	}
	if err := s.add(st, instanceKind, "DBSnapshotIdentifier", id, p); err != nil {
		return nil, err
	}
	server := i.server
	s.background(ctx, func(ctx context.Context) {
		s.fill(ctx, p, func() (string, error) { return s.archive(ctx, server) })
	})
	return p, nil
}

// CreateDBClusterSnapshot begins a snapshot of a cluster.
func (s *Service) CreateDBClusterSnapshot(
	ctx context.Context, in *rds.CreateDBClusterSnapshotInput,
) (*rds.CreateDBClusterSnapshotOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	c, err := st.cluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if status := aws.ToString(c.Status); status != available && status != stopped {
		return nil, wire.Errorf("InvalidDBClusterStateFault", 400, "DBCluster %s is in state %s, not available.",
			*c.DBClusterIdentifier, status)
	}
	p, err := s.addClusterSnapshot(ctx, st, c, in.DBClusterSnapshotIdentifier, in.Tags)
	if err != nil {
		return nil, err
	}
	return &rds.CreateDBClusterSnapshotOutput{DBClusterSnapshot: new(p.cluster())}, nil
}

// addClusterSnapshot files a snapshot and begins to copy. The lock is held.
func (s *Service) addClusterSnapshot(ctx context.Context, st *state, c *cluster, id *string,
	tags []types.Tag) (*snapshot, error) {
	p := &snapshot{
		SourceID: *c.DBClusterIdentifier, Status: creating, KMSKey: c.KmsKeyId,
		Tags: inherit(tags, c.TagList, c.CopyTagsToSnapshot),
		Origin: origin{
			Engine: c.Engine, EngineVersion: c.EngineVersion, MasterUsername: c.MasterUsername, DBName: c.DatabaseName,
			StorageType: c.StorageType, ResourceID: aws.ToString(c.DbClusterResourceId), Password: c.Password,
			AllocatedStorage: orElse(c.AllocatedStorage, 1), Port: portOf(c.Engine), CreateTime: c.ClusterCreateTime,
		},
	}
	if err := s.add(st, clusterKind, "DBClusterSnapshotIdentifier", id, p); err != nil {
		return nil, err
	}
	server := c.server
	s.background(ctx, func(ctx context.Context) {
		s.fill(ctx, p, func() (string, error) { return s.archive(ctx, server) })
	})
	return p, nil
}

// inherit returns the tags of a snapshot: those given, and the database's if
// it copies them.
func inherit(tags, database []types.Tag, wanted *bool) []types.Tag {
	if !aws.ToBool(wanted) {
		return tags
	}
	return mergeTags(database, tags)
}
