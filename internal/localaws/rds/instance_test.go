package rds_test

import (
	"slices"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/rds"
)

func TestInstanceIsAPostgreSQLServer(t *testing.T) {
	w := start(t, rds.Options{})
	dsn := w.instance(t, "dev")
	sql(t, dsn, "create table orders as select generate_series(1, 3)::bigint as id")
	if got := sql(t, dsn, "select count(*) from orders"); got != "[3]" {
		t.Errorf("rows: got %s", got)
	}

	// A stop keeps the rows.
	if _, err := w.StopDBInstance(t.Context(), &sdk.StopDBInstanceInput{DBInstanceIdentifier: new("dev")}); err != nil {
		t.Fatal(err)
	}
	w.awaitInstance(t, w.Client, "dev", "stopped")
	_, err := w.ModifyDBInstance(t.Context(),
		&sdk.ModifyDBInstanceInput{DBInstanceIdentifier: new("dev"), DeletionProtection: new(true)})
	if code(err) != "InvalidDBInstanceState" {
		t.Errorf("modify while stopped: %v", err)
	}
	if _, err := w.StartDBInstance(t.Context(), &sdk.StartDBInstanceInput{DBInstanceIdentifier: new("dev")}); err != nil {
		t.Fatal(err)
	}
	dsn = w.awaitInstance(t, w.Client, "dev", "available")
	if got := sql(t, dsn, "select count(*) from orders"); got != "[3]" {
		t.Errorf("rows after a restart: got %s", got)
	}
}

