package promotesnapshot

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/saga"
)

var staging = namespace.Namespace{Customer: "xy", Project: "0146", Environment: "staging"}

// The crash test over the wire of a promotion with a service in one account.
func TestCrashAtEveryCallOverTheWire(t *testing.T) {
	points := crashes(t, func(t *testing.T) *stage { return newPlane(t).stage })
	if t.Logf("all %d points converge", points); points < 60 {
		t.Errorf("only %d points", points)
	}
}

// play makes the plane a stage.
func (w *plane) play() *stage {
	return &stage{
		Server: w.Server, key: w.key, target: staging, again: w.run, sees: w.look, snapshots: 2, revisions: 1,
		remove: func(t *testing.T, id string) {
			t.Helper()
			if _, err := w.rds.DeleteDBSnapshot(t.Context(), &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: &id}); err != nil {
				t.Error(err)
			}
		},
	}
}

func (w *plane) look(t testing.TB) scene {
	t.Helper()
	ctx := t.Context()
	s := scene{databases: map[string]string{}}
	if out, err := w.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new(staging.Active())}); err == nil {
		s.active = namespace.Timestamp(*out.Parameter.Value)
	}
	databases, err := w.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range databases.DBInstances {
		s.databases[*d.DBInstanceIdentifier] = *d.DBInstanceStatus
	}
	snapshots, err := w.rds.DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{SnapshotType: new("manual")})
	if err != nil {
		t.Fatal(err)
	}
	for _, snapshot := range snapshots.DBSnapshots {
		s.snapshots = append(s.snapshots, *snapshot.DBSnapshotIdentifier)
	}
	stacks, err := w.CloudFormation.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, stack := range stacks.Stacks {
		s.stacks = append(s.stacks, *stack.StackName)
	}
	services, err := w.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: new("staging"), Services: []string{"web"}})
	if err != nil {
		t.Fatal(err)
	}
	definition, err := w.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: services.Services[0].TaskDefinition})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range definition.TaskDefinition.ContainerDefinitions[0].Secrets {
		if rest, ok := strings.CutPrefix(*secret.ValueFrom, staging.Parameter("db")+"/"); ok {
			s.serving, _, _ = strings.Cut(rest, "/")
		}
	}
	revisions, err := w.ecs.ListTaskDefinitions(ctx, &ecs.ListTaskDefinitionsInput{FamilyPrefix: new("web")})
	if err != nil {
		t.Fatal(err)
	}
	s.revisions = len(revisions.TaskDefinitionArns)
	if s.journal, err = (saga.Journal{Parameters: w.ssm, Path: staging.Parameter("db", "operation")}).Load(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}
