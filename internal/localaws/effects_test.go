package localaws_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	ecrclient "github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws"
)

// victim is a client of a server with a fault. It does not retry.
type victim struct {
	*testing.T
	*localaws.Server
	cfg aws.Config
}

func (v *victim) put(name string) error {
	_, err := ssm.NewFromConfig(v.cfg).PutParameter(v.Context(), &ssm.PutParameterInput{Name: &name, Value: aws.String("x"), Type: "String"})
	return err //nolint:wrapcheck // the test looks at its code
}

// has looks from inside, where no fault strikes.
func (v *victim) has(name string) bool {
	v.Helper()
	out, err := v.SSM.GetParameters(v.Context(), &ssm.GetParametersInput{Names: []string{name}})
	if err != nil {
		v.Fatal(err)
	}
	return len(out.Parameters) == 1
}

// codes are those of three writes, which "took" says took effect.
func (v *victim) codes(codes []string, took []bool) {
	v.Helper()
	for i := range codes {
		name := fmt.Sprintf("/n/%d", i+1)
		got := code(v.put(name))
		if strings.HasPrefix(got, "not an API error") {
			got = "lost"
		}
		if got != codes[i] || v.has(name) != took[i] {
			v.Errorf("call %d: %q, took effect: %t; want %q, %t", i+1, got, v.has(name), codes[i], took[i])
		}
	}
}

// task runs one task of the sample service until it is as wanted.
func (v *victim) task(until func(types.Task) bool) types.Task {
	v.Helper()
	client := ecs.NewFromConfig(v.cfg)
	out, err := client.RunTask(v.Context(), &ecs.RunTaskInput{Cluster: aws.String("main"), TaskDefinition: aws.String("web")})
	if err != nil || len(out.Tasks) != 1 {
		v.Fatalf("%+v, %v", out, err)
	}
	var task types.Task
	wait(v.T, func() bool {
		out, err := client.DescribeTasks(v.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("main"), Tasks: []string{*out.Tasks[0].TaskArn}})
		if err != nil {
			v.Fatal(err)
		}
		task = out.Tasks[0]
		return until(task)
	})
	return task
}

func stopped(t types.Task) bool { return aws.ToString(t.LastStatus) == "STOPPED" }
func running(t types.Task) bool { return aws.ToString(t.LastStatus) == "RUNNING" }

