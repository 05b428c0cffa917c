package database

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Instances is the Engine of RDS instances.
type Instances struct{ Client *rds.Client }

var _ Engine = Instances{}

// Database implements Engine.
func (e Instances) Database(ctx context.Context, id string) (*Database, error) {
	out, err := e.Client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
	var missing *types.DBInstanceNotFoundFault
	if errors.As(err, &missing) {
		return nil, nil //nolint:nilnil // the interface says so
	}
	if err != nil {
		return nil, fmt.Errorf("describe DB instance %s: %w", id, err)
	}
	if len(out.DBInstances) == 0 {
		return nil, nil //nolint:nilnil // the interface says so
	}
	return fromInstance(out.DBInstances[0]), nil
}

func fromInstance(d types.DBInstance) *Database {
	db := &Database{
		Kind: Instance, ID: aws.ToString(d.DBInstanceIdentifier), ARN: aws.ToString(d.DBInstanceArn),
		Status: aws.ToString(d.DBInstanceStatus), Engine: aws.ToString(d.Engine),
		EngineVersion: aws.ToString(d.EngineVersion), Class: aws.ToString(d.DBInstanceClass),
		KMSKeyID: aws.ToString(d.KmsKeyId), Encrypted: aws.ToBool(d.StorageEncrypted),
		StorageGB: int(aws.ToInt32(d.AllocatedStorage)), MultiAZ: aws.ToBool(d.MultiAZ),
		DeletionProtection: aws.ToBool(d.DeletionProtection), Name: aws.ToString(d.DBName),
		User: aws.ToString(d.MasterUsername), Tags: fromTags(d.TagList),
	}
	if d.Endpoint != nil {
		db.Endpoint, db.Port = aws.ToString(d.Endpoint.Address), int(aws.ToInt32(d.Endpoint.Port))
	}
	if d.DBSubnetGroup != nil {
		db.SubnetGroup = aws.ToString(d.DBSubnetGroup.DBSubnetGroupName)
	}
	for _, group := range d.VpcSecurityGroups {
		db.SecurityGroups = append(db.SecurityGroups, aws.ToString(group.VpcSecurityGroupId))
	}
	if len(d.DBParameterGroups) > 0 {
		db.ParameterGroup = aws.ToString(d.DBParameterGroups[0].DBParameterGroupName)
	}
	return db
}

// Stop implements Engine. An instance that is not running is left alone.
func (e Instances) Stop(ctx context.Context, id string) error {
	db, err := e.Database(ctx, id)
	if err != nil || db == nil || db.Status != Available {
		return err
	}
	if _, err := e.Client.StopDBInstance(ctx, &rds.StopDBInstanceInput{DBInstanceIdentifier: &id}); err != nil {
		return fmt.Errorf("stop DB instance %s: %w", id, err)
	}
	return nil
}

// Start implements Engine. An instance that is not stopped is left alone.
func (e Instances) Start(ctx context.Context, id string) error {
	db, err := e.Database(ctx, id)
	if err != nil || db == nil || db.Status != "stopped" {
		return err
	}
	if _, err := e.Client.StartDBInstance(ctx, &rds.StartDBInstanceInput{DBInstanceIdentifier: &id}); err != nil {
		return fmt.Errorf("start DB instance %s: %w", id, err)
	}
	return nil
}

// Protect implements Engine.
func (e Instances) Protect(ctx context.Context, id string, on bool) error {
	_, err := e.Client.ModifyDBInstance(ctx, &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: &id, DeletionProtection: &on, ApplyImmediately: aws.Bool(true),
	})
	var missing *types.DBInstanceNotFoundFault
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("set deletion protection of DB instance %s to %v: %w", id, on, err)
	}
	return nil
}

// Snapshot implements Engine.
func (e Instances) Snapshot(ctx context.Context, idOrARN string) (*Snapshot, error) {
	out, err := e.Client.DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{
		DBSnapshotIdentifier: &idOrARN, IncludeShared: shared(idOrARN),
	})
	var missing *types.DBSnapshotNotFoundFault
	if errors.As(err, &missing) {
		return nil, nil //nolint:nilnil // the interface says so
	}
	if err != nil {
		return nil, fmt.Errorf("describe DB snapshot %s: %w", idOrARN, err)
	}
	if len(out.DBSnapshots) == 0 {
		return nil, nil //nolint:nilnil // the interface says so
	}
	s := out.DBSnapshots[0]
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
	var exists *types.DBSnapshotAlreadyExistsFault
	if errors.As(err, &exists) {
		return e.adopt(ctx, id, tags)
	}
	if err != nil {
		return fmt.Errorf("snapshot DB instance %s as %s: %w", databaseID, id, err)
	}
	return nil
}

// Copy implements Engine.
func (e Instances) Copy(ctx context.Context, c Copy) error {
	in := &rds.CopyDBSnapshotInput{
		SourceDBSnapshotIdentifier: &c.SourceARN, TargetDBSnapshotIdentifier: &c.ID,
		CopyTags: copyTags(c), Tags: toTags(c.Tags),
	}
	if c.KMSKeyID != "" {
		in.KmsKeyId = &c.KMSKeyID
	}
	if c.SourceRegion != "" {
		in.SourceRegion = &c.SourceRegion
	}
	_, err := e.Client.CopyDBSnapshot(ctx, in)
	var exists *types.DBSnapshotAlreadyExistsFault
	if errors.As(err, &exists) {
		return e.adopt(ctx, c.ID, c.Tags)
	}
	if err != nil {
		return fmt.Errorf("copy DB snapshot %s to %s: %w", c.SourceARN, c.ID, err)
	}
	return nil
}

func (e Instances) adopt(ctx context.Context, id string, tags map[string]string) error {
	found, err := e.Snapshot(ctx, id)
	if err != nil {
		return err
	}
	return adopt(found, id, tags)
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
	var missing *types.DBSnapshotNotFoundFault
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("delete DB snapshot %s: %w", id, err)
	}
	return nil
}

// Manual implements Engine.
func (e Instances) Manual(ctx context.Context) (int, error) {
	pages := rds.NewDescribeDBSnapshotsPaginator(e.Client, &rds.DescribeDBSnapshotsInput{SnapshotType: aws.String("manual")})
	count := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, fmt.Errorf("count manual DB snapshots: %w", err)
		}
		count += len(page.DBSnapshots)
	}
	return count, nil
}

// VersionOffered implements Engine.
func (e Instances) VersionOffered(ctx context.Context, engine, version string) (bool, error) {
	return versionOffered(ctx, e.Client, engine, version)
}
