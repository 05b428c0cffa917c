package database

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/smithy-go"
)

// Instances is the Engine of RDS instances.
type Instances struct{ region }

var _ Engine = Instances{}

// NewInstances returns the engine of an account and region.
func NewInstances(client *rds.Client) Instances { return Instances{region{client}} }

// Database implements Engine.
func (e Instances) Database(ctx context.Context, id string) (*Database, error) {
	out, err := e.Client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
	found, err := one[*types.DBInstanceNotFoundFault]("DB instance", id, err, func() []types.DBInstance { return out.DBInstances })
	if found == nil {
		return nil, err
	}
	return fromInstance(*found), nil
}

func fromInstance(d types.DBInstance) *Database {
	db := &Database{
		Kind: Instance, ID: aws.ToString(d.DBInstanceIdentifier), ARN: aws.ToString(d.DBInstanceArn), ResourceID: aws.ToString(d.DbiResourceId),
		Cluster: aws.ToString(d.DBClusterIdentifier),
		Status:  aws.ToString(d.DBInstanceStatus), Engine: aws.ToString(d.Engine),
		EngineVersion: aws.ToString(d.EngineVersion), Class: aws.ToString(d.DBInstanceClass),
		KMSKeyID: aws.ToString(d.KmsKeyId), Encrypted: aws.ToBool(d.StorageEncrypted),
		StorageGB: int(aws.ToInt32(d.AllocatedStorage)), MultiAZ: aws.ToBool(d.MultiAZ),
		DeletionProtection: aws.ToBool(d.DeletionProtection), Name: aws.ToString(d.DBName),
		User: aws.ToString(d.MasterUsername), Tags: fromTags(d.TagList),
		SecurityGroups: securityGroups(d.VpcSecurityGroups),
	}
	if d.Endpoint != nil {
		db.Endpoint, db.Port = aws.ToString(d.Endpoint.Address), int(aws.ToInt32(d.Endpoint.Port))
	}
	if d.DBSubnetGroup != nil {
		db.SubnetGroup = aws.ToString(d.DBSubnetGroup.DBSubnetGroupName)
	}
	if len(d.DBParameterGroups) > 0 {
		db.ParameterGroup = aws.ToString(d.DBParameterGroups[0].DBParameterGroupName)
	}
	return db
}

// Stop implements Engine.
func (e Instances) Stop(ctx context.Context, id string) error {
	_, err := e.Client.StopDBInstance(ctx, &rds.StopDBInstanceInput{DBInstanceIdentifier: &id})
	err = when[*types.InvalidDBInstanceStateFault](ctx, e, id, Available, e.alone(ctx, id, err))
	return unless[*types.DBInstanceNotFoundFault](err, "stop DB instance %s", id)
}

// Start implements Engine.
func (e Instances) Start(ctx context.Context, id string) error {
	_, err := e.Client.StartDBInstance(ctx, &rds.StartDBInstanceInput{DBInstanceIdentifier: &id})
	err = when[*types.InvalidDBInstanceStateFault](ctx, e, id, "stopped", e.alone(ctx, id, err))
	return unless[*types.DBInstanceNotFoundFault](err, "start DB instance %s", id)
}

// alone forgives that RDS refuses to stop or start a member of a cluster, which
// goes as the cluster does.
func (e Instances) alone(ctx context.Context, id string, err error) error {
	var refused smithy.APIError
	if !errors.As(err, &refused) {
		return err
	}
	if db, look := e.Database(ctx, id); look == nil && db != nil && db.Cluster != "" {
		return nil
	}
	return err
}

// Protect implements Engine.
func (e Instances) Protect(ctx context.Context, id string, on bool) error {
	_, err := e.Client.ModifyDBInstance(ctx, &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: &id, DeletionProtection: &on, ApplyImmediately: aws.Bool(true),
	})
	return unless[*types.DBInstanceNotFoundFault](err, "set deletion protection of DB instance %s to %v", id, on)
}

