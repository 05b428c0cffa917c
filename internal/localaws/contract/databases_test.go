package contract

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/smithy-go"
)

func (r *run) createDB(c *rds.Client, id string, change func(*rds.CreateDBInstanceInput)) bool {
	in := &rds.CreateDBInstanceInput{DBInstanceIdentifier: &id, Engine: aws.String("postgres"), DBInstanceClass: aws.String("db.t4g.micro"),
		AllocatedStorage: aws.Int32(20), MasterUsername: aws.String("shipkit"), MasterUserPassword: aws.String("not-a-secret")}
	if change != nil {
		change(in)
	}
	_, err := c.CreateDBInstance(r, in)
	return r.ok("create "+id, err) && r.dbStatus(c, id, "available")
}

func (r *run) dbStatus(c *rds.Client, id, want string) bool {
	return r.until(id+" is "+want, func() (bool, error) {
		out, err := c.DescribeDBInstances(r, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		if err != nil {
			return false, err
		}
		return aws.ToString(out.DBInstances[0].DBInstanceStatus) == want, nil
	})
}

// gone waits until a describe fails with one of the codes.
func (r *run) gone(what string, describe func() error, code string) {
	r.until(what+" is gone", func() (bool, error) {
		err := describe()
		var api smithy.APIError
		if errors.As(err, &api) && api.ErrorCode() == code {
			return true, nil
		}
		return false, err
	})
}

func (r *run) snapshotAvailable(c *rds.Client, id string) bool {
	return r.until(id+" is available", func() (bool, error) {
		out, err := c.DescribeDBSnapshots(r, &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &id})
		if err != nil {
			return false, err
		}
		return aws.ToString(out.DBSnapshots[0].Status) == "available", nil
	})
}

// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/
var databases = []contract{
	{"rds", "an instance from its creation to its final snapshot", func(r *run) {
		c := rds.NewFromConfig(r.cfg)
		id := aws.String("life")
		if !r.createDB(c, *id, func(in *rds.CreateDBInstanceInput) { in.DeletionProtection = aws.Bool(true) }) {
			return
		}
		_, err := c.CreateDBInstance(r, &rds.CreateDBInstanceInput{DBInstanceIdentifier: id, Engine: aws.String("postgres"),
			DBInstanceClass: aws.String("db.t4g.micro"), AllocatedStorage: aws.Int32(20), MasterUsername: aws.String("shipkit"),
			MasterUserPassword: aws.String("not-a-secret")})
		r.fails("create twice", err, "DBInstanceAlreadyExists")
		_, err = c.DeleteDBInstance(r, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: id, SkipFinalSnapshot: aws.Bool(true)})
		r.fails("delete what is protected", err, "InvalidParameterCombination")
		_, err = c.ModifyDBInstance(r, &rds.ModifyDBInstanceInput{DBInstanceIdentifier: id, DeletionProtection: aws.Bool(false),
			ApplyImmediately: aws.Bool(true)})
		r.ok("take the protection off", err)
		r.dbStatus(c, *id, "available")
		_, err = c.StopDBInstance(r, &rds.StopDBInstanceInput{DBInstanceIdentifier: id})
		r.ok("stop", err)
		r.dbStatus(c, *id, "stopped")
		_, err = c.StopDBInstance(r, &rds.StopDBInstanceInput{DBInstanceIdentifier: id})
		r.fails("stop twice", err, "InvalidDBInstanceState")
		_, err = c.StartDBInstance(r, &rds.StartDBInstanceInput{DBInstanceIdentifier: id})
		r.ok("start", err)
		r.dbStatus(c, *id, "available")
		_, err = c.DeleteDBInstance(r, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: id,
			FinalDBSnapshotIdentifier: aws.String("life-final")})
		r.ok("delete", err)
		r.gone("the instance", func() error {
			_, err := c.DescribeDBInstances(r, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: id})
			return err
		}, "DBInstanceNotFound")
		r.snapshotAvailable(c, "life-final")
	}},
	{"rds", "snapshots are copied, shared, restored", func(r *run) {
		c := rds.NewFromConfig(r.cfg)
		if !r.createDB(c, "origin", nil) {
			return
		}
		snap := &rds.CreateDBSnapshotInput{DBInstanceIdentifier: aws.String("origin"), DBSnapshotIdentifier: aws.String("snap"),
			Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}
		_, err := c.CreateDBSnapshot(r, snap)
		if !r.ok("snapshot", err) || !r.snapshotAvailable(c, "snap") {
			return
		}
		_, err = c.CreateDBSnapshot(r, snap)
		r.fails("snapshot twice", err, "DBSnapshotAlreadyExists")
		_, err = c.CopyDBSnapshot(r, &rds.CopyDBSnapshotInput{SourceDBSnapshotIdentifier: aws.String("snap"),
			TargetDBSnapshotIdentifier: aws.String("copy"), CopyTags: aws.Bool(true)})
		r.ok("copy", err)
		r.snapshotAvailable(c, "copy")
		_, err = c.ModifyDBSnapshotAttribute(r, &rds.ModifyDBSnapshotAttributeInput{DBSnapshotIdentifier: aws.String("copy"),
			AttributeName: aws.String("restore"), ValuesToAdd: []string{"444455556666"}})
		r.ok("share", err)
		shared, err := c.DescribeDBSnapshotAttributes(r, &rds.DescribeDBSnapshotAttributesInput{DBSnapshotIdentifier: aws.String("copy")})
		if r.ok("attributes", err) && len(shared.DBSnapshotAttributesResult.DBSnapshotAttributes) > 0 {
			r.equal("shared with", shared.DBSnapshotAttributesResult.DBSnapshotAttributes[0].AttributeValues, []string{"444455556666"})
		}
		_, err = c.RestoreDBInstanceFromDBSnapshot(r, &rds.RestoreDBInstanceFromDBSnapshotInput{DBSnapshotIdentifier: aws.String("copy"),
			DBInstanceIdentifier: aws.String("restored"), DBInstanceClass: aws.String("db.t4g.micro")})
		r.ok("restore", err)
		r.dbStatus(c, "restored", "available")
		_, err = c.DeleteDBSnapshot(r, &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: aws.String("snap")})
		r.ok("delete", err)
		_, err = c.DescribeDBSnapshots(r, &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: aws.String("snap")})
		r.fails("describe what is gone", err, "DBSnapshotNotFound")
	}},
	{"rds", "missing things", func(r *run) {
		c := rds.NewFromConfig(r.cfg)
		no := aws.String("no")
		_, err := c.DescribeDBInstances(r, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: no})
		r.fails("describe an instance", err, "DBInstanceNotFound")
		_, err = c.CreateDBSnapshot(r, &rds.CreateDBSnapshotInput{DBInstanceIdentifier: no, DBSnapshotIdentifier: aws.String("x")})
		r.fails("snapshot", err, "DBInstanceNotFound")
		_, err = c.RestoreDBInstanceFromDBSnapshot(r, &rds.RestoreDBInstanceFromDBSnapshotInput{DBSnapshotIdentifier: no,
			DBInstanceIdentifier: aws.String("x")})
		r.fails("restore", err, "DBSnapshotNotFound")
		_, err = c.DescribeDBClusters(r, &rds.DescribeDBClustersInput{DBClusterIdentifier: no})
		r.fails("describe a cluster", err, "DBClusterNotFoundFault")
	}},
	{"rds", "tags", func(r *run) {
		c := rds.NewFromConfig(r.cfg)
		if !r.createDB(c, "tagged", nil) {
			return
		}
		db, err := c.DescribeDBInstances(r, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String("tagged")})
		if !r.ok("describe", err) {
			return
		}
		arn := db.DBInstances[0].DBInstanceArn
		_, err = c.AddTagsToResource(r, &rds.AddTagsToResourceInput{ResourceName: arn, Tags: []types.Tag{
			{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}})
		r.ok("add", err)
		_, err = c.RemoveTagsFromResource(r, &rds.RemoveTagsFromResourceInput{ResourceName: arn, TagKeys: []string{"a"}})
		r.ok("remove", err)
		tags, err := c.ListTagsForResource(r, &rds.ListTagsForResourceInput{ResourceName: arn})
		if r.ok("list", err) && len(tags.TagList) == 1 {
			r.equal("tag", tags.TagList[0].Key, "b")
		} else {
			r.equal("tags", len(tags.TagList), 1)
		}
	}},
	{"rds", "parameter groups", func(r *run) {
		c := rds.NewFromConfig(r.cfg)
		name, family := aws.String("ours"), aws.String("postgres16")
		_, err := c.CreateDBParameterGroup(r, &rds.CreateDBParameterGroupInput{DBParameterGroupName: name,
			DBParameterGroupFamily: family, Description: aws.String("d")})
		r.ok("create", err)
		_, err = c.CreateDBParameterGroup(r, &rds.CreateDBParameterGroupInput{DBParameterGroupName: name,
			DBParameterGroupFamily: family, Description: aws.String("d")})
		r.fails("create twice", err, "DBParameterGroupAlreadyExists")
		_, err = c.ModifyDBParameterGroup(r, &rds.ModifyDBParameterGroupInput{DBParameterGroupName: name, Parameters: []types.Parameter{
			{ParameterName: aws.String("work_mem"), ParameterValue: aws.String("8192"), ApplyMethod: types.ApplyMethodImmediate}}})
		r.ok("modify", err)
		found, err := c.DescribeDBParameterGroups(r, &rds.DescribeDBParameterGroupsInput{DBParameterGroupName: name})
		if r.ok("describe", err) {
			r.equal("groups", len(found.DBParameterGroups), 1)
		}
		_, err = c.DeleteDBParameterGroup(r, &rds.DeleteDBParameterGroupInput{DBParameterGroupName: name})
		r.ok("delete", err)
		_, err = c.DescribeDBParameterGroups(r, &rds.DescribeDBParameterGroupsInput{DBParameterGroupName: name})
		r.fails("describe what is gone", err, "DBParameterGroupNotFound")
	}},
	{"rds", "versions", func(r *run) {
		c := rds.NewFromConfig(r.cfg)
		out, err := c.DescribeDBEngineVersions(r, &rds.DescribeDBEngineVersionsInput{Engine: aws.String("postgres")})
		if r.ok("describe versions", err) {
			r.equal("some", len(out.DBEngineVersions) > 0, true)
		}
	}},
	{"rds", "what can be ordered, and quotas", func(r *run) {
		c := rds.NewFromConfig(r.cfg)
		options, err := c.DescribeOrderableDBInstanceOptions(r, &rds.DescribeOrderableDBInstanceOptionsInput{Engine: aws.String("postgres")})
		if r.ok("describe options", err) {
			r.equal("some options", len(options.OrderableDBInstanceOptions) > 0, true)
		}
		quotas, err := c.DescribeAccountAttributes(r, &rds.DescribeAccountAttributesInput{})
		if r.ok("describe quotas", err) {
			r.equal("some quotas", len(quotas.AccountQuotas) > 0, true)
		}
	}},
	{"rds", "subnet groups", func(r *run) {
		c := rds.NewFromConfig(r.cfg)
		name := aws.String("ours")
		_, err := c.CreateDBSubnetGroup(r, &rds.CreateDBSubnetGroupInput{DBSubnetGroupName: name, SubnetIds: r.subnets,
			DBSubnetGroupDescription: aws.String("d")})
		r.ok("create", err)
		found, err := c.DescribeDBSubnetGroups(r, &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: name})
		if r.ok("describe", err) {
			r.equal("groups", len(found.DBSubnetGroups), 1)
		}
		_, err = c.DeleteDBSubnetGroup(r, &rds.DeleteDBSubnetGroupInput{DBSubnetGroupName: name})
		r.ok("delete", err)
		_, err = c.DescribeDBSubnetGroups(r, &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: name})
		r.fails("describe what is gone", err, "DBSubnetGroupNotFoundFault")
	}},
}