func wait(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal("it did not come about in two minutes")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// effects has every fault of the command line, with what a client sees of it.
var effects = []struct {
	fault string
	seen  func(v *victim)
}{
	{"ssm.PutParameter=throttle", func(v *victim) {
		v.codes([]string{"ThrottlingException", "ThrottlingException"}, []bool{false, false})
	}},
	{"*.*#2=5xx", func(v *victim) { v.codes([]string{"", "InternalFailure", ""}, []bool{true, false, true}) }},
	{"ssm.Put*=deny", func(v *victim) { v.codes([]string{"AccessDeniedException"}, []bool{false}) }},
	{"ssm.*#2=drop-before", func(v *victim) { v.codes([]string{"", "lost", ""}, []bool{true, false, true}) }},
	{"ssm.*#2=drop-after", func(v *victim) { v.codes([]string{"", "lost", ""}, []bool{true, true, true}) }},
	{"ssm.*#2=die-before", func(v *victim) { v.codes([]string{"", "lost", "lost"}, []bool{true, false, false}) }},
	{"ssm.*#2=die-after:1h", func(v *victim) { v.codes([]string{"", "lost", "lost"}, []bool{true, true, false}) }},
	{"ssm.*=latency:1h", func(v *victim) {
		ctx, cancel := context.WithTimeout(v.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := ssm.NewFromConfig(v.cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/a")})
		if !errors.Is(err, context.DeadlineExceeded) {
			v.Errorf("err = %v", err)
		}
	}},
	{"ssm.*=stale:24h", func(v *victim) {
		list := func() int {
			out, err := ssm.NewFromConfig(v.cfg).GetParametersByPath(v.Context(), &ssm.GetParametersByPathInput{Path: aws.String("/a")})
			if err != nil {
				v.Fatal(err)
			}
			return len(out.Parameters)
		}
		before := list()
		if err := v.put("/a/b"); err != nil {
			v.Fatal(err)
		}
		if got := list(); got != before {
			v.Errorf("right after the write there are %d parameters, want %d as before", got, before)
		}
		v.Clock.Advance(25 * time.Hour)
		if got := list(); got != before+1 {
			v.Errorf("a day later there are %d parameters, want %d", got, before+1)
		}
	}},
	{"task-exits:web*1", func(v *victim) {
		task := v.task(stopped)
		if task.StopCode != types.TaskStopCodeEssentialContainerExited || aws.ToInt32(task.Containers[0].ExitCode) != 137 {
			v.Errorf("the first task: %s, %s, exit code %d", task.StopCode, aws.ToString(task.StoppedReason),
				aws.ToInt32(task.Containers[0].ExitCode))
		}
		v.task(running)
	}},
	{"task-exits:looping", func(v *victim) { v.rollout("looping", "tasks failed to start") }},
	{"task-unhealthy:web", func(v *victim) {
		v.task(func(t types.Task) bool { return t.HealthStatus == types.HealthStatusUnhealthy })
	}},
	{"task-unhealthy:sick", func(v *victim) { v.rollout("sick", "tasks failed to start") }},
	{"task-architecture:web", func(v *victim) {
		if task := v.task(stopped); !strings.Contains(aws.ToString(task.StoppedReason), "CannotPullContainerError") ||
			!strings.Contains(aws.ToString(task.StoppedReason), "platform") {
			v.Errorf("reason %q", aws.ToString(task.StoppedReason))
		}
	}},
	{"task-capacity:web", func(v *victim) {
		out, err := ecs.NewFromConfig(v.cfg).RunTask(v.Context(), &ecs.RunTaskInput{Cluster: aws.String("main"), TaskDefinition: aws.String("web")})
		if err != nil || len(out.Failures) != 1 || len(out.Tasks) != 0 {
			v.Errorf("%+v, %v", out, err)
		}
	}},
	{"snapshot-fails:snap", func(v *victim) {
		v.database("db")
		_, err := v.RDS.CreateDBSnapshot(v.Context(), &rds.CreateDBSnapshotInput{DBInstanceIdentifier: aws.String("db"),
			DBSnapshotIdentifier: aws.String("snap")})
		if err != nil {
			v.Fatal(err)
		}
		wait(v.T, func() bool {
			v.Clock.Advance(10 * time.Second)
			out, err := v.RDS.DescribeDBSnapshots(v.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: aws.String("snap")})
			return err == nil && aws.ToString(out.DBSnapshots[0].Status) == "failed"
		})
	}},
	{"restore-fails:copy", func(v *victim) {
		v.database("origin")
		_, err := v.RDS.CreateDBSnapshot(v.Context(), &rds.CreateDBSnapshotInput{DBInstanceIdentifier: aws.String("origin"),
			DBSnapshotIdentifier: aws.String("good")})
		if err != nil {
			v.Fatal(err)
		}
		wait(v.T, func() bool {
			v.Clock.Advance(10 * time.Second)
			out, err := v.RDS.DescribeDBSnapshots(v.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: aws.String("good")})
			return err == nil && aws.ToString(out.DBSnapshots[0].Status) == "available"
		})
		_, err = v.RDS.RestoreDBInstanceFromDBSnapshot(v.Context(), &rds.RestoreDBInstanceFromDBSnapshotInput{
			DBInstanceIdentifier: aws.String("copy"), DBSnapshotIdentifier: aws.String("good"), DBInstanceClass: aws.String("db.t4g.micro")})
		if err != nil {
			v.Fatal(err)
		}
		v.databaseIs("copy", "incompatible-restore")
	}},
	{"alarm-fires:errors", func(v *victim) {
		out, err := cloudwatch.NewFromConfig(v.cfg).DescribeAlarms(v.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"errors"}})
		if err != nil || len(out.MetricAlarms) != 1 || out.MetricAlarms[0].StateValue != "ALARM" {
			v.Errorf("%+v, %v", out, err)
		}
	}},
}

