package ephemeralenv

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// databases are the states of an environment's databases.
func (w *wire) databases(t *testing.T) []string {
	t.Helper()
	client := rds.NewFromConfig(w.Config())
	instances, err := client.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	clusters, err := client.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range instances.DBInstances {
		if *d.DBInstanceIdentifier != "dev-db" && d.DBClusterIdentifier == nil {
			all = append(all, *d.DBInstanceIdentifier+" "+*d.DBInstanceStatus)
		}
	}
	for _, c := range clusters.DBClusters {
		all = append(all, *c.DBClusterIdentifier+" "+*c.Status)
	}
	slices.Sort(all)
	return all
}

// Databases of an environment stop and start, a cluster as a whole; the newest
// snapshot of the source is what they are made from. A change that CloudFormation
// refuses, and a snapshot that is not there, leave what was there before.
func TestDatabasesOfAnEnvironment(t *testing.T) {
	w := newWire(t)
	var tags []types.Tag
	for key, value := range promoted("20260101t000000z") {
		tags = append(tags, types.Tag{Key: new(key), Value: new(value)})
	}
	client, id := rds.NewFromConfig(w.Config()), dev.Masked("20260101t000000z")
	w.await(t, func() string { // it may still be at the snapshot before
		out, err := client.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: new("dev-db")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.DBInstances[0].DBInstanceStatus
	})
	if _, err := client.CreateDBSnapshot(t.Context(), &rds.CreateDBSnapshotInput{
		DBInstanceIdentifier: new("dev-db"), DBSnapshotIdentifier: &id, Tags: tags,
	}); err != nil {
		t.Fatal(err)
	}
	w.await(t, func() string {
		out, err := client.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &id})
		if err != nil {
			t.Fatal(err)
		}
		return *out.DBSnapshots[0].Status
	})
	w.with = map[string]string{
		"template": "testdata/databases.yml", "template-parameters": "Name=${namespace}\nSnapshot=${snapshot}", "db-snapshot": "nowhere",
	}
	if got := w.do(t.Context(), t, "up"); got.ExitCode == 0 || !strings.Contains(got.Log, "nowhere") {
		t.Errorf("up of a snapshot that is not there: %+v", got)
	}
	w.expect(t, "after that", nil)

	w.with["db-snapshot"] = "latest"
	w.must(t, "of the newest snapshot", "up")
	for _, step := range []struct{ command, state string }{{"pause", "stopped"}, {"pause", "stopped"}, {"wake", "available"}, {"wake", "available"}} {
		w.must(t, "databases", step.command)
		want := []string{"xy-0146-crash-db " + step.state, "xy-0146-crash-zoo " + step.state}
		for range 100 {
			if slices.Equal(w.databases(t), want) {
				break
			}
			w.Clock.Advance(time.Minute)
		}
		if got := w.databases(t); !slices.Equal(got, want) {
			t.Errorf("after %s: %q, want %q", step.command, got, want)
		}
	}
	before := w.there(t)
	text, err := os.ReadFile("testdata/databases.yml")
	if err != nil {
		t.Fatal(err)
	}
	w.with["template"] = filepath.Join(t.TempDir(), "template.yml")
	if err := os.WriteFile(w.with["template"], []byte(strings.ReplaceAll(string(text), "!Ref Zoo", "!GetAtt Zoo.Stripes")), 0o600); err != nil {
		t.Fatal(err)
	}
	w.with["template-parameters"] += "\nClass=db.t4g.small"
	for range 2 {
		if got := w.do(t.Context(), t, "up"); got.ExitCode == 0 || !strings.Contains(got.Log, "Stripes") {
			t.Errorf("up of a template that cannot be: %+v", got)
		}
	}
	if got := w.there(t); !slices.Equal(got, before) {
		t.Errorf("a refused change leaves %q, want %q", got, before)
	}
	w.must(t, "in the end", "down")
	w.expect(t, "in the end", nil)
	w.covers(t)
}
