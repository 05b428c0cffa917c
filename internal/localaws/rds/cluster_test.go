package rds_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/rds"
)

// cluster creates a cluster with one member and waits for both.
func (w *world) cluster(t *testing.T, id string) string {
	t.Helper()
	_, err := w.CreateDBCluster(t.Context(), &sdk.CreateDBClusterInput{
		DBClusterIdentifier: &id, Engine: new("aurora-postgresql"), MasterUsername: new("app"),
		MasterUserPassword: new(password),
		DatabaseName:       new("shop"), Tags: []types.Tag{{Key: new("ns"), Value: new("xy")}}, CopyTagsToSnapshot: new(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.member(t, id, id+"-1")
	w.awaitInstance(t, w.Client, id+"-1", "available")
	return w.awaitCluster(t, w.Client, id, "available")
}

func (w *world) member(t *testing.T, cluster, id string) {
	t.Helper()
	_, err := w.CreateDBInstance(t.Context(), &sdk.CreateDBInstanceInput{
		DBInstanceIdentifier: &id, DBClusterIdentifier: &cluster, DBInstanceClass: new("db.t4g.medium"),
		Engine: new("aurora-postgresql"),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestClusterSnapshotRestore(t *testing.T) {
	w := start(t, rds.Options{})
	ctx := t.Context()
	sql(t, w.cluster(t, "dev"), "create table t as select 7::bigint as n")
	if _, err := w.CreateDBClusterSnapshot(ctx,
		&sdk.CreateDBClusterSnapshotInput{DBClusterIdentifier: new("dev"),
			DBClusterSnapshotIdentifier: new("dev-1")}); err != nil {
		t.Fatal(err)
	}
	w.awaitClusterSnapshot(t, w.Client, "dev-1", "available")
	out, err := w.RestoreDBClusterFromSnapshot(ctx, &sdk.RestoreDBClusterFromSnapshotInput{
		DBClusterIdentifier: new("prod"), SnapshotIdentifier: new("dev-1"), Engine: new("aurora-postgresql"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if *out.DBCluster.Status != "creating" {
		t.Errorf("status: %s", *out.DBCluster.Status)
	}
	w.member(t, "prod", "prod-1")
	w.member(t, "prod", "prod-2")
	w.awaitInstance(t, w.Client, "prod-1", "available")
	dsn := w.awaitInstance(t, w.Client, "prod-2", "available")
	if got := sql(t, dsn, "select n from t"); got != "[7]" {
		t.Errorf("rows through a member: got %s", got)
	}
	described, err := w.DescribeDBClusters(ctx, &sdk.DescribeDBClustersInput{DBClusterIdentifier: new("prod")})
	if err != nil {
		t.Fatal(err)
	}
	members := described.DBClusters[0].DBClusterMembers
	if len(members) != 2 || !*members[0].IsClusterWriter || *members[1].IsClusterWriter {
		t.Errorf("members: %+v", members)
	}
}

func TestClusterIsDeletedAfterItsMembers(t *testing.T) {
	w := start(t, rds.Options{NoData: true})
	ctx := t.Context()
	w.cluster(t, "db")
	final := &sdk.DeleteDBClusterInput{DBClusterIdentifier: new("db"), FinalDBSnapshotIdentifier: new("db-final")}
	if _, err := w.DeleteDBCluster(ctx, final); code(err) != "InvalidDBClusterStateFault" {
		t.Errorf("delete with a member: %v", err)
	}
	if _, err := w.DeleteDBInstance(ctx, &sdk.DeleteDBInstanceInput{DBInstanceIdentifier: new("db-1")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.DeleteDBCluster(ctx, final); err != nil {
		t.Fatal(err)
	}
	w.awaitCluster(t, w.Client, "db", "DBClusterNotFoundFault")
	w.awaitInstance(t, w.Client, "db-1", "DBInstanceNotFound")
	tags, err := w.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceName: new("arn:aws:rds:eu-west-1:111122223333:cluster-snapshot:db-final")})
	if err != nil || len(tags.TagList) != 1 {
		t.Errorf("tags of the final snapshot: %v %v", tags, err)
	}
}

func TestStoppedClusterRefusesChanges(t *testing.T) {
	w := start(t, rds.Options{NoData: true})
	ctx := t.Context()
	w.cluster(t, "db")
	if _, err := w.StopDBCluster(ctx, &sdk.StopDBClusterInput{DBClusterIdentifier: new("db")}); err != nil {
		t.Fatal(err)
	}
	w.awaitCluster(t, w.Client, "db", "stopped")
	w.awaitInstance(t, w.Client, "db-1", "stopped")
	if _, err := w.ModifyDBCluster(ctx, &sdk.ModifyDBClusterInput{DBClusterIdentifier: new("db"),
		DeletionProtection: new(false)}); code(err) != "InvalidDBClusterStateFault" {
		t.Errorf("modify: %v", err)
	}
	if _, err := w.DeleteDBInstance(ctx, &sdk.DeleteDBInstanceInput{DBInstanceIdentifier: new("db-1")}); code(err) != "InvalidDBClusterStateFault" {
		t.Errorf("delete a member: %v", err)
	}
	if _, err := w.StartDBCluster(ctx, &sdk.StartDBClusterInput{DBClusterIdentifier: new("db")}); err != nil {
		t.Fatal(err)
	}
	w.awaitCluster(t, w.Client, "db", "available")
	w.awaitInstance(t, w.Client, "db-1", "available")
}
