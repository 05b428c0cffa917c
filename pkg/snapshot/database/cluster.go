package database

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Clusters is the Engine of Aurora clusters.
type Clusters struct{ region }

var _ Engine = Clusters{}

// NewClusters returns the engine of an account and region.
func NewClusters(client *rds.Client) Clusters { return Clusters{region{client}} }

// Database implements Engine.
func (e Clusters) Database(ctx context.Context, id string) (*Database, error) {
	out, err := e.Client.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
	found, err := one[*types.DBClusterNotFoundFault]("DB cluster", id, err, func() []types.DBCluster { return out.DBClusters })
	if found == nil {
		return nil, err
	}
	return fromCluster(*found), nil
}

func fromCluster(d types.DBCluster) *Database {
	db := &Database{
		Kind: Cluster, ID: aws.ToString(d.DBClusterIdentifier), ARN: aws.ToString(d.DBClusterArn), ResourceID: aws.ToString(d.DbClusterResourceId),
		Status: aws.ToString(d.Status), Engine: aws.ToString(d.Engine), EngineVersion: aws.ToString(d.EngineVersion),
		Class: aws.ToString(d.DBClusterInstanceClass), KMSKeyID: aws.ToString(d.KmsKeyId),
		Encrypted: aws.ToBool(d.StorageEncrypted), StorageGB: int(aws.ToInt32(d.AllocatedStorage)),
		MultiAZ: aws.ToBool(d.MultiAZ), DeletionProtection: aws.ToBool(d.DeletionProtection),
		Endpoint: aws.ToString(d.Endpoint), Port: int(aws.ToInt32(d.Port)), Name: aws.ToString(d.DatabaseName),
		User: aws.ToString(d.MasterUsername), SubnetGroup: aws.ToString(d.DBSubnetGroup),
		ParameterGroup: aws.ToString(d.DBClusterParameterGroup), Tags: fromTags(d.TagList),
		SecurityGroups: securityGroups(d.VpcSecurityGroups),
	}
	return db
}

// Stop implements Engine.
func (e Clusters) Stop(ctx context.Context, id string) error {
	_, err := e.Client.StopDBCluster(ctx, &rds.StopDBClusterInput{DBClusterIdentifier: &id})
	err = when[*types.InvalidDBClusterStateFault](ctx, e, id, Available, err)
	return unless[*types.DBClusterNotFoundFault](err, "stop DB cluster %s", id)
}

// Start implements Engine.
func (e Clusters) Start(ctx context.Context, id string) error {
	_, err := e.Client.StartDBCluster(ctx, &rds.StartDBClusterInput{DBClusterIdentifier: &id})
	err = when[*types.InvalidDBClusterStateFault](ctx, e, id, "stopped", err)
	return unless[*types.DBClusterNotFoundFault](err, "start DB cluster %s", id)
}

// Protect implements Engine.
func (e Clusters) Protect(ctx context.Context, id string, on bool) error {
	_, err := e.Client.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{
		DBClusterIdentifier: &id, DeletionProtection: &on, ApplyImmediately: aws.Bool(true),
	})
	return unless[*types.DBClusterNotFoundFault](err, "set deletion protection of DB cluster %s to %v", id, on)
}

