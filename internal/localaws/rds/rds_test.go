package rds_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/smithy-go"
	"github.com/jackc/pgx/v5"

	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/keyring"
	"github.com/org/shipkit/internal/localaws/rds"
	"github.com/org/shipkit/internal/localaws/wire"
)

// world is a local RDS and its clients: two accounts, two regions.
type world struct {
	*sdk.Client
	service *rds.Service
	keys    *keyring.Ring
	url     string
}

const otherAccount = "444455556666"

// start runs RDS behind the wire, thousands of times as fast as AWS.
func start(t *testing.T, o rds.Options) *world {
	t.Helper()
	c := clock.New(5000)
	s := rds.New(c, o)
	keys := keyring.New()
	mux := wire.NewMux(keys, nil)
	mux.Add(s.Wire())
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		c.Close()
	})
	w := &world{service: s, keys: keys, url: server.URL}
	w.Client = w.as(wire.DefaultAccount, wire.DefaultRegion)
	return w
}

func (w *world) as(account, region string) *sdk.Client {
	id, key := w.keys.User(account, "test")
	return sdk.NewFromConfig(aws.Config{
		Region: region, BaseEndpoint: &w.url, Credentials: credentials.NewStaticCredentialsProvider(id, key.SecretKey, ""),
	})
}

const password = "correct-horse"

// instance creates an instance and waits until it is available.
func (w *world) instance(t *testing.T, id string, change ...func(*sdk.CreateDBInstanceInput)) string {
	t.Helper()
	in := &sdk.CreateDBInstanceInput{
		DBInstanceIdentifier: &id, DBInstanceClass: new("db.t4g.micro"), Engine: new("postgres"), EngineVersion: new("16"),
		AllocatedStorage: new(int32(20)), MasterUsername: new("app"), MasterUserPassword: new(password), DBName: new("shop"),
	}
	for _, f := range change {
		f(in)
	}
	if _, err := w.CreateDBInstance(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return w.awaitInstance(t, w.Client, id, "available")
}

// awaitInstance waits for a state and returns a connection string.
func (w *world) awaitInstance(t *testing.T, client *sdk.Client, id, state string) string {
	t.Helper()
	var dsn string
	await(t, "instance "+id, state, func(ctx context.Context) string {
		out, err := client.DescribeDBInstances(ctx, &sdk.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		if err != nil {
			return code(err)
		}
		i := out.DBInstances[0]
		if i.Endpoint != nil {
			dsn = fmt.Sprintf("host=%s port=%d user=app password=%s dbname=shop sslmode=disable", *i.Endpoint.Address,
				*i.Endpoint.Port, password)
		}
		return *i.DBInstanceStatus
	})
	return dsn
}

func (w *world) awaitSnapshot(t *testing.T, client *sdk.Client, id, state string) {
	t.Helper()
	await(t, "snapshot "+id, state, func(ctx context.Context) string {
		out, err := client.DescribeDBSnapshots(ctx, &sdk.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &id})
		if err != nil {
			return code(err)
		}
		return *out.DBSnapshots[0].Status
	})
}

func (w *world) awaitCluster(t *testing.T, client *sdk.Client, id, state string) string {
	t.Helper()
	var dsn string
	await(t, "cluster "+id, state, func(ctx context.Context) string {
		out, err := client.DescribeDBClusters(ctx, &sdk.DescribeDBClustersInput{DBClusterIdentifier: &id})
		if err != nil {
			return code(err)
		}
		c := out.DBClusters[0]
		if c.Endpoint != nil {
			dsn = fmt.Sprintf("host=%s port=%d user=app password=%s dbname=shop sslmode=disable", *c.Endpoint, *c.Port,
				password)
		}
		return *c.Status
	})
	return dsn
}

func (w *world) awaitClusterSnapshot(t *testing.T, client *sdk.Client, id, state string) {
	t.Helper()
	await(t, "cluster snapshot "+id, state, func(ctx context.Context) string {
		out, err := client.DescribeDBClusterSnapshots(ctx,
			&sdk.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: &id})
		if err != nil {
			return code(err)
		}
		return *out.DBClusterSnapshots[0].Status
	})
}

// await polls until look says what is wanted; the limit only bounds a test
// that fails.
func await(t *testing.T, what, want string, look func(context.Context) string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	got := look(ctx)
	for got != want {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: got %s, want %s", what, got, want)
		case <-time.After(5 * time.Millisecond):
			got = look(ctx)
		}
	}
}

// code returns AWS's error code, "" for no error.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// reach lets the user postgres enter a test's folder when the test runs as
// root.
func reach(t *testing.T, dir string) {
	t.Helper()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func sql(t *testing.T, dsn, statement string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(values)
}
