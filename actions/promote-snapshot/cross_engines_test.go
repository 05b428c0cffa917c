package promotesnapshot

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// TestAurora takes an Aurora cluster with real rows through its life: promoted
// twice, undone, retired.
func TestAurora(t *testing.T) {
	w := startCross(t, localaws.Options{})
	here := w.at(thisAccount, home)
	here.cluster(t, "aurora-postgresql", "alias/aws/rds")
	query(t, here, "dev-db-1", "create table orders as select id from generate_series(1, 42) id")
	if _, err := here.CreateDBClusterParameterGroup(t.Context(), &rds.CreateDBClusterParameterGroupInput{
		DBClusterParameterGroupName: new("prod"), DBParameterGroupFamily: new("aurora-postgresql16"), Description: new("prod"),
	}); err != nil {
		t.Fatal(err)
	}
	with := map[string]string{
		"source-database": "dev-db", "multi-az": "true", "parameter-group": "prod", "backup-retention-days": "14",
		"verify-sql": write(t, "verify.sql", "select count(*) >= 42 from orders;"),
	}
	first := w.promote(t, with)
	db := here.promotedCluster(t, first.Outputs["timestamp"])
	if len(db.DBClusterMembers) != 2 || *db.DBClusterParameterGroup != "prod" || *db.BackupRetentionPeriod != 14 ||
		!*db.StorageEncrypted || !*db.DeletionProtection || !*db.CopyTagsToSnapshot {
		t.Errorf("the new cluster: %+v", db)
	}
	name := "xy-0146-prod-db-" + first.Outputs["timestamp"]
	if rows := query(t, here, name+"-1", "select count(*) from orders"); rows != "42" {
		t.Errorf("the new cluster has %s orders", rows)
	}

	query(t, here, "dev-db-1", "insert into orders values (43)")
	second := w.promote(t, with)
	if rows := query(t, here, "xy-0146-prod-db-"+second.Outputs["timestamp"]+"-1", "select count(*) from orders"); rows != "43" {
		t.Errorf("the newer cluster has %s orders", rows)
	}
	if old := here.promotedCluster(t, first.Outputs["timestamp"]); *old.Status != "stopping" && *old.Status != "stopped" {
		t.Errorf("the old cluster is %s", *old.Status)
	}
	undone := w.run(t, map[string]string{"mode": "undo"})
	if undone.ExitCode != 0 || here.pointer(t) != first.Outputs["timestamp"] {
		t.Fatalf("undo: %+v", undone)
	}
	if rows := query(t, here, name+"-1", "select count(*) from orders"); rows != "42" {
		t.Errorf("after the undo the cluster has %s orders", rows)
	}
	w.Clock.Advance(200 * 3600e9) // beyond the retention
	if retired := w.run(t, map[string]string{"mode": "retire"}); retired.ExitCode != 0 {
		t.Fatalf("retire: %+v", retired)
	}
	out, err := here.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{})
	if err != nil || len(out.DBClusters) != 2 {
		t.Errorf("%d clusters are left, not dev's and prod's, %v", len(out.DBClusters), err)
	}
	final := "xy-0146-prod-final-" + second.Outputs["timestamp"]
	if s, err := here.DescribeDBClusterSnapshots(t.Context(), &rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: &final}); err != nil ||
		*s.DBClusterSnapshots[0].Status != "available" {
		t.Errorf("the final snapshot of the retired cluster: %v", err)
	}
}

// TestAuroraBetweenAccounts: clusters share and copy by operations of their
// own, and a plain one is encrypted by the restore.
func TestAuroraBetweenAccounts(t *testing.T) {
	for _, test := range []struct {
		name, engine string
		encrypted    bool
	}{
		{"PostgreSQL", "aurora-postgresql", true},
		{"MySQL", "aurora-mysql", true},
		{"not encrypted", "aurora-postgresql", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := startCross(t, localaws.Options{NoData: true})
			source, target := w.at(otherAccount, far), w.at(thisAccount, home)
			key := ""
			if test.encrypted {
				key = source.newKey(t, true)
			}
			source.cluster(t, test.engine, key)
			own := target.newKey(t, false)
			got := w.promote(t, map[string]string{
				"source-database": "dev-db", "from": "dev", "source-role-arn": sourceRole, "source-region": far, "kms-key-id": own,
			})
			db := target.promotedCluster(t, got.Outputs["timestamp"])
			if *db.Engine != test.engine || !*db.StorageEncrypted || *db.KmsKeyId != own {
				t.Errorf("the new cluster is %s under %s", *db.Engine, aws.ToString(db.KmsKeyId))
			}
			copied, err := target.DescribeDBClusterSnapshots(t.Context(), &rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: aws.String(got.Outputs["snapshot-arn"])})
			if err != nil {
				t.Fatal(err)
			}
			if tags := tagsOf(copied.DBClusterSnapshots[0].TagList); tags["cost-center"] != "0146" || tags["shipkit:namespace"] != "xy-0146-prod" {
				t.Errorf("the copy's tags are %v", tags)
			}
		})
	}
}

