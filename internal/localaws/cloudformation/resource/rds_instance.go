package resource

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// pollDatabase is how often CloudFormation looks at a database.
const pollDatabase = 10 * time.Second

func always(map[string]any) bool { return true }

// notInCluster: a member of a cluster has no snapshot of its own.
func notInCluster(properties map[string]any) bool { return properties["DBClusterIdentifier"] == nil }

// instanceNames maps properties to the API's names.
var instanceNames = map[string]string{"VPCSecurityGroups": "VpcSecurityGroupIds"}

// createInstance creates an instance, or restores it from a snapshot and then
// sets what a restore cannot.
func createInstance(ctx context.Context, w *World, r *Instance) error {
	properties := renamed(r.withTags(), instanceNames)
	if properties["DBInstanceIdentifier"] == nil {
		properties["DBInstanceIdentifier"] = r.physicalName(63)
	}
	r.PhysicalID = lower(properties["DBInstanceIdentifier"])
	if r.text("DBSnapshotIdentifier") == "" {
		in := &rds.CreateDBInstanceInput{MasterUserSecretKmsKeyId: secretKey(properties)}
		if err := fill(in, properties); err != nil {
			return err
		}
		return w.started(ctx, r, func() error {
			_, err := Call[rds.CreateDBInstanceOutput](ctx, w, "rds", "CreateDBInstance", in)
			return err
		})
	}
	in := &rds.RestoreDBInstanceFromDBSnapshotInput{}
	if err := fill(in, properties); err != nil {
		return err
	}
	err := w.started(ctx, r, func() error {
		_, err := Call[rds.RestoreDBInstanceFromDBSnapshotOutput](ctx, w, "rds", "RestoreDBInstanceFromDBSnapshot", in)
		return err
	})
	if err != nil {
		return err
	}
	return modifyInstance(ctx, w, r, pick(properties, "MasterUserPassword", "BackupRetentionPeriod", "PreferredBackupWindow",
		"PreferredMaintenanceWindow", "MaxAllocatedStorage", "EnablePerformanceInsights", "MonitoringInterval"))
}

// started makes the call and waits until the instance is available. A call
// that fails leaves nothing to delete.
func (w *World) started(ctx context.Context, r *Instance, begin func() error) error {
	if err := begin(); err != nil {
		r.PhysicalID = ""
		return err
	}
	return w.awaitInstance(ctx, r)
}

// awaitInstance waits until the instance is available and reads what GetAtt
// gives.
func (w *World) awaitInstance(ctx context.Context, r *Instance) error {
	return w.poll(ctx, pollDatabase, func() (bool, error) {
		out, err := Call[rds.DescribeDBInstancesOutput](ctx, w, "rds", "DescribeDBInstances",
			&rds.DescribeDBInstancesInput{DBInstanceIdentifier: &r.PhysicalID})
		if err != nil {
			return false, err
		}
		i := out.DBInstances[0]
		status := aws.ToString(i.DBInstanceStatus)
		if status != "available" {
			return false, w.unlessLost(r, status)
		}
		r.Attributes = instanceAttributes(i)
		return true, nil
	})
}

// unlessLost returns an error for a state that never becomes available.
func (w *World) unlessLost(r *Instance, status string) error {
	lost := []string{"failed", "deleting", "deleted", "storage-full", "stopped"}
	if strings.HasPrefix(status, "incompatible-") || strings.HasPrefix(status, "inaccessible-") ||
		slices.Contains(lost, status) {
		return unstable(r, status)
	}
	return nil
}

func instanceAttributes(i types.DBInstance) map[string]any {
	attributes := map[string]any{"DBInstanceArn": aws.ToString(i.DBInstanceArn),
		"DbiResourceId": aws.ToString(i.DbiResourceId)}
	if i.Endpoint != nil {
		maps.Copy(attributes, map[string]any{
			"Endpoint.Address": aws.ToString(i.Endpoint.Address), "Endpoint.Port": number(i.Endpoint.Port),
			"Endpoint.HostedZoneId": aws.ToString(i.Endpoint.HostedZoneId),
		})
	}
	if i.MasterUserSecret != nil {
		attributes["MasterUserSecret.SecretArn"] = aws.ToString(i.MasterUserSecret.SecretArn)
	}
	return attributes
}

func updateInstance(ctx context.Context, w *World, r *Instance) error {
	properties := renamed(r.Properties, instanceNames)
	delete(properties, "Tags")
	delete(properties, "DBInstanceIdentifier")
	delete(properties, "Engine")
	if err := w.tagDatabase(ctx, r, "DBInstanceArn"); err != nil {
		return err
	}
	return modifyInstance(ctx, w, r, properties)
}

func modifyInstance(ctx context.Context, w *World, r *Instance, properties map[string]any) error {
	if len(properties) == 0 {
		return nil
	}
	in := &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: &r.PhysicalID, ApplyImmediately: new(true), MasterUserSecretKmsKeyId: secretKey(properties),
	}
	if err := fill(in, properties); err != nil {
		return err
	}
	if _, err := Call[rds.ModifyDBInstanceOutput](ctx, w, "rds", "ModifyDBInstance", in); err != nil {
		return err
	}
	return w.awaitInstance(ctx, r)
}

// removeInstance deletes an instance and waits until it is gone.
func removeInstance(ctx context.Context, w *World, r *Instance, final string) error {
	in := &rds.DeleteDBInstanceInput{DBInstanceIdentifier: &r.PhysicalID}
	switch {
	case final != "":
		in.FinalDBSnapshotIdentifier = &final
	case notInCluster(r.Properties):
		in.SkipFinalSnapshot = new(true)
	}
	if _, err := Call[rds.DeleteDBInstanceOutput](ctx, w, "rds", "DeleteDBInstance", in); err != nil &&
		!strings.Contains(err.Error(), "already being deleted") {
		return err
	}
	return w.poll(ctx, pollDatabase, func() (bool, error) {
		out, err := Call[rds.DescribeDBInstancesOutput](ctx, w, "rds", "DescribeDBInstances",
			&rds.DescribeDBInstancesInput{DBInstanceIdentifier: &r.PhysicalID})
		if missing(err) {
			return true, nil
		}
		if err == nil && aws.ToString(out.DBInstances[0].DBInstanceStatus) != "deleting" {
			return false, unstable(r, aws.ToString(out.DBInstances[0].DBInstanceStatus))
		}
		return false, err
	})
}

// tagDatabase brings a database's tags up to date.
func (w *World) tagDatabase(ctx context.Context, r *Instance, attribute string) error {
	arn, _ := r.Attributes[attribute].(string)
	in := &rds.AddTagsToResourceInput{ResourceName: &arn}
	for _, t := range r.tags() {
		in.Tags = append(in.Tags, types.Tag{Key: new(t.Key), Value: new(t.Value)})
	}
	_, err := Call[rds.AddTagsToResourceOutput](ctx, w, "rds", "AddTagsToResource", in)
	return err
}

// secretKey returns the key of a managed password, which CloudFormation nests.
func secretKey(properties map[string]any) *string {
	secret, _ := properties["MasterUserSecret"].(map[string]any)
	if id, ok := secret["KmsKeyId"].(string); ok {
		return &id
	}
	return nil
}
