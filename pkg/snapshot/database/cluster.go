package database

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Clusters is the Engine of Aurora clusters.
type Clusters struct{ Client *rds.Client }

var _ Engine = Clusters{}

// Database implements Engine.
func (e Clusters) Database(ctx context.Context, id string) (*Database, error) {
	out, err := e.Client.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
	var missing *types.DBClusterNotFoundFault
	if errors.As(err, &missing) {
		return nil, nil //nolint:nilnil // the interface says so
	}
	if err != nil {
		return nil, fmt.Errorf("describe DB cluster %s: %w", id, err)
	}
	if len(out.DBClusters) == 0 {
		return nil, nil //nolint:nilnil // the interface says so
	}
	return fromCluster(out.DBClusters[0]), nil
}

func fromCluster(d types.DBCluster) *Database {
	db := &Database{
		Kind: Cluster, ID: aws.ToString(d.DBClusterIdentifier), ARN: aws.ToString(d.DBClusterArn),
		Status: aws.ToString(d.Status), Engine: aws.ToString(d.Engine), EngineVersion: aws.ToString(d.EngineVersion),
		Class: aws.ToString(d.DBClusterInstanceClass), KMSKeyID: aws.ToString(d.KmsKeyId),
		Encrypted: aws.ToBool(d.StorageEncrypted), StorageGB: int(aws.ToInt32(d.AllocatedStorage)),
		MultiAZ: aws.ToBool(d.MultiAZ), DeletionProtection: aws.ToBool(d.DeletionProtection),
		Endpoint: aws.ToString(d.Endpoint), Port: int(aws.ToInt32(d.Port)), Name: aws.ToString(d.DatabaseName),
		User: aws.ToString(d.MasterUsername), SubnetGroup: aws.ToString(d.DBSubnetGroup),
		ParameterGroup: aws.ToString(d.DBClusterParameterGroup), Tags: fromTags(d.TagList),
	}
	for _, group := range d.VpcSecurityGroups {
		db.SecurityGroups = append(db.SecurityGroups, aws.ToString(group.VpcSecurityGroupId))
	}
	return db
}

// Stop implements Engine. A cluster that is not running is left alone.
func (e Clusters) Stop(ctx context.Context, id string) error {
	db, err := e.Database(ctx, id)
	if err != nil || db == nil || db.Status != Available {
		return err
	}
	if _, err := e.Client.StopDBCluster(ctx, &rds.StopDBClusterInput{DBClusterIdentifier: &id}); err != nil {
		return fmt.Errorf("stop DB cluster %s: %w", id, err)
	}
	return nil
}

// Start implements Engine. A cluster that is not stopped is left alone.
func (e Clusters) Start(ctx context.Context, id string) error {
	db, err := e.Database(ctx, id)
	if err != nil || db == nil || db.Status != "stopped" {
		return err
	}
	if _, err := e.Client.StartDBCluster(ctx, &rds.StartDBClusterInput{DBClusterIdentifier: &id}); err != nil {
		return fmt.Errorf("start DB cluster %s: %w", id, err)
	}
	return nil
}

// Protect implements Engine.
func (e Clusters) Protect(ctx context.Context, id string, on bool) error {
	_, err := e.Client.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{
		DBClusterIdentifier: &id, DeletionProtection: &on, ApplyImmediately: aws.Bool(true),
	})
	var missing *types.DBClusterNotFoundFault
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("set deletion protection of DB cluster %s to %v: %w", id, on, err)
	}
	return nil
}

// Snapshot implements Engine.
func (e Clusters) Snapshot(ctx context.Context, idOrARN string) (*Snapshot, error) {
	out, err := e.Client.DescribeDBClusterSnapshots(ctx, &rds.DescribeDBClusterSnapshotsInput{
		DBClusterSnapshotIdentifier: &idOrARN, IncludeShared: shared(idOrARN),
	})
	var missing *types.DBClusterSnapshotNotFoundFault
	if errors.As(err, &missing) {
		return nil, nil //nolint:nilnil // the interface says so
	}
	if err != nil {
		return nil, fmt.Errorf("describe DB cluster snapshot %s: %w", idOrARN, err)
	}
	if len(out.DBClusterSnapshots) == 0 {
		return nil, nil //nolint:nilnil // the interface says so
	}
	s := out.DBClusterSnapshots[0]
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
	var exists *types.DBClusterSnapshotAlreadyExistsFault
	if errors.As(err, &exists) {
		return e.adopt(ctx, id, tags)
	}
	if err != nil {
		return fmt.Errorf("snapshot DB cluster %s as %s: %w", databaseID, id, err)
	}
	return nil
}

// Copy implements Engine.
func (e Clusters) Copy(ctx context.Context, c Copy) error {
	in := &rds.CopyDBClusterSnapshotInput{
		SourceDBClusterSnapshotIdentifier: &c.SourceARN, TargetDBClusterSnapshotIdentifier: &c.ID,
		CopyTags: copyTags(c), Tags: toTags(c.Tags),
	}
	if c.KMSKeyID != "" {
		in.KmsKeyId = &c.KMSKeyID
	}
	if c.SourceRegion != "" {
		in.SourceRegion = &c.SourceRegion
	}
	_, err := e.Client.CopyDBClusterSnapshot(ctx, in)
	var exists *types.DBClusterSnapshotAlreadyExistsFault
	if errors.As(err, &exists) {
		return e.adopt(ctx, c.ID, c.Tags)
	}
	if err != nil {
		return fmt.Errorf("copy DB cluster snapshot %s to %s: %w", c.SourceARN, c.ID, err)
	}
	return nil
}

func (e Clusters) adopt(ctx context.Context, id string, tags map[string]string) error {
	found, err := e.Snapshot(ctx, id)
	if err != nil {
		return err
	}
	return adopt(found, id, tags)
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
	var missing *types.DBClusterSnapshotNotFoundFault
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("delete DB cluster snapshot %s: %w", id, err)
	}
	return nil
}

// Manual implements Engine.
func (e Clusters) Manual(ctx context.Context) (int, error) {
	pages := rds.NewDescribeDBClusterSnapshotsPaginator(e.Client, &rds.DescribeDBClusterSnapshotsInput{SnapshotType: aws.String("manual")})
	count := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, fmt.Errorf("count manual DB cluster snapshots: %w", err)
		}
		count += len(page.DBClusterSnapshots)
	}
	return count, nil
}

// VersionOffered implements Engine.
func (e Clusters) VersionOffered(ctx context.Context, engine, version string) (bool, error) {
	return versionOffered(ctx, e.Client, engine, version)
}
