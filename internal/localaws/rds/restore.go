package rds

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/org/shipkit/internal/localaws/rds/engine"
	"github.com/org/shipkit/internal/localaws/wire"
)

// RestoreDBInstanceFromDBSnapshot creates an instance with a snapshot's data,
// users and passwords.
func (s *Service) RestoreDBInstanceFromDBSnapshot(
	ctx context.Context, in *rds.RestoreDBInstanceFromDBSnapshotInput,
) (*rds.RestoreDBInstanceFromDBSnapshotOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	if in.DBClusterSnapshotIdentifier != nil {
		return nil, combination("Local RDS restores no instance from a Multi-AZ cluster's snapshot: give DBSnapshotIdentifier.")
	}
	p, err := s.source(st, instanceKind, in.DBSnapshotIdentifier)
	if err != nil {
		return nil, err
	}
	o := p.Origin
	i := &instance{}
	i.AllocatedStorage, i.EngineVersion, i.LicenseModel, i.StorageType, i.Engine = o.AllocatedStorage, o.EngineVersion,
		o.LicenseModel, o.StorageType, o.Engine
	overlay(&i.DBInstance, in)
	if aws.ToString(i.Engine) != aws.ToString(o.Engine) {
		return nil, invalid("The engine %s is not compatible with the snapshot's engine %s.", aws.ToString(i.Engine),
			aws.ToString(o.Engine))
	}
	i.MasterUsername, i.Password, i.KmsKeyId, i.DBName = o.MasterUsername, o.Password, p.KMSKey, o.DBName
	settings := instanceSettings{
		id: in.DBInstanceIdentifier, subnetGroup: in.DBSubnetGroupName, parameterGroup: in.DBParameterGroupName,
		securityGroups: in.VpcSecurityGroupIds, tags: in.Tags, logs: in.EnableCloudwatchLogsExports,
		iam: in.EnableIAMDatabaseAuthentication, port: in.Port, managed: in.ManageMasterUserPassword,
	}
	if i.DBInstanceClass == nil {
		i.DBInstanceClass = new("db.t3.micro")
	}
	if err := s.addInstance(ctx, st, i, settings); err != nil {
		return nil, err
	}
	data, err := s.link(p.Archive)
	fail := strike(&s.faults.restores, *i.DBInstanceIdentifier) || err != nil
	s.background(ctx, func(ctx context.Context) {
		defer removeArchive(data)
		if !s.wait(ctx, s.options.Timing.Restore) {
			return
		}
		if fail {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.moveInstance(i, badRestore, creating)
			return
		}
		s.raiseInstance(ctx, i, data, engine.Master{User: aws.ToString(i.MasterUsername), Password: i.Password})
	})
	return &rds.RestoreDBInstanceFromDBSnapshotOutput{DBInstance: new(i.DBInstance)}, nil
}

// RestoreDBClusterFromSnapshot creates a cluster with a snapshot's data. It
// has no members.
func (s *Service) RestoreDBClusterFromSnapshot(
	ctx context.Context, in *rds.RestoreDBClusterFromSnapshotInput,
) (*rds.RestoreDBClusterFromSnapshotOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.here(ctx)
	p, err := s.source(st, clusterKind, in.SnapshotIdentifier)
	if err != nil {
		return nil, err
	}
	o := p.Origin
	c := &cluster{}
	c.EngineVersion, c.StorageType, c.DatabaseName, c.AllocatedStorage = o.EngineVersion, o.StorageType, o.DBName,
		o.AllocatedStorage
	overlay(&c.DBCluster, in)
	if aws.ToString(in.Engine) != aws.ToString(o.Engine) {
		return nil, invalid("The engine %s is not compatible with the snapshot's engine %s.", aws.ToString(in.Engine),
			aws.ToString(o.Engine))
	}
	if c.KmsKeyId, err = s.restoreKey(ctx, p, in.KmsKeyId); err != nil {
		return nil, err
	}
	c.MasterUsername, c.Password = o.MasterUsername, o.Password
	settings := clusterSettings{
		id: in.DBClusterIdentifier, subnetGroup: in.DBSubnetGroupName, parameterGroup: in.DBClusterParameterGroupName,
		securityGroups: in.VpcSecurityGroupIds, tags: in.Tags, logs: in.EnableCloudwatchLogsExports,
		iam: in.EnableIAMDatabaseAuthentication, scaling: in.ServerlessV2ScalingConfiguration,
	}
	if err := s.addCluster(ctx, st, c, settings); err != nil {
		return nil, err
	}
	data, err := s.link(p.Archive)
	fail := strike(&s.faults.restores, *c.DBClusterIdentifier) || err != nil
	s.background(ctx, func(ctx context.Context) {
		defer removeArchive(data)
		if !s.wait(ctx, s.options.Timing.Restore) {
			return
		}
		if fail {
			s.mu.Lock()
			defer s.mu.Unlock()
			c.move(badRestore, creating)
			return
		}
		s.raiseCluster(ctx, st, c, data, engine.Master{})
	})
	return &rds.RestoreDBClusterFromSnapshotOutput{DBCluster: new(c.DBCluster)}, nil
}

// source returns a snapshot that the caller may restore from.
func (s *Service) source(st *state, k *kind, id *string) (*snapshot, error) {
	p, err := s.visible(st, k, id, false)
	if err != nil {
		return nil, err
	}
	if p.Status != available {
		return nil, wire.Errorf(k.badState, 400, "Snapshot %s is in state %s, not available.", p.ID, p.Status)
	}
	if k.cannotRestoreWhenShared && p.KMSKey != nil && st.foreign(p) {
		// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RestoreFromSnapshot.html; the code is a guess.
		return nil, invalid("You can't restore a DB instance from a DB snapshot that is both shared and encrypted. "+
			"Make a copy of %s and restore the DB instance from the copy.", p.ARN)
	}
	return p, nil
}

// restoreKey decides the key of a restored cluster: the one given, else the
// snapshot's, which the caller's account must be allowed to use.
func (s *Service) restoreKey(ctx context.Context, p *snapshot, kmsKey *string) (*string, error) {
	switch {
	case kmsKey != nil:
		return s.use(ctx, *kmsKey) // Aurora encrypts an unencrypted snapshot so
	case p.KMSKey == nil:
		return nil, nil
	}
	return s.use(ctx, *p.KMSKey)
}

// foreign tells whether a snapshot belongs to another account.
func (st *state) foreign(p *snapshot) bool {
	owner, err := arn.Parse(p.ARN)
	return err != nil || owner.AccountID != st.Account
}

func removeArchive(file string) {
	if file != "" {
		_ = os.Remove(file) // what is left goes with the folder
	}
}
