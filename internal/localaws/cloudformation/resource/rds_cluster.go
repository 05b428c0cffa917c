package resource

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func lower(v any) string {
	s, _ := v.(string)
	return strings.ToLower(s)
}

func number(n *int32) string { return strconv.Itoa(int(aws.ToInt32(n))) }

// createCluster creates a cluster, or restores it from a snapshot and then
// sets what a restore cannot.
func createCluster(ctx context.Context, w *World, r *Instance) error {
	properties := r.withTags()
	if properties["DBClusterIdentifier"] == nil {
		properties["DBClusterIdentifier"] = r.physicalName(63)
	}
	r.PhysicalID = lower(properties["DBClusterIdentifier"])
	if r.text("SnapshotIdentifier") == "" {
		in := &rds.CreateDBClusterInput{MasterUserSecretKmsKeyId: secretKey(properties)}
		if err := fill(in, properties); err != nil {
			return err
		}
		if _, err := Call[rds.CreateDBClusterOutput](ctx, w, "rds", "CreateDBCluster", in); err != nil {
			r.PhysicalID = ""
			return err
		}
		return w.awaitCluster(ctx, r)
	}
	in := &rds.RestoreDBClusterFromSnapshotInput{}
	if err := fill(in, properties); err != nil {
		return err
	}
	if _, err := Call[rds.RestoreDBClusterFromSnapshotOutput](ctx, w, "rds", "RestoreDBClusterFromSnapshot",
		in); err != nil {
		r.PhysicalID = ""
		return err
	}
	if err := w.awaitCluster(ctx, r); err != nil {
		return err
	}
	return modifyCluster(ctx, w, r, pick(properties, "MasterUserPassword", "ManageMasterUserPassword", "MasterUserSecret",
		"BackupRetentionPeriod", "PreferredBackupWindow", "PreferredMaintenanceWindow", "EnableHttpEndpoint"))
}

func (w *World) awaitCluster(ctx context.Context, r *Instance) error {
	return w.poll(ctx, pollDatabase, func() (bool, error) {
		out, err := Call[rds.DescribeDBClustersOutput](ctx, w, "rds", "DescribeDBClusters",
			&rds.DescribeDBClustersInput{DBClusterIdentifier: &r.PhysicalID})
		if err != nil {
			return false, err
		}
		c := out.DBClusters[0]
		if status := aws.ToString(c.Status); status != "available" {
			return false, w.unlessLost(r, status)
		}
		r.Attributes = clusterAttributes(c)
		return true, nil
	})
}

func clusterAttributes(c types.DBCluster) map[string]any {
	attributes := map[string]any{
		"DBClusterArn": aws.ToString(c.DBClusterArn), "DBClusterResourceId": aws.ToString(c.DbClusterResourceId),
		"Endpoint.Address": aws.ToString(c.Endpoint), "Endpoint.Port": number(c.Port),
		"ReadEndpoint.Address": aws.ToString(c.ReaderEndpoint),
	}
	if c.MasterUserSecret != nil {
		attributes["MasterUserSecret.SecretArn"] = aws.ToString(c.MasterUserSecret.SecretArn)
	}
	return attributes
}

func updateCluster(ctx context.Context, w *World, r *Instance) error {
	properties := maps.Clone(r.Properties)
	for _, name := range []string{"Tags", "DBClusterIdentifier", "Port", "Engine"} {
		delete(properties, name)
	}
	if err := w.tagDatabase(ctx, r, "DBClusterArn"); err != nil {
		return err
	}
	return modifyCluster(ctx, w, r, properties)
}

func modifyCluster(ctx context.Context, w *World, r *Instance, properties map[string]any) error {
	if len(properties) == 0 {
		return nil
	}
	in := &rds.ModifyDBClusterInput{
		DBClusterIdentifier: &r.PhysicalID, ApplyImmediately: new(true), MasterUserSecretKmsKeyId: secretKey(properties),
	}
	if err := fill(in, properties); err != nil {
		return err
	}
	if _, err := Call[rds.ModifyDBClusterOutput](ctx, w, "rds", "ModifyDBCluster", in); err != nil {
		return err
	}
	return w.awaitCluster(ctx, r)
}