// TestMySQLByCommand masks and checks with commands, which are told where the
// database is.
func TestMySQLByCommand(t *testing.T) {
	for _, engine := range []string{"mysql", "aurora-mysql"} {
		t.Run(engine, func(t *testing.T) {
			w := startCross(t, localaws.Options{NoData: true})
			here := w.at(thisAccount, home)
			if engine == "mysql" {
				here.instance(t, engine, "")
			} else {
				here.cluster(t, engine, "")
			}
			seen := filepath.Join(t.TempDir(), "seen")
			got := w.promote(t, map[string]string{
				"source-database": "dev-db",
				"mask-command":    `echo "mask $DATABASE_ID" >> ` + seen,
				"verify-command":  `echo "verify $DATABASE_ID $DATABASE_NAME" >> ` + seen,
			})
			ts := got.Outputs["timestamp"]
			if text, want := read(t, seen), "mask xy-0146-prod-mask-"+ts+"\nverify xy-0146-prod-db-"+ts+" shop\n"; text != want {
				t.Errorf("the commands saw %q, not %q", text, want)
			}
		})
	}
}

// TestMySQLByTask masks and checks with ECS tasks; a mask that fails lets
// nothing through.
func TestMySQLByTask(t *testing.T) {
	w := startCross(t, localaws.Options{NoData: true, Engine: localaws.Process})
	here := w.at(thisAccount, home)
	here.instance(t, "mysql", "")
	w.defineTasks(t)
	with := map[string]string{"source-database": "dev-db", "cluster": "prod", "mask-task": "passes", "verify-task": "passes"}
	got := w.promote(t, with)
	about := w.tasksOf(t, "passes")
	slices.Sort(about)
	if ts := got.Outputs["timestamp"]; !slices.Equal(about, []string{"xy-0146-prod-db-" + ts, "xy-0146-prod-mask-" + ts}) {
		t.Errorf("the tasks were about %v", about)
	}
	with["mask-task"] = "fails"
	failed := w.run(t, with)
	if failed.ExitCode != 1 || failed.Outputs["phase"] != "undone" || here.pointer(t) != got.Outputs["timestamp"] {
		t.Errorf("a mask that fails: %+v", failed)
	}
}

// defineTasks makes a cluster and two task definitions: one that passes and
// one that fails.
func (w *cross) defineTasks(t *testing.T) {
	t.Helper()
	w.readmes = append(w.readmes, "../deploy-ecs/README.md") // as the README says
	client := ecs.NewFromConfig(w.Config())
	if _, err := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: new("prod")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ECR.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("tasks")}); err != nil {
		t.Fatal(err)
	}
	user, secret := w.ECR.Credentials()
	for family, mode := range map[string]string{"passes": "exit:0", "fails": "exit:4"} {
		ref := w.ECR.Host() + "/tasks:" + family
		if _, err := image.Push(t.Context(), ref, image.Web{Mode: mode}, remote.WithAuth(&authn.Basic{Username: user, Password: secret})); err != nil {
			t.Fatal(err)
		}
		if _, err := client.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
			Family: &family, NetworkMode: ecstypes.NetworkModeHost,
			ContainerDefinitions: []ecstypes.ContainerDefinition{{Name: new("main"), Image: &ref, Essential: new(true), Memory: new(int32(128))}},
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// tasksOf tells which databases the tasks of a family were told about.
func (w *cross) tasksOf(t *testing.T, family string) []string {
	t.Helper()
	return tasksAbout(t, ecs.NewFromConfig(w.Config()), "prod", family)
}

func tasksAbout(t *testing.T, client *ecs.Client, cluster, family string) (databases []string) {
	t.Helper()
	list, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: &cluster, Family: &family, DesiredStatus: ecstypes.DesiredStatusStopped})
	if err != nil || len(list.TaskArns) == 0 {
		t.Fatalf("tasks of %s: %v %v", family, list, err)
	}
	out, err := client.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: list.TaskArns})
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range out.Tasks {
		for _, variable := range task.Overrides.ContainerOverrides[0].Environment {
			if *variable.Name == "DATABASE_ID" {
				databases = append(databases, *variable.Value)
			}
		}
	}
	return databases
}

// refused holds a run to all that it should have complained of, and to have
// changed nothing.
func (w *cross) refused(t *testing.T, got actiontest.Result, wants ...string) {
	t.Helper()
	if got.ExitCode == 0 {
		t.Errorf("it was not refused: %v", got.Outputs)
	}
	for _, want := range wants {
		if !strings.Contains(got.Log, want) {
			t.Errorf("the log lacks %q:\n%s", want, got.Log)
		}
	}
	if writes := w.writes(); len(writes) > 0 {
		t.Errorf("it was refused, but had called %v", writes)
	}
}
