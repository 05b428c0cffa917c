package promotesnapshot

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/pkg/awsclient"
)

// maskAt makes a cluster "dev" at the source, and task definitions there: one
// that masks, one that fails.
func (w *cross) maskAt(t *testing.T, r region) *ecs.Client {
	t.Helper()
	if _, err := w.ECR.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("tasks")}); err != nil {
		t.Fatal(err)
	}
	if _, err := cloudwatchlogs.NewFromConfig(r.cfg).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: new("mask")}); err != nil {
		t.Fatal(err)
	}
	client := ecs.NewFromConfig(r.cfg)
	if _, err := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: new("dev")}); err != nil {
		t.Fatal(err)
	}
	user, secret := w.ECR.Credentials()
	for family, mode := range map[string]string{"masks": "exit:0", "fails": "exit:4"} {
		ref := w.ECR.Host() + "/tasks:" + family
		if _, err := image.Push(t.Context(), ref, image.Web{Mode: mode}, remote.WithAuth(&authn.Basic{Username: user, Password: secret})); err != nil {
			t.Fatal(err)
		}
		if _, err := client.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
			Family: &family, NetworkMode: ecstypes.NetworkModeAwsvpc,
			ContainerDefinitions: []ecstypes.ContainerDefinition{{
				Name: new("main"), Image: &ref, Essential: new(true), Memory: new(int32(128)),
				LogConfiguration: &ecstypes.LogConfiguration{LogDriver: ecstypes.LogDriverAwslogs, Options: map[string]string{
					"awslogs-group": "mask", "awslogs-region": home, "awslogs-stream-prefix": "task",
				}},
			}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	return client
}

// TestMaskTaskAtTheSource: a task masks in the source's account, with the
// source's role; one that fails lets nothing out of it, and says why.
func TestMaskTaskAtTheSource(t *testing.T) {
	w := startCross(t, localaws.Options{NoData: true, Engine: localaws.Process})
	source, target := w.at(otherAccount, home), w.at(thisAccount, home)
	source.instance(t, "postgres", source.newKey(t, true))
	client := w.maskAt(t, source)
	with := map[string]string{
		"source-database": "dev-db", "from": "dev", "source-role-arn": sourceRole, "kms-key-id": target.newKey(t, false),
		"mask-task": "masks", "mask-cluster": "dev", "mask-subnets": "subnet-1,subnet-2", "mask-security-groups": groupID,
	}
	got := w.promote(t, with)
	runs := 0
	for _, call := range w.Calls() {
		if call.Operation == "RunTask" {
			runs++
			if call.AccountID != otherAccount || !assumed(call) {
				t.Errorf("a task was run in %s, by %s", call.AccountID, call.AccessKeyID)
			}
		}
	}
	if about := tasksAbout(t, client, "dev", "masks"); runs != 1 || !slices.Equal(about, []string{"xy-0146-dev-mask-" + got.Outputs["timestamp"]}) {
		t.Errorf("%d tasks were run, about %v", runs, about)
	}
	with["mask-task"] = "fails"
	failed := w.run(t, with)
	if failed.ExitCode != 1 || failed.Outputs["phase"] != "undone" || target.pointer(t) != got.Outputs["timestamp"] {
		t.Errorf("a mask that fails: %+v", failed)
	}
	for _, want := range []string{"exits with code 4", "mode exit", "mask task/main/"} {
		if !strings.Contains(failed.Summary, want) {
			t.Errorf("the summary lacks %q:\n%s", want, failed.Summary)
		}
	}
	if shared, err := target.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{SnapshotType: new("shared")}); err != nil || len(shared.DBSnapshots) != 1 {
		t.Errorf("after the failed mask %d snapshots are shared, not the first's only, %v", len(shared.DBSnapshots), err)
	}
}

// TestMaskTaskLacks: what the task needs at the source is asked for before
// anything is made, all at once.
func TestMaskTaskLacks(t *testing.T) {
	w := startCross(t, localaws.Options{NoData: true, Engine: localaws.Process})
	source, target := w.at(otherAccount, home), w.at(thisAccount, home)
	source.instance(t, "postgres", source.newKey(t, true))
	w.maskAt(t, source)
	if _, err := ecs.NewFromConfig(target.cfg).CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: new("prod")}); err != nil {
		t.Fatal(err)
	}
	w.readmes = append(w.readmes, "../deploy-ecs/README.md") // as the README says
	with := map[string]string{
		"source-database": "dev-db", "from": "dev", "source-role-arn": sourceRole, "kms-key-id": target.newKey(t, false),
		"cluster": "prod", "verify-task": "nothing",
	}
	for name, test := range map[string]struct {
		with  map[string]string
		wants []string
	}{
		"the task definition": {map[string]string{"mask-task": "nothing", "mask-cluster": "dev"}, []string{
			`input mask-task: task definition "nothing" is not there in eu-west-1 of account ` + otherAccount,
			`input verify-task: task definition "nothing" is not there in eu-west-1 of account ` + thisAccount,
		}},
		"the cluster": {map[string]string{"mask-task": "masks", "mask-cluster": "prod", "mask-subnets": "subnet-1"}, []string{
			`input mask-task: cluster "prod" does not exist`,
		}},
		"the network": {map[string]string{"mask-task": "masks", "mask-cluster": "dev"}, []string{
			`input mask-task: task definition "masks" has network mode awsvpc, and nothing says in which network it runs`, "mask-subnets",
		}},
	} {
		for input, value := range with {
			test.with[input] = value
		}
		t.Run(name, func(t *testing.T) { w.refused(t, w.run(t, test.with), test.wants...) })
	}
}

// TestQuarantineRole: a role of the target is passed to CloudFormation in its
// own account only.
func TestQuarantineRole(t *testing.T) {
	in := inputs{databaseInputs: databaseInputs{StackRole: "arn:aws:iam::" + thisAccount + ":role/stacks"}}
	here, there := account{caller: awsclient.Caller{AccountID: thisAccount}}, account{caller: awsclient.Caller{AccountID: otherAccount}}
	if got := in.quarantineRole(here, here); got != in.StackRole {
		t.Errorf("at home it is %q", got)
	}
	if got := in.quarantineRole(there, here); got != "" {
		t.Errorf("elsewhere it is %q", got)
	}
}
