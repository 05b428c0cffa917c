package contract

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

func (r *run) clusterStatus(c *rds.Client, id, want string) bool {
	return r.until(id+" is "+want, func() (bool, error) {
		out, err := c.DescribeDBClusters(r, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
		if err != nil {
			return false, err
		}
		return aws.ToString(out.DBClusters[0].Status) == want, nil
	})
}

func (r *run) clusterSnapshotAvailable(c *rds.Client, id string) bool {
	return r.until(id+" is available", func() (bool, error) {
		out, err := c.DescribeDBClusterSnapshots(r, &rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: &id})
		if err != nil {
			return false, err
		}
		return aws.ToString(out.DBClusterSnapshots[0].Status) == "available", nil
	})
}

var clusters = []contract{
	{"rds", "an Aurora cluster, its snapshot, its restore", func(r *run) {
		c := rds.NewFromConfig(r.cfg)
		id, engine := aws.String("aurora"), aws.String("aurora-postgresql")
		_, err := c.CreateDBCluster(r, &rds.CreateDBClusterInput{DBClusterIdentifier: id, Engine: engine,
			MasterUsername: aws.String("shipkit"), MasterUserPassword: aws.String("not-a-secret"), DeletionProtection: aws.Bool(true)})
		if !r.ok("create", err) || !r.clusterStatus(c, *id, "available") {
			return
		}
		_, err = c.DeleteDBCluster(r, &rds.DeleteDBClusterInput{DBClusterIdentifier: id, SkipFinalSnapshot: aws.Bool(true)})
		r.fails("delete what is protected", err, "InvalidParameterCombination")
		_, err = c.ModifyDBCluster(r, &rds.ModifyDBClusterInput{DBClusterIdentifier: id, DeletionProtection: aws.Bool(false),
			ApplyImmediately: aws.Bool(true)})
		r.ok("take the protection off", err)
		r.clusterStatus(c, *id, "available")
		_, err = c.CreateDBClusterSnapshot(r, &rds.CreateDBClusterSnapshotInput{DBClusterIdentifier: id,
			DBClusterSnapshotIdentifier: aws.String("aurora-snap")})
		r.ok("snapshot", err)
		r.clusterSnapshotAvailable(c, "aurora-snap")
		_, err = c.CopyDBClusterSnapshot(r, &rds.CopyDBClusterSnapshotInput{SourceDBClusterSnapshotIdentifier: aws.String("aurora-snap"),
			TargetDBClusterSnapshotIdentifier: aws.String("aurora-copy")})
		r.ok("copy", err)
		r.clusterSnapshotAvailable(c, "aurora-copy")
		_, err = c.ModifyDBClusterSnapshotAttribute(r, &rds.ModifyDBClusterSnapshotAttributeInput{
			DBClusterSnapshotIdentifier: aws.String("aurora-copy"), AttributeName: aws.String("restore"), ValuesToAdd: []string{"444455556666"}})
		r.ok("share", err)
		_, err = c.DescribeDBClusterSnapshotAttributes(r, &rds.DescribeDBClusterSnapshotAttributesInput{
			DBClusterSnapshotIdentifier: aws.String("aurora-copy")})
		r.ok("attributes", err)
		_, err = c.RestoreDBClusterFromSnapshot(r, &rds.RestoreDBClusterFromSnapshotInput{DBClusterIdentifier: aws.String("aurora-2"),
			SnapshotIdentifier: aws.String("aurora-copy"), Engine: engine})
		r.ok("restore", err)
		r.clusterStatus(c, "aurora-2", "available")
		_, err = c.DeleteDBClusterSnapshot(r, &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: aws.String("aurora-snap")})
		r.ok("delete the snapshot", err)
		_, err = c.DeleteDBCluster(r, &rds.DeleteDBClusterInput{DBClusterIdentifier: id, SkipFinalSnapshot: aws.Bool(true)})
		r.ok("delete", err)
		r.gone("the cluster", func() error {
			_, err := c.DescribeDBClusters(r, &rds.DescribeDBClustersInput{DBClusterIdentifier: id})
			return err
		}, "DBClusterNotFoundFault")
	}},
	{"rds", "a cluster with a member stops and starts", func(r *run) {
		c := rds.NewFromConfig(r.cfg)
		id, engine := aws.String("pair"), aws.String("aurora-postgresql")
		_, err := c.CreateDBCluster(r, &rds.CreateDBClusterInput{DBClusterIdentifier: id, Engine: engine,
			MasterUsername: aws.String("shipkit"), MasterUserPassword: aws.String("not-a-secret")})
		if !r.ok("create", err) || !r.clusterStatus(c, *id, "available") {
			return
		}
		_, err = c.CreateDBInstance(r, &rds.CreateDBInstanceInput{DBInstanceIdentifier: aws.String("pair-1"), Engine: engine,
			DBClusterIdentifier: id, DBInstanceClass: aws.String("db.t4g.medium")})
		if !r.ok("add a member", err) || !r.dbStatus(c, "pair-1", "available") {
			return
		}
		_, err = c.StopDBCluster(r, &rds.StopDBClusterInput{DBClusterIdentifier: id})
		r.ok("stop", err)
		r.clusterStatus(c, *id, "stopped")
		_, err = c.StartDBCluster(r, &rds.StartDBClusterInput{DBClusterIdentifier: id})
		r.ok("start", err)
		r.clusterStatus(c, *id, "available")
	}},
	{"rds", "cluster parameter groups", func(r *run) {
		c := rds.NewFromConfig(r.cfg)
		name := aws.String("ours-cluster")
		_, err := c.CreateDBClusterParameterGroup(r, &rds.CreateDBClusterParameterGroupInput{DBClusterParameterGroupName: name,
			DBParameterGroupFamily: aws.String("aurora-postgresql16"), Description: aws.String("d")})
		r.ok("create", err)
		_, err = c.ModifyDBClusterParameterGroup(r, &rds.ModifyDBClusterParameterGroupInput{DBClusterParameterGroupName: name,
			Parameters: []types.Parameter{{ParameterName: aws.String("work_mem"), ParameterValue: aws.String("8192"),
				ApplyMethod: types.ApplyMethodImmediate}}})
		r.ok("modify", err)
		found, err := c.DescribeDBClusterParameterGroups(r, &rds.DescribeDBClusterParameterGroupsInput{DBClusterParameterGroupName: name})
		if r.ok("describe", err) {
			r.equal("groups", len(found.DBClusterParameterGroups), 1)
		}
		_, err = c.DeleteDBClusterParameterGroup(r, &rds.DeleteDBClusterParameterGroupInput{DBClusterParameterGroupName: name})
		r.ok("delete", err)
	}},
}
