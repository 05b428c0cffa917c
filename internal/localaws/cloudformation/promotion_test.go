package cloudformation_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	rdsclient "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/jackc/pgx/v5"

	"github.com/org/shipkit/internal/localaws"
)

const password = "correct-horse"

// The templates that promotions use restore real rows.
func TestPromotionTemplatesRestoreRows(t *testing.T) {
	server, err := localaws.Start(t.Context(), localaws.Options{Factor: 2000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{Client: sdk.NewFromConfig(server.Config()), rds: rdsclient.NewFromConfig(server.Config())}
	for _, test := range []struct {
		file     string
		snapshot func(*world, *testing.T)
		extra    []string
	}{
		{"rds-instance.yml", (*world).snapshotInstance, nil},
		{"aurora-cluster.yml", (*world).snapshotCluster, []string{"Engine", "aurora-postgresql", "MultiAZ", "true"}},
	} {
		t.Run(test.file, func(t *testing.T) {
			body, err := os.ReadFile("../../../pkg/snapshot/templates/" + test.file)
			if err != nil {
				t.Fatal(err)
			}
			test.snapshot(w, t)
			name := "xy-0146-prod-db-" + test.file[:3]
			w.create(t, name, string(body), append(test.extra, "DatabaseIdentifier", name, "SnapshotIdentifier",
				"artifact-"+test.file[:3])...)
			st := w.await(t, name, types.StackStatusCreateComplete)
			if got := count(t, output(st, "Endpoint"), output(st, "Port")); got != 3 {
				t.Errorf("rows: got %d, want 3", got)
			}
		})
	}
}

func (w *world) snapshotInstance(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	_, err := w.rds.CreateDBInstance(ctx, &rdsclient.CreateDBInstanceInput{
		DBInstanceIdentifier: new("dev"), DBInstanceClass: new("db.t4g.micro"), Engine: new("postgres"),
		AllocatedStorage: new(int32(20)),
		MasterUsername:   new("app"), MasterUserPassword: new(password), DBName: new("shop"), StorageEncrypted: new(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "instance", "available", func(ctx context.Context) string {
		out, err := w.rds.DescribeDBInstances(ctx, &rdsclient.DescribeDBInstancesInput{DBInstanceIdentifier: new("dev")})
		if err != nil {
			return err.Error()
		}
		if i := out.DBInstances[0]; *i.DBInstanceStatus == "available" {
			fillTable(t, *i.Endpoint.Address, fmt.Sprint(*i.Endpoint.Port))
			return "available"
		}
		return *out.DBInstances[0].DBInstanceStatus
	})
	if _, err := w.rds.CreateDBSnapshot(ctx, &rdsclient.CreateDBSnapshotInput{DBInstanceIdentifier: new("dev"),
		DBSnapshotIdentifier: new("artifact-rds")}); err != nil {
		t.Fatal(err)
	}
	await(t, "snapshot", "available", func(ctx context.Context) string {
		out, err := w.rds.DescribeDBSnapshots(ctx,
			&rdsclient.DescribeDBSnapshotsInput{DBSnapshotIdentifier: new("artifact-rds")})
		if err != nil {
			return err.Error()
		}
		return *out.DBSnapshots[0].Status
	})
}

func (w *world) snapshotCluster(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	_, err := w.rds.CreateDBCluster(ctx, &rdsclient.CreateDBClusterInput{
		DBClusterIdentifier: new("dev"), Engine: new("aurora-postgresql"), MasterUsername: new("app"),
		MasterUserPassword: new(password), DatabaseName: new("shop"),
	})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "cluster", "available", func(ctx context.Context) string {
		out, err := w.rds.DescribeDBClusters(ctx, &rdsclient.DescribeDBClustersInput{DBClusterIdentifier: new("dev")})
		if err != nil {
			return err.Error()
		}
		if c := out.DBClusters[0]; *c.Status == "available" {
			fillTable(t, *c.Endpoint, fmt.Sprint(*c.Port))
			return "available"
		}
		return *out.DBClusters[0].Status
	})
	_, err = w.rds.CreateDBClusterSnapshot(ctx,
		&rdsclient.CreateDBClusterSnapshotInput{DBClusterIdentifier: new("dev"),
			DBClusterSnapshotIdentifier: new("artifact-aur")})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "snapshot", "available", func(ctx context.Context) string {
		out, err := w.rds.DescribeDBClusterSnapshots(ctx,
			&rdsclient.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: new("artifact-aur")})
		if err != nil {
			return err.Error()
		}
		return *out.DBClusterSnapshots[0].Status
	})
}

func connect(t *testing.T, host, port string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("host=%s port=%s user=app password=%s dbname=shop sslmode=disable", host, port, password))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func fillTable(t *testing.T, host, port string) {
	t.Helper()
	if _, err := connect(t, host, port).Exec(t.Context(),
		"create table orders as select generate_series(1, 3) as id"); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, host, port string) (n int) {
	t.Helper()
	if err := connect(t, host, port).QueryRow(t.Context(), "select count(*) from orders").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
