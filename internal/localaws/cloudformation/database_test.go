package cloudformation_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	rdsclient "github.com/aws/aws-sdk-go-v2/service/rds"
)

const databaseStack = `
Parameters:
  Snapshot: {Type: String, Default: ""}
  Protected: {Type: String, Default: "true"}
Conditions:
  Restored: !Not [!Equals [!Ref Snapshot, ""]]
Resources:
  Subnets:
    Type: AWS::RDS::DBSubnetGroup
    Properties: {DBSubnetGroupDescription: ours, SubnetIds: [subnet-a, subnet-b]}
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties: {GroupDescription: ours}
  DB:
    Type: AWS::RDS::DBInstance
    Properties:
      DBInstanceIdentifier: !Sub "${AWS::StackName}"
      DBInstanceClass: db.t4g.micro
      Engine: postgres
      AllocatedStorage: "20"
      DBSnapshotIdentifier: !If [Restored, !Ref Snapshot, !Ref "AWS::NoValue"]
      MasterUsername: !If [Restored, !Ref "AWS::NoValue", app]
      ManageMasterUserPassword: true
      DBSubnetGroupName: !Ref Subnets
      VPCSecurityGroups: [!GetAtt Group.GroupId]
      DeletionProtection: !Ref Protected
Outputs:
  Address: {Value: !Sub "${DB.Endpoint.Address}:${DB.Endpoint.Port}"}
  Secret: {Value: !GetAtt DB.MasterUserSecret.SecretArn}
`

// An instance without a DeletionPolicy is deleted with a last snapshot, from
// which another stack restores it.
func TestDatabaseIsDeletedWithASnapshotAndRestored(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	id := w.create(t, "old", databaseStack)
	st := w.await(t, "old", types.StackStatusCreateComplete)
	if got := output(st, "Address"); got != "127.0.0.1:5432" {
		t.Errorf("address: %s", got)
	}
	if got := output(st, "Secret"); !strings.HasPrefix(got, "arn:aws:secretsmanager:") {
		t.Errorf("secret: %s", got)
	}
	if _, err := w.DeleteStack(ctx, &sdk.DeleteStackInput{StackName: new("old")}); err != nil {
		t.Fatal(err)
	}
	w.await(t, "old", types.StackStatusDeleteFailed)
	events, err := w.DescribeStackEvents(ctx, &sdk.DescribeStackEventsInput{StackName: new("old")})
	if err != nil {
		t.Fatal(err)
	}
	var reason string
	for _, e := range events.StackEvents {
		if e.ResourceStatus == types.ResourceStatusDeleteFailed && *e.LogicalResourceId == "DB" {
			reason = aws.ToString(e.ResourceStatusReason)
		}
	}
	if !strings.HasPrefix(reason, `Resource handler returned message: "Cannot delete protected DB Instance`) {
		t.Errorf("reason: %s", reason)
	}
	_, err = w.rds.ModifyDBInstance(ctx, &rdsclient.ModifyDBInstanceInput{DBInstanceIdentifier: new("old"),
		DeletionProtection: new(false)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.DeleteStack(ctx, &sdk.DeleteStackInput{StackName: new("old")}); err != nil {
		t.Fatal(err)
	}
	w.await(t, id, types.StackStatusDeleteComplete)
	snapshots, err := w.rds.DescribeDBSnapshots(ctx, &rdsclient.DescribeDBSnapshotsInput{DBInstanceIdentifier: new("old")})
	if err != nil || len(snapshots.DBSnapshots) != 1 {
		t.Fatalf("snapshots: %v %v", snapshots, err)
	}
	last := *snapshots.DBSnapshots[0].DBSnapshotIdentifier
	if !strings.HasPrefix(last, "old-snapshot-db-") {
		t.Errorf("last snapshot: %s", last)
	}
	w.create(t, "new", databaseStack, "Snapshot", last, "Protected", "false")
	w.await(t, "new", types.StackStatusCreateComplete)

	// The tags that CloudFormation adds lead from the database to its stack.
	out, err := w.rds.DescribeDBInstances(ctx, &rdsclient.DescribeDBInstancesInput{DBInstanceIdentifier: new("new")})
	if err != nil {
		t.Fatal(err)
	}
	tags := map[string]string{}
	for _, tag := range out.DBInstances[0].TagList {
		tags[*tag.Key] = *tag.Value
	}
	if tags["aws:cloudformation:stack-name"] != "new" || tags["aws:cloudformation:logical-id"] != "DB" {
		t.Errorf("tags: %v", tags)
	}
}

// A restore that fails leaves no database behind.
func TestRestoreThatFailsRollsBack(t *testing.T) {
	w := start(t)
	w.create(t, "xy", databaseStack, "Snapshot", "none")
	st := w.await(t, "xy", types.StackStatusRollbackComplete)
	events := w.history(t, *st.StackId)
	if !strings.Contains(strings.Join(events, "\n"), "DB CREATE_FAILED") {
		t.Errorf("events: %v", events)
	}
	out, err := w.rds.DescribeDBInstances(t.Context(), &rdsclient.DescribeDBInstancesInput{})
	if err != nil || len(out.DBInstances) != 0 {
		t.Errorf("instances left: %v %v", out, err)
	}
}