// Snapshot implements Engine.
func (e Clusters) Snapshot(ctx context.Context, idOrARN string) (*Snapshot, error) {
	out, err := e.Client.DescribeDBClusterSnapshots(ctx, &rds.DescribeDBClusterSnapshotsInput{
		DBClusterSnapshotIdentifier: &idOrARN, IncludeShared: shared(idOrARN),
	})
	s, err := one[*types.DBClusterSnapshotNotFoundFault]("DB cluster snapshot", idOrARN, err,
		func() []types.DBClusterSnapshot { return out.DBClusterSnapshots })
	if s == nil {
		return nil, err
	}
	return &Snapshot{
		Kind: Cluster, ID: aws.ToString(s.DBClusterSnapshotIdentifier), ARN: aws.ToString(s.DBClusterSnapshotArn),
		Status: aws.ToString(s.Status), Progress: int(aws.ToInt32(s.PercentProgress)),
		Engine: aws.ToString(s.Engine), EngineVersion: aws.ToString(s.EngineVersion),
		Encrypted: aws.ToBool(s.StorageEncrypted), KMSKeyID: aws.ToString(s.KmsKeyId),
		StorageGB: int(aws.ToInt32(s.AllocatedStorage)), Database: aws.ToString(s.DBClusterIdentifier),
		Created: aws.ToTime(s.SnapshotCreateTime), Tags: fromTags(s.TagList),
	}, nil
}

// Take implements Engine.
func (e Clusters) Take(ctx context.Context, databaseID, id string, tags map[string]string) error {
	_, err := e.Client.CreateDBClusterSnapshot(ctx, &rds.CreateDBClusterSnapshotInput{
		DBClusterIdentifier: &databaseID, DBClusterSnapshotIdentifier: &id, Tags: toTags(tags),
	})
	if err = adopted[*types.DBClusterSnapshotAlreadyExistsFault](ctx, e, err, id, tags); err != nil {
		return fmt.Errorf("snapshot DB cluster %s as %s: %w", databaseID, id, err)
	}
	return nil
}

// Copy implements Engine.
func (e Clusters) Copy(ctx context.Context, c Copy) error {
	_, err := e.Client.CopyDBClusterSnapshot(ctx, &rds.CopyDBClusterSnapshotInput{
		SourceDBClusterSnapshotIdentifier: &c.SourceARN, TargetDBClusterSnapshotIdentifier: &c.ID, Tags: toTags(c.Tags),
		KmsKeyId: optional(c.KMSKeyID), SourceRegion: optional(c.SourceRegion),
	})
	if err = adopted[*types.DBClusterSnapshotAlreadyExistsFault](ctx, e, err, c.ID, c.Tags); err != nil {
		return fmt.Errorf("copy DB cluster snapshot %s to %s: %w", c.SourceARN, c.ID, err)
	}
	return nil
}

// Share implements Engine.
func (e Clusters) Share(ctx context.Context, id, account string) error {
	_, err := e.Client.ModifyDBClusterSnapshotAttribute(ctx, &rds.ModifyDBClusterSnapshotAttributeInput{
		DBClusterSnapshotIdentifier: &id, AttributeName: aws.String("restore"), ValuesToAdd: []string{account},
	})
	if err != nil {
		return fmt.Errorf("share DB cluster snapshot %s with account %s: %w", id, account, err)
	}
	return nil
}

// DeleteSnapshot implements Engine.
func (e Clusters) DeleteSnapshot(ctx context.Context, id string) error {
	_, err := e.Client.DeleteDBClusterSnapshot(ctx, &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: &id})
	return unless[*types.DBClusterSnapshotNotFoundFault](err, "delete DB cluster snapshot %s", id)
}

// Quotas implements Engine.
func (e Clusters) Quotas(ctx context.Context) (Quotas, error) {
	q, err := e.quotas(ctx)
	return Quotas{Snapshots: q["ManualClusterSnapshots"], Databases: q["DBClusters"], Members: q["DBInstances"]}, err
}

// ParameterGroup implements Engine.
func (e Clusters) ParameterGroup(ctx context.Context, name string) (string, error) {
	out, err := e.Client.DescribeDBClusterParameterGroups(ctx,
		&rds.DescribeDBClusterParameterGroupsInput{DBClusterParameterGroupName: &name})
	found, err := one[*types.DBParameterGroupNotFoundFault]("DB cluster parameter group", name, err,
		func() []types.DBClusterParameterGroup { return out.DBClusterParameterGroups })
	if found == nil {
		return "", err
	}
	return aws.ToString(found.DBParameterGroupFamily), nil
}
