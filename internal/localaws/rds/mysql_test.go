package rds_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/org/shipkit/internal/localaws/rds"
	"github.com/org/shipkit/internal/localaws/rds/mariadb"
	"github.com/org/shipkit/pkg/mysql"
)

// mysqlValue runs statements in an instance or a cluster's member and returns
// the last one's first value.
func (w *world) mysqlValue(t *testing.T, id, password string, statements ...string) (value string) {
	t.Helper()
	out, err := w.DescribeDBInstances(t.Context(), &sdk.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
	if err != nil {
		t.Fatal(err)
	}
	at := out.DBInstances[0].Endpoint
	conn, err := mysql.Connect(t.Context(), mysql.Config{
		Address: fmt.Sprintf("%s:%d", *at.Address, *at.Port), User: "app", Password: password, Database: "shop",
		TLS: &tls.Config{InsecureSkipVerify: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, statement := range statements {
		row, err := conn.Exec(t.Context(), statement)
		if err != nil {
			t.Fatal(err)
		}
		if len(row) > 0 {
			value = row[0]
		}
	}
	return value
}

// TestMySQL takes an instance through its life: stopped and started, its
// snapshot copied and restored, its password changed, and all of it over a
// restart of the program.
func TestMySQL(t *testing.T) {
	dir := t.TempDir()
	reach(t, dir)
	w := start(t, rds.Options{Dir: dir})
	mysqlOf := func(in *sdk.CreateDBInstanceInput) { in.Engine, in.EngineVersion = new("mysql"), nil }
	w.instance(t, "dev", mysqlOf)
	w.mysqlValue(t, "dev", password, "create table orders (id int)", "insert into orders values (1), (2), (3)")
	if _, err := w.StopDBInstance(t.Context(), &sdk.StopDBInstanceInput{DBInstanceIdentifier: new("dev")}); err != nil {
		t.Fatal(err)
	}
	w.awaitInstance(t, w.Client, "dev", "stopped")
	if _, err := w.StartDBInstance(t.Context(), &sdk.StartDBInstanceInput{DBInstanceIdentifier: new("dev")}); err != nil {
		t.Fatal(err)
	}
	w.awaitInstance(t, w.Client, "dev", "available")
	if _, err := w.CreateDBSnapshot(t.Context(), &sdk.CreateDBSnapshotInput{DBInstanceIdentifier: new("dev"), DBSnapshotIdentifier: new("one")}); err != nil {
		t.Fatal(err)
	}
	w.awaitSnapshot(t, w.Client, "one", "available")
	w.mysqlValue(t, "dev", password, "delete from orders")
	if _, err := w.CopyDBSnapshot(t.Context(), &sdk.CopyDBSnapshotInput{SourceDBSnapshotIdentifier: new("one"), TargetDBSnapshotIdentifier: new("two")}); err != nil {
		t.Fatal(err)
	}
	w.awaitSnapshot(t, w.Client, "two", "available")
	data, err := w.service.Save()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.service.Close(); err != nil {
		t.Fatal(err)
	}

	w = start(t, rds.Options{Dir: dir})
	if err := w.service.Load(data); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RestoreDBInstanceFromDBSnapshot(t.Context(), &sdk.RestoreDBInstanceFromDBSnapshotInput{
		DBInstanceIdentifier: new("new"), DBSnapshotIdentifier: new("two"),
	}); err != nil {
		t.Fatal(err)
	}
	w.awaitInstance(t, w.Client, "new", "available")
	if _, err := w.ModifyDBInstance(t.Context(), &sdk.ModifyDBInstanceInput{
		DBInstanceIdentifier: new("new"), MasterUserPassword: new("another-horse"), ApplyImmediately: new(true),
	}); err != nil {
		t.Fatal(err)
	}
	w.awaitInstance(t, w.Client, "new", "available")
	if got := w.mysqlValue(t, "new", "another-horse", "select count(*) from orders"); got != "3" {
		t.Errorf("restored rows: got %s", got)
	}
	w.awaitInstance(t, w.Client, "dev", "available")
	if got := w.mysqlValue(t, "dev", password, "select count(*) from orders"); got != "0" {
		t.Errorf("rows of the source: got %s", got)
	}
	if _, err := w.DeleteDBInstance(t.Context(), &sdk.DeleteDBInstanceInput{DBInstanceIdentifier: new("new"), SkipFinalSnapshot: new(true)}); err != nil {
		t.Fatal(err)
	}
	w.awaitInstance(t, w.Client, "new", "DBInstanceNotFound")
}

// TestMySQLWithoutMariaDB: states without data, and the instance says why.
func TestMySQLWithoutMariaDB(t *testing.T) {
	t.Setenv(mariadb.File, "/nowhere/mariadbd")
	w := start(t, rds.Options{})
	w.instance(t, "dev", func(in *sdk.CreateDBInstanceInput) { in.Engine, in.EngineVersion = new("mariadb"), nil })
	out, err := w.DescribeDBInstances(t.Context(), &sdk.DescribeDBInstancesInput{DBInstanceIdentifier: new("dev")})
	if err != nil {
		t.Fatal(err)
	}
	infos := out.DBInstances[0].StatusInfos
	if len(infos) != 1 || !strings.Contains(*infos[0].Message, "apt-get install mariadb-server-core") {
		t.Errorf("it says %v", infos)
	}
}