// Snapshot implements Engine.
func (e Instances) Snapshot(ctx context.Context, idOrARN string) (*Snapshot, error) {
	out, err := e.Client.DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{
		DBSnapshotIdentifier: &idOrARN, IncludeShared: shared(idOrARN),
	})
	s, err := one[*types.DBSnapshotNotFoundFault]("DB snapshot", idOrARN, err,
		func() []types.DBSnapshot { return out.DBSnapshots })
	if s == nil {
		return nil, err
	}
	return &Snapshot{
		Kind: Instance, ID: aws.ToString(s.DBSnapshotIdentifier), ARN: aws.ToString(s.DBSnapshotArn),
		Status: aws.ToString(s.Status), Progress: int(aws.ToInt32(s.PercentProgress)),
		Engine: aws.ToString(s.Engine), EngineVersion: aws.ToString(s.EngineVersion),
		Encrypted: aws.ToBool(s.Encrypted), KMSKeyID: aws.ToString(s.KmsKeyId),
		StorageGB: int(aws.ToInt32(s.AllocatedStorage)), Database: aws.ToString(s.DBInstanceIdentifier),
		Created: aws.ToTime(s.SnapshotCreateTime), Tags: fromTags(s.TagList),
	}, nil
}

// Take implements Engine.
func (e Instances) Take(ctx context.Context, databaseID, id string, tags map[string]string) error {
	_, err := e.Client.CreateDBSnapshot(ctx, &rds.CreateDBSnapshotInput{
		DBInstanceIdentifier: &databaseID, DBSnapshotIdentifier: &id, Tags: toTags(tags),
	})
	if err = adopted[*types.DBSnapshotAlreadyExistsFault](ctx, e, err, id, tags); err != nil {
		return fmt.Errorf("snapshot DB instance %s as %s: %w", databaseID, id, err)
	}
	return nil
}

// Copy implements Engine.
func (e Instances) Copy(ctx context.Context, c Copy) error {
	_, err := e.Client.CopyDBSnapshot(ctx, &rds.CopyDBSnapshotInput{
		SourceDBSnapshotIdentifier: &c.SourceARN, TargetDBSnapshotIdentifier: &c.ID, Tags: toTags(c.Tags),
		KmsKeyId: optional(c.KMSKeyID), SourceRegion: optional(c.SourceRegion),
	})
	if err = adopted[*types.DBSnapshotAlreadyExistsFault](ctx, e, err, c.ID, c.Tags); err != nil {
		return fmt.Errorf("copy DB snapshot %s to %s: %w", c.SourceARN, c.ID, err)
	}
	return nil
}

// Share implements Engine.
func (e Instances) Share(ctx context.Context, id, account string) error {
	_, err := e.Client.ModifyDBSnapshotAttribute(ctx, &rds.ModifyDBSnapshotAttributeInput{
		DBSnapshotIdentifier: &id, AttributeName: aws.String("restore"), ValuesToAdd: []string{account},
	})
	if err != nil {
		return fmt.Errorf("share DB snapshot %s with account %s: %w", id, account, err)
	}
	return nil
}

// DeleteSnapshot implements Engine.
func (e Instances) DeleteSnapshot(ctx context.Context, id string) error {
	_, err := e.Client.DeleteDBSnapshot(ctx, &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: &id})
	return unless[*types.DBSnapshotNotFoundFault](err, "delete DB snapshot %s", id)
}

// Quotas implements Engine.
func (e Instances) Quotas(ctx context.Context) (Quotas, error) {
	q, err := e.quotas(ctx)
	return Quotas{Snapshots: q["ManualSnapshots"], Databases: q["DBInstances"], StorageGB: q["AllocatedStorage"]}, err
}

// ParameterGroup implements Engine.
func (e Instances) ParameterGroup(ctx context.Context, name string) (string, error) {
	out, err := e.Client.DescribeDBParameterGroups(ctx, &rds.DescribeDBParameterGroupsInput{DBParameterGroupName: &name})
	found, err := one[*types.DBParameterGroupNotFoundFault]("DB parameter group", name, err,
		func() []types.DBParameterGroup { return out.DBParameterGroups })
	if found == nil {
		return "", err
	}
	return aws.ToString(found.DBParameterGroupFamily), nil
}
