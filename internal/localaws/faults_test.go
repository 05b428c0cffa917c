package localaws_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	scalingtypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/fault"
)

// idleService makes the service web on the cluster main, with no task.
func idleService(ctx context.Context, client *ecs.Client) error {
	_, err := client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{Family: aws.String("web"),
		ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web"), Image: aws.String("scratch"), Memory: aws.Int32(64)}}})
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	_, err = client.CreateService(ctx, &ecs.CreateServiceInput{Cluster: aws.String("main"), ServiceName: aws.String("web"),
		TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(0), LaunchType: types.LaunchTypeEc2})
	if err != nil {
		return fmt.Errorf("create the service: %w", err)
	}
	return nil
}

// TestCrashAtEveryCall is the pattern of the crash tests: a run of three writes is killed before and after each call,
// run again, and must converge.
func TestCrashAtEveryCall(t *testing.T) {
	s := start(t, localaws.Options{Engine: localaws.Process})
	victim, cfg := s.Session("victim")
	witness := ssm.NewFromConfig(s.Config())
	run := func(ctx context.Context, name string) error {
		client := ssm.NewFromConfig(cfg)
		for i := range 3 {
			_, err := client.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String(fmt.Sprintf("/%s/%d", name, i)),
				Value: aws.String("x"), Type: "String", Overwrite: aws.Bool(true)})
			if err != nil {
				return err
			}
		}
		return nil
	}
	points := 0
	for n := 1; ; n++ {
		lived := false
		for _, when := range []fault.Moment{fault.Before, fault.After} {
			name := fmt.Sprintf("%s-%d", when, n)
			ctx, die := context.WithCancel(t.Context())
			s.Faults.DieAt(victim, n, when, die)
			err := run(ctx, name)
			die()
			if !s.Faults.Died(victim) {
				if err != nil {
					t.Fatal(err)
				}
				lived = true
				continue
			}
			points++
			want := n - 1
			if when == fault.After {
				want = n
			}
			if got := count(t, witness, name); got != want || err == nil {
				t.Errorf("killed %s call %d: %d writes took effect, want %d; err = %v", when, n, got, want, err)
			}
			s.Faults.Revive(victim)
			if err := run(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			if got := count(t, witness, name); got != 3 {
				t.Errorf("after the second run there are %d parameters, want 3", got)
			}
		}
		if lived {
			break
		}
	}
	if points != 6 {
		t.Errorf("%d crash points, want 6", points)
	}
}

func count(t *testing.T, client *ssm.Client, name string) int {
	t.Helper()
	out, err := client.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{Path: aws.String("/" + name)})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Parameters)
}

func TestFaultsAsTextReachTheirServices(t *testing.T) {
	s := start(t, localaws.Options{Engine: localaws.Process})
	for _, text := range []string{"ecs.UpdateService=deny", "task-exits:web*3", "task-unhealthy:web", "task-architecture:*",
		"task-capacity:web", "snapshot-fails:main", "restore-fails:*", "alarm-fires:errors"} {
		if err := s.AddFault(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	alarms, err := cloudwatch.NewFromConfig(s.Config()).DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{"errors"}})
	if err != nil || len(alarms.MetricAlarms) != 1 || alarms.MetricAlarms[0].StateValue != "ALARM" {
		t.Errorf("alarms = %+v, %v", alarms, err)
	}
	simulated, err := iam.NewFromConfig(s.Config()).SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String("arn:aws:iam::111122223333:user/local"), ActionNames: []string{"ecs:UpdateService"}})
	if err != nil || simulated.EvaluationResults[0].EvalDecision != "implicitDeny" {
		t.Errorf("simulated = %+v, %v", simulated, err)
	}
	for _, text := range []string{"", "task-exits", "task-explodes:web", "snapshot-fails:", "snapshot-fails:[", "ecs.UpdateService=explode"} {
		if err := s.AddFault(text); err == nil || !strings.Contains(err.Error(), "fault ") {
			t.Errorf("%q: err = %v", text, err)
		}
	}
}