// rollout makes a service whose circuit breaker must give up.
func (v *victim) rollout(name, reason string) {
	v.Helper()
	client := ecs.NewFromConfig(v.cfg)
	_, err := client.CreateService(v.Context(), &ecs.CreateServiceInput{Cluster: aws.String("main"), ServiceName: &name,
		TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(1), LaunchType: types.LaunchTypeEc2,
		DeploymentConfiguration: &types.DeploymentConfiguration{DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true}}})
	if err != nil {
		v.Fatal(err)
	}
	wait(v.T, func() bool {
		out, err := client.DescribeServices(v.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{name}})
		if err != nil {
			v.Fatal(err)
		}
		d := out.Services[0].Deployments[0]
		return d.RolloutState == types.DeploymentRolloutStateFailed && strings.Contains(aws.ToString(d.RolloutStateReason), reason)
	})
	if _, err := client.DeleteService(v.Context(), &ecs.DeleteServiceInput{Cluster: aws.String("main"), Service: &name, Force: aws.Bool(true)}); err != nil {
		v.Error(err)
	}
}

func (v *victim) database(id string) {
	v.Helper()
	_, err := v.RDS.CreateDBInstance(v.Context(), &rds.CreateDBInstanceInput{DBInstanceIdentifier: &id, Engine: aws.String("postgres"),
		DBInstanceClass: aws.String("db.t4g.micro"), AllocatedStorage: aws.Int32(20), MasterUsername: aws.String("shipkit"),
		MasterUserPassword: aws.String("not-a-secret")})
	if err != nil {
		v.Fatal(err)
	}
	v.databaseIs(id, "available")
}

func (v *victim) databaseIs(id, status string) {
	v.Helper()
	wait(v.T, func() bool {
		v.Clock.Advance(10 * time.Second)
		out, err := v.RDS.DescribeDBInstances(v.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		return err == nil && aws.ToString(out.DBInstances[0].DBInstanceStatus) == status
	})
}

// sample pushes the sample service, registers it as the task definition web in the cluster main, and returns its reference.
func sample(t testing.TB, s *localaws.Server) (ref string) {
	t.Helper()
	ctx := t.Context()
	if _, err := s.ECR.CreateRepository(ctx, &ecrclient.CreateRepositoryInput{RepositoryName: aws.String("web")}); err != nil {
		t.Fatal(err)
	}
	account, secret := s.ECR.Credentials()
	ref = s.ECR.Host() + "/web:v1"
	if _, err := image.Push(ctx, ref, image.Web{}, remote.WithAuth(&authn.Basic{Username: account, Password: secret})); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ECS.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("main")}); err != nil {
		t.Fatal(err)
	}
	_, err := s.ECS.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{Family: aws.String("web"),
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: &ref, Memory: aws.Int32(64), Essential: aws.Bool(true),
			PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(8080)}},
			HealthCheck:  &types.HealthCheck{Command: []string{"CMD", "/web", "check"}, Interval: aws.Int32(5), Retries: aws.Int32(1)}}}})
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestEveryFaultHasItsEffect goes from the text on the command line to what a client of AWS sees.
func TestEveryFaultHasItsEffect(t *testing.T) {
	s := start(t, localaws.Options{Engine: localaws.Process, NoData: true, Factor: 600})
	sample(t, s)
	for i, e := range effects {
		t.Run(e.fault, func(t *testing.T) {
			if err := s.AddFault(e.fault); err != nil {
				t.Fatal(err)
			}
			defer func() {
				s.Faults.Clear()
				s.ECS.ClearFaults()
			}()
			_, cfg := s.Session(fmt.Sprint("victim-", i))
			cfg.RetryMaxAttempts = 1
			for _, name := range []string{"/n/1", "/n/2", "/n/3"} {
				_, _ = s.SSM.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: &name}) // of the test before
			}
			e.seen(&victim{T: t, Server: s, cfg: cfg})
		})
	}
	kinds := []string{"throttle", "5xx", "deny", "latency", "stale", "drop-before", "drop-after", "die-before", "die-after", "task-exits",
		"task-unhealthy", "task-architecture", "task-capacity", "snapshot-fails", "restore-fails", "alarm-fires"}
	for _, kind := range kinds {
		if !slices.ContainsFunc(effects, func(e struct {
			fault string
			seen  func(v *victim)
		}) bool {
			return strings.Contains(e.fault, kind)
		}) {
			t.Errorf("no test of %s", kind)
		}
	}
}