// removeCluster deletes a cluster and waits until it is gone.
func removeCluster(ctx context.Context, w *World, r *Instance, final string) error {
	in := &rds.DeleteDBClusterInput{DBClusterIdentifier: &r.PhysicalID}
	if final == "" {
		in.SkipFinalSnapshot = new(true)
	} else {
		in.FinalDBSnapshotIdentifier = &final
	}
	if _, err := Call[rds.DeleteDBClusterOutput](ctx, w, "rds", "DeleteDBCluster", in); err != nil &&
		!strings.Contains(err.Error(), "already being deleted") {
		return err
	}
	return w.poll(ctx, pollDatabase, func() (bool, error) {
		out, err := Call[rds.DescribeDBClustersOutput](ctx, w, "rds", "DescribeDBClusters",
			&rds.DescribeDBClustersInput{DBClusterIdentifier: &r.PhysicalID})
		if missing(err) {
			return true, nil
		}
		if err == nil && aws.ToString(out.DBClusters[0].Status) != "deleting" {
			return false, unstable(r, aws.ToString(out.DBClusters[0].Status))
		}
		return false, err
	})
}

func createSubnetGroup(ctx context.Context, w *World, r *Instance) error {
	properties := r.withTags()
	if properties["DBSubnetGroupName"] == nil {
		properties["DBSubnetGroupName"] = r.physicalName(255)
	}
	in := &rds.CreateDBSubnetGroupInput{}
	if err := fill(in, properties); err != nil {
		return err
	}
	out, err := Call[rds.CreateDBSubnetGroupOutput](ctx, w, "rds", "CreateDBSubnetGroup", in)
	if err != nil {
		return err
	}
	r.PhysicalID = aws.ToString(out.DBSubnetGroup.DBSubnetGroupName)
	return w.pause(ctx, modelTime)
}

func removeSubnetGroup(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[rds.DeleteDBSubnetGroupOutput](ctx, w, "rds", "DeleteDBSubnetGroup",
		&rds.DeleteDBSubnetGroupInput{DBSubnetGroupName: &r.PhysicalID})
	return err
}

// parameterGroupProperties returns what both kinds of parameter groups share.
func parameterGroupProperties(r *Instance, name string) (properties map[string]any, parameters []types.Parameter) {
	properties = renamed(r.withTags(), map[string]string{"Family": "DBParameterGroupFamily"})
	if properties[name] == nil {
		properties[name] = r.physicalName(255)
	}
	values, _ := r.Properties["Parameters"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value, _ := values[key].(string)
		parameters = append(parameters, types.Parameter{ParameterName: new(key), ParameterValue: &value,
			ApplyMethod: types.ApplyMethodPendingReboot})
	}
	return properties, parameters
}

func createParameterGroup(ctx context.Context, w *World, r *Instance) error {
	properties, parameters := parameterGroupProperties(r, "DBParameterGroupName")
	in := &rds.CreateDBParameterGroupInput{}
	if err := fill(in, properties); err != nil {
		return err
	}
	out, err := Call[rds.CreateDBParameterGroupOutput](ctx, w, "rds", "CreateDBParameterGroup", in)
	if err != nil {
		return err
	}
	r.PhysicalID = aws.ToString(out.DBParameterGroup.DBParameterGroupName)
	if len(parameters) == 0 {
		return nil
	}
	_, err = Call[rds.ModifyDBParameterGroupOutput](ctx, w, "rds", "ModifyDBParameterGroup",
		&rds.ModifyDBParameterGroupInput{DBParameterGroupName: &r.PhysicalID, Parameters: parameters})
	return err
}

func removeParameterGroup(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[rds.DeleteDBParameterGroupOutput](ctx, w, "rds", "DeleteDBParameterGroup",
		&rds.DeleteDBParameterGroupInput{DBParameterGroupName: &r.PhysicalID})
	return err
}

func createClusterParameterGroup(ctx context.Context, w *World, r *Instance) error {
	properties, parameters := parameterGroupProperties(r, "DBClusterParameterGroupName")
	in := &rds.CreateDBClusterParameterGroupInput{}
	if err := fill(in, properties); err != nil {
		return err
	}
	out, err := Call[rds.CreateDBClusterParameterGroupOutput](ctx, w, "rds", "CreateDBClusterParameterGroup", in)
	if err != nil {
		return err
	}
	r.PhysicalID = aws.ToString(out.DBClusterParameterGroup.DBClusterParameterGroupName)
	if len(parameters) == 0 {
		return nil
	}
	_, err = Call[rds.ModifyDBClusterParameterGroupOutput](ctx, w, "rds", "ModifyDBClusterParameterGroup",
		&rds.ModifyDBClusterParameterGroupInput{DBClusterParameterGroupName: &r.PhysicalID, Parameters: parameters})
	return err
}

func removeClusterParameterGroup(ctx context.Context, w *World, r *Instance, _ string) error {
	_, err := Call[rds.DeleteDBClusterParameterGroupOutput](ctx, w, "rds", "DeleteDBClusterParameterGroup",
		&rds.DeleteDBClusterParameterGroupInput{DBClusterParameterGroupName: &r.PhysicalID})
	return err
}