func TestExpiredSession(t *testing.T) {
	s := start(t, localaws.Options{Engine: localaws.Process})
	out, err := sts.NewFromConfig(s.Config()).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::111122223333:role/deploy"), RoleSessionName: aws.String("ci")})
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.SessionConfig(out.Credentials)
	if _, err := ecs.NewFromConfig(cfg).ListClusters(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	s.Expire(*out.Credentials.AccessKeyId)
	if _, err := ecs.NewFromConfig(cfg).ListClusters(t.Context(), nil); code(err) != "ExpiredTokenException" {
		t.Errorf("err = %v", err)
	}
}

// TestScheduledActionsAndSchedulesReachECS lets time jump to the evening.
func TestScheduledActionsAndSchedulesReachECS(t *testing.T) {
	s := start(t, localaws.Options{Engine: localaws.Process})
	ctx := t.Context()
	client := ecs.NewFromConfig(s.Config())
	if _, err := client.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("main")}); err != nil {
		t.Fatal(err)
	}
	if err := idleService(ctx, client); err != nil {
		t.Fatal(err)
	}
	scaling := applicationautoscaling.NewFromConfig(s.Config())
	_, err := scaling.RegisterScalableTarget(ctx, &applicationautoscaling.RegisterScalableTargetInput{ServiceNamespace: "ecs",
		ScalableDimension: "ecs:service:DesiredCount", ResourceId: aws.String("service/main/web"), MinCapacity: aws.Int32(0),
		MaxCapacity: aws.Int32(0)})
	if err != nil {
		t.Fatal(err)
	}
	in := s.Clock.Now().Add(time.Hour).Format("2006-01-02T15:04:05")
	_, err = scaling.PutScheduledAction(ctx, &applicationautoscaling.PutScheduledActionInput{ServiceNamespace: "ecs",
		ScalableDimension: "ecs:service:DesiredCount", ResourceId: aws.String("service/main/web"),
		ScheduledActionName: aws.String("morning"), Schedule: aws.String("at(" + in + ")"),
		ScalableTargetAction: &scalingtypes.ScalableTargetAction{MinCapacity: aws.Int32(2), MaxCapacity: aws.Int32(4)}})
	if err != nil {
		t.Fatal(err)
	}
	later := s.Clock.Now().Add(2 * time.Hour).Format("2006-01-02T15:04:05")
	_, err = scheduler.NewFromConfig(s.Config()).CreateSchedule(ctx, &scheduler.CreateScheduleInput{Name: aws.String("night"),
		ScheduleExpression: aws.String("at(" + later + ")"), FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: "OFF"},
		ActionAfterCompletion: "DELETE", Target: &schedulertypes.Target{RoleArn: aws.String("arn:aws:iam::111122223333:role/s"),
			Arn:   aws.String("arn:aws:scheduler:::aws-sdk:ecs:updateService"),
			Input: aws.String(`{"Cluster":"main","Service":"web","DesiredCount":0}`)}})
	if err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(time.Hour)
	desired(t, client, 2)
	s.Clock.Advance(time.Hour)
	desired(t, client, 0)
}

// desired waits until what fired in another goroutine is seen.
func desired(t *testing.T, client *ecs.Client, want int32) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		out, err := client.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("main"), Services: []string{"web"}})
		if err != nil {
			t.Fatal(err)
		}
		if out.Services[0].DesiredCount == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("desired count is %d, want %d", out.Services[0].DesiredCount, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestUniversalTargetsAreSpelledAsForJava: AWS refuses RDS's own spelling when the schedule is made.
func TestUniversalTargetsAreSpelledAsForJava(t *testing.T) {
	s := start(t, localaws.Options{Engine: localaws.Process})
	client := scheduler.NewFromConfig(s.Config())
	for input, want := range map[string]string{`{"DBInstanceIdentifier":"a"}`: "ValidationException", `{"DbInstanceIdentifier":"a"}`: ""} {
		_, err := client.CreateSchedule(t.Context(), &scheduler.CreateScheduleInput{Name: aws.String("stop"),
			ScheduleExpression: aws.String("rate(1 day)"), FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: "OFF"},
			Target: &schedulertypes.Target{Arn: aws.String("arn:aws:scheduler:::aws-sdk:rds:stopDBInstance"),
				RoleArn: aws.String("arn:aws:iam::111122223333:role/s"), Input: &input}})
		if code(err) != want {
			t.Errorf("%s: %v, want %q", input, err, want)
		}
	}
}