func TestSnapshotCopyRestore(t *testing.T) {
	w := start(t, rds.Options{})
	dsn := w.instance(t, "dev")
	sql(t, dsn, "create table orders as select generate_series(1, 3)::bigint as id")
	_, err := w.CreateDBSnapshot(t.Context(), &sdk.CreateDBSnapshotInput{
		DBInstanceIdentifier: new("dev"), DBSnapshotIdentifier: new("dev-1"),
		Tags: []types.Tag{{Key: new("ns"), Value: new("xy")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.awaitSnapshot(t, w.Client, "dev-1", "available")
	sql(t, dsn, "delete from orders")
	_, err = w.CopyDBSnapshot(t.Context(), &sdk.CopyDBSnapshotInput{
		SourceDBSnapshotIdentifier: new("dev-1"), TargetDBSnapshotIdentifier: new("dev-2"), CopyTags: new(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.awaitSnapshot(t, w.Client, "dev-2", "available")
	if _, err := w.DeleteDBSnapshot(t.Context(),
		&sdk.DeleteDBSnapshotInput{DBSnapshotIdentifier: new("dev-1")}); err != nil {
		t.Fatal(err)
	}
	described, err := w.DescribeDBSnapshots(t.Context(), &sdk.DescribeDBSnapshotsInput{DBInstanceIdentifier: new("dev")})
	if err != nil || len(described.DBSnapshots) != 1 {
		t.Fatalf("snapshots: %v %v", described, err)
	}
	if d := described.DBSnapshots[0]; *d.PercentProgress != 100 || len(d.TagList) != 1 || *d.EngineVersion != "16.8" {
		t.Errorf("copy: progress %d, tags %v, version %s", *d.PercentProgress, d.TagList, *d.EngineVersion)
	}
	_, err = w.RestoreDBInstanceFromDBSnapshot(t.Context(), &sdk.RestoreDBInstanceFromDBSnapshotInput{
		DBInstanceIdentifier: new("prod"), DBSnapshotIdentifier: new("dev-2"), DBInstanceClass: new("db.t4g.micro"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := sql(t, w.awaitInstance(t, w.Client, "prod", "available"), "select count(*) from orders"); got != "[3]" {
		t.Errorf("restored rows: got %s", got)
	}
}

func TestDeleteKeepsAFinalSnapshot(t *testing.T) {
	w := start(t, rds.Options{})
	sql(t, w.instance(t, "db"), "create table t as select 7::bigint as n")
	w.protect(t, "db", true)
	_, err := w.DeleteDBInstance(t.Context(),
		&sdk.DeleteDBInstanceInput{DBInstanceIdentifier: new("db"), FinalDBSnapshotIdentifier: new("db-final")})
	if code(err) != "InvalidParameterCombination" {
		t.Errorf("delete under protection: %v", err)
	}
	w.protect(t, "db", false)
	_, err = w.DeleteDBInstance(t.Context(), &sdk.DeleteDBInstanceInput{DBInstanceIdentifier: new("db")})
	if code(err) != "InvalidParameterCombination" {
		t.Errorf("delete without a decision: %v", err)
	}
	_, err = w.DeleteDBInstance(t.Context(), &sdk.DeleteDBInstanceInput{DBInstanceIdentifier: new("db"),
		FinalDBSnapshotIdentifier: new("db-final")})
	if err != nil {
		t.Fatal(err)
	}
	w.awaitInstance(t, w.Client, "db", "DBInstanceNotFound")
	_, err = w.RestoreDBInstanceFromDBSnapshot(t.Context(), &sdk.RestoreDBInstanceFromDBSnapshotInput{
		DBInstanceIdentifier: new("again"), DBSnapshotIdentifier: new("db-final"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := sql(t, w.awaitInstance(t, w.Client, "again", "available"), "select n from t"); got != "[7]" {
		t.Errorf("rows of the final snapshot: got %s", got)
	}
}

func (w *world) protect(t *testing.T, id string, on bool) {
	t.Helper()
	if _, err := w.ModifyDBInstance(t.Context(),
		&sdk.ModifyDBInstanceInput{DBInstanceIdentifier: &id, DeletionProtection: &on}); err != nil {
		t.Fatal(err)
	}
}

func TestFaultsOfTheDatabase(t *testing.T) {
	w := start(t, rds.Options{NoData: true})
	w.instance(t, "db")
	w.service.FailSnapshot("db-*")
	if _, err := w.CreateDBSnapshot(t.Context(),
		&sdk.CreateDBSnapshotInput{DBInstanceIdentifier: new("db"), DBSnapshotIdentifier: new("db-1")}); err != nil {
		t.Fatal(err)
	}
	w.awaitSnapshot(t, w.Client, "db-1", "failed")
	w.awaitInstance(t, w.Client, "db", "available")
	if _, err := w.CreateDBSnapshot(t.Context(),
		&sdk.CreateDBSnapshotInput{DBInstanceIdentifier: new("db"), DBSnapshotIdentifier: new("db-2")}); err != nil {
		t.Fatal(err)
	}
	w.awaitSnapshot(t, w.Client, "db-2", "available")
	w.service.FailRestore("new")
	if _, err := w.RestoreDBInstanceFromDBSnapshot(t.Context(),
		&sdk.RestoreDBInstanceFromDBSnapshotInput{DBInstanceIdentifier: new("new"),
			DBSnapshotIdentifier: new("db-2")}); err != nil {
		t.Fatal(err)
	}
	w.awaitInstance(t, w.Client, "new", "incompatible-restore")

	// A failed final snapshot must not cost the database.
	w.service.FailSnapshot("final")
	if _, err := w.DeleteDBInstance(t.Context(),
		&sdk.DeleteDBInstanceInput{DBInstanceIdentifier: new("db"), FinalDBSnapshotIdentifier: new("final")}); err != nil {
		t.Fatal(err)
	}
	w.awaitInstance(t, w.Client, "db", "available")
}

func TestErrorsOfInstancesAndSnapshots(t *testing.T) {
	w := start(t, rds.Options{NoData: true, SnapshotQuota: 1})
	w.instance(t, "db")
	create := func(change func(*sdk.CreateDBInstanceInput)) error {
		in := &sdk.CreateDBInstanceInput{
			DBInstanceIdentifier: new("x"), DBInstanceClass: new("db.t4g.micro"), Engine: new("postgres"),
			AllocatedStorage: new(int32(20)),
			MasterUsername:   new("app"), MasterUserPassword: new(password),
		}
		change(in)
		_, err := w.CreateDBInstance(t.Context(), in)
		return err
	}
	snapshot := func(id string) error {
		_, err := w.CreateDBSnapshot(t.Context(),
			&sdk.CreateDBSnapshotInput{DBInstanceIdentifier: new("db"), DBSnapshotIdentifier: &id})
		return err
	}
	tests := []struct {
		name, want string
		err        error
	}{
		{"identifier", "InvalidParameterValue",
			create(func(in *sdk.CreateDBInstanceInput) { in.DBInstanceIdentifier = new("a--b") })},
		{"taken", "DBInstanceAlreadyExists", create(func(in *sdk.CreateDBInstanceInput) { in.DBInstanceIdentifier = new("DB") })},
		{"engine", "InvalidParameterValue", create(func(in *sdk.CreateDBInstanceInput) { in.Engine = new("postgre") })},
		{"version", "InvalidParameterCombination",
			create(func(in *sdk.CreateDBInstanceInput) { in.EngineVersion = new("9.9") })},
		{"password", "InvalidParameterValue",
			create(func(in *sdk.CreateDBInstanceInput) { in.MasterUserPassword = new("short") })},
		{"storage", "InvalidParameterValue", create(func(in *sdk.CreateDBInstanceInput) { in.AllocatedStorage = nil })},
		{"subnet group", "DBSubnetGroupNotFoundFault",
			create(func(in *sdk.CreateDBInstanceInput) { in.DBSubnetGroupName = new("none") })},
		{"parameter group", "DBParameterGroupNotFound",
			create(func(in *sdk.CreateDBInstanceInput) { in.DBParameterGroupName = new("none") })},
		{"no cluster", "InvalidParameterCombination",
			create(func(in *sdk.CreateDBInstanceInput) { in.Engine = new("aurora-postgresql") })},
		{"first snapshot", "", snapshot("one")},
		{"while backing up", "InvalidDBInstanceState", snapshot("two")},
	}
	w.awaitInstance(t, w.Client, "db", "available")
	tests = append(tests, []struct {
		name, want string
		err        error
	}{
		{"taken snapshot", "DBSnapshotAlreadyExists", snapshot("one")},
		{"quota", "SnapshotQuotaExceeded", snapshot("two")},
	}...)
	_, err := w.DescribeDBSnapshots(t.Context(), &sdk.DescribeDBSnapshotsInput{DBSnapshotIdentifier: new("none")})
	if code(err) != "DBSnapshotNotFound" {
		t.Errorf("missing snapshot: %v", err)
	}
	for _, test := range tests {
		if got := code(test.err); got != test.want {
			t.Errorf("%s: got %q (%v), want %q", test.name, got, test.err, test.want)
		}
	}
}

func TestPagesOfInstances(t *testing.T) {
	w := start(t, rds.Options{NoData: true})
	var want []string
	for n := range 25 {
		id := "db-" + string(rune('a'+n))
		want = append(want, id)
		w.instance(t, id)
	}
	var got []string
	pages := sdk.NewDescribeDBInstancesPaginator(w.Client, &sdk.DescribeDBInstancesInput{MaxRecords: new(int32(20))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.DBInstances {
			got = append(got, *i.DBInstanceIdentifier)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
