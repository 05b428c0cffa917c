package rds_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/org/shipkit/internal/localaws/rds"
)

func TestRowsAndSnapshotsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	reach(t, dir)
	first := start(t, rds.Options{Dir: dir})
	sql(t, first.instance(t, "db"), "create table t as select 7::bigint as n")
	sql(t, first.cluster(t, "group"), "create table t as select 8::bigint as n")
	_, err := first.CreateDBSnapshot(t.Context(),
		&sdk.CreateDBSnapshotInput{DBInstanceIdentifier: new("db"), DBSnapshotIdentifier: new("one")})
	if err != nil {
		t.Fatal(err)
	}
	first.awaitSnapshot(t, first.Client, "one", "available")
	first.awaitInstance(t, first.Client, "db", "available")
	data, err := first.service.Save()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.service.Close(); err != nil {
		t.Fatal(err)
	}

	second := start(t, rds.Options{Dir: dir})
	if err := second.service.Load(data); err != nil {
		t.Fatal(err)
	}
	if got := sql(t, second.awaitInstance(t, second.Client, "db", "available"), "select n from t"); got != "[7]" {
		t.Errorf("instance: %s", got)
	}
	if got := sql(t, second.awaitInstance(t, second.Client, "group-1", "available"), "select n from t"); got != "[8]" {
		t.Errorf("cluster: %s", got)
	}
	_, err = second.RestoreDBInstanceFromDBSnapshot(t.Context(),
		&sdk.RestoreDBInstanceFromDBSnapshotInput{DBInstanceIdentifier: new("new"), DBSnapshotIdentifier: new("one")})
	if err != nil {
		t.Fatal(err)
	}
	if got := sql(t, second.awaitInstance(t, second.Client, "new", "available"), "select n from t"); got != "[7]" {
		t.Errorf("restored: %s", got)
	}
}
