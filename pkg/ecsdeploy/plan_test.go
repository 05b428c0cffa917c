package ecsdeploy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	aastypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

// file returns a request for a task definition file with further members.
func file(container, task string) Request {
	req := request("web")
	req.Overrides = taskdef.Overrides{}
	req.Source = Source{File: "task.json", Data: []byte(`{"family":"web","containerDefinitions":[{"name":"web","image":"registry.example/web:2"` +
		container + `}]` + task + `}`)}
	return req
}

// Every problem is found before anything is registered.
func TestPreflight(t *testing.T) {
	for _, tt := range []struct {
		name    string
		req     Request
		setup   func(*fakeAWS)
		problem string
		warning string
	}{
		{name: "cluster", req: with(request("web"), func(r *Request) { r.Cluster = "nowhere" }), problem: `cluster "nowhere" does not exist`},
		{name: "cluster in another region", req: with(request("web"), func(r *Request) {
			r.Cluster = "arn:aws:ecs:us-east-1:123456789012:cluster/shop"
		}), problem: "shop is in region us-east-1, the credentials are for eu-west-1"},
		{name: "service", req: request("nothing"), problem: `service "nothing" of cluster "shop": there is none of that name`},
		{name: "draining service", req: request("web"), setup: func(f *fakeAWS) { f.services[0].Status = aws.String("DRAINING") }, problem: `service "web" is DRAINING`},
		{name: "daemon", req: request("web"), setup: func(f *fakeAWS) { f.services[0].SchedulingStrategy = types.SchedulingStrategyDaemon }, problem: "scheduling strategy DAEMON"},
		{name: "external controller", req: request("web"), setup: func(f *fakeAWS) {
			f.services[0].DeploymentController = &types.DeploymentController{Type: types.DeploymentControllerTypeExternal}
		}, problem: "deployment controller EXTERNAL"},
		{name: "malformed file", req: with(file("", ""), func(r *Request) { r.Source.Data = []byte("{\n \"family\": }") }), problem: "task.json:2:12: not valid JSON"},
		{name: "unknown container", req: with(request("web"), func(r *Request) { r.Overrides.Images[0].Name = "wbe" }), problem: `no container "wbe"`},
		{name: "image that does not exist", req: with(request("web"), func(r *Request) { r.Overrides.Images[0].Value = "registry.example/web:9" }),
			problem: "image registry.example/web:9 does not exist"},
		{name: "architecture", req: request("web"), setup: func(f *fakeAWS) {
			f.refuse["Resolve"] = &PlatformError{Image: "registry.example/web:2", Want: "linux/amd64", Have: []string{"linux/arm64"}}
		}, problem: "is for linux/arm64, the task runs on linux/amd64"},
		{name: "inactive revision", req: with(request("web"), func(r *Request) { r.Source.Registered = "web:1" }),
			setup: func(f *fakeAWS) { f.inactive[arnPrefix+"task-definition/web:1"] = true }, problem: "web:1 is INACTIVE"},
		{name: "missing parameter", req: file(`,"secrets":[{"name":"DB","valueFrom":"arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db"}]`, ""),
			setup: func(f *fakeAWS) { f.noSecrets = []string{"/shop/db"} }, problem: "variable DB refers to SSM parameter /shop/db"},
		{name: "missing secret", req: file(`,"secrets":[{"name":"DB","valueFrom":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbC:password::"}]`, ""),
			setup: func(f *fakeAWS) {
				f.noSecrets = []string{"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbC"}
			},
			problem: "variable DB refers to secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbC"},
		{name: "parameters that may not be read", req: file(`,"secrets":[{"name":"DB","valueFrom":"/shop/db"}]`, ""), setup: func(f *fakeAWS) {
			f.refuse["GetParameters"] = apiError("AccessDeniedException", "User: x is not authorized to perform: ssm:GetParameters on resource: arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db because")
		}, warning: "lacks ssm:GetParameters on arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db"},
		{name: "missing log group", req: file(`,"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"/nothing"}}`, ""), problem: `log group "/nothing" does not exist`},
		{name: "missing role", req: file("", `,"executionRoleArn":"arn:aws:iam::123456789012:role/exec"`), problem: "role arn:aws:iam::123456789012:role/exec does not exist"},
		{name: "role that may not be passed", req: file("", `,"taskRoleArn":"arn:aws:iam::123456789012:role/task"`),
			setup: func(f *fakeAWS) { f.roles["task"] = false }, problem: "may not pass role arn:aws:iam::123456789012:role/task"},
		{name: "no capacity", req: request("web"), setup: func(f *fakeAWS) { f.services[0].DesiredCount = 0 }, problem: "desired count 0"},
		{name: "alarm that fires", req: request("web"), setup: func(f *fakeAWS) {
			f.services[0].DeploymentConfiguration = &types.DeploymentConfiguration{Alarms: &types.DeploymentAlarms{Enable: true, AlarmNames: []string{"errors"}}}
			f.alarms = []cwtypes.MetricAlarm{{AlarmName: aws.String("errors"), StateValue: cwtypes.StateValueAlarm}}
		}, warning: `alarm "errors" is in ALARM already`},
		{name: "canary without a load balancer", req: with(request("web"), func(r *Request) { r.Rollout.Strategy = types.DeploymentStrategyCanary }),
			problem: "no load balancer and no Service Connect"},
		{name: "unknown members", req: file(`,"newThing":1`, ""), warning: "containerDefinitions[0].newThing is unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			if tt.setup != nil {
				tt.setup(f)
			}
			p, err := NewPlan(t.Context(), f.clients(), tt.req)
			if f.count("RegisterTaskDefinition")+f.count("UpdateService")+f.count("RunTask") != 0 {
				t.Errorf("a plan must only read: %v", f.calls)
			}
			if tt.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tt.problem) || !strings.Contains(err.Error(), "Try: ") {
					t.Errorf("got %v, want %q", err, tt.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(p.Warnings.Error(), tt.warning) {
				t.Errorf("warnings %v, want %q", p.Warnings, tt.warning)
			}
		})
	}
}

func with(req Request, change func(*Request)) Request {
	change(&req)
	return req
}

func TestAllProblemsAtOnce(t *testing.T) {
	f := newFake(t)
	f.services[0].DesiredCount = 0
	f.noSecrets = []string{"/shop/db"}
	_, err := NewPlan(t.Context(), f.clients(), file(`,"secrets":[{"name":"DB","valueFrom":"/shop/db"}],
		"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"/nothing"}}`, `,"executionRoleArn":"arn:aws:iam::123456789012:role/exec"`))
	var list diag.List
	if !errors.As(err, &list) || len(list) != 4 {
		t.Errorf("got %v, want four problems", err)
	}
}

func TestRollbackInFlightIsRefused(t *testing.T) {
	f := newFake(t)
	f.course["web"] = ends(types.ServiceDeploymentStatusRollbackInProgress, 0, "")
	synctest.Test(t, func(t *testing.T) {
		req := request("web")
		req.Wait.Until = UntilStarted
		p, err := NewPlan(t.Context(), f.clients(), req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Apply(t.Context(), f.clients(), p, Hooks{}); err != nil {
			t.Fatal(err)
		}
		_, err = NewPlan(t.Context(), f.clients(), req)
		if err == nil || !strings.Contains(err.Error(), `service "web" is rolling back (d1)`) {
			t.Errorf("got %v", err)
		}
	})
}

func TestCredentialsThatEndTooSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		c := f.clients()
		c.CredentialsEnd = time.Now().Add(20 * time.Minute)
		p, err := NewPlan(t.Context(), c, request("web"))
		if err != nil || !strings.Contains(p.Warnings.Error(), "the credentials end at 00:20 UTC, the wait may last until 00:30 UTC") {
			t.Errorf("got %v, %v", p.Warnings, err)
		}
	})
}

func TestPlanNamesChangesAndCommits(t *testing.T) {
	f := newFake(t)
	req := request("web")
	req.Overrides.Environment = []taskdef.Pair{{Name: "PASSWORD", Value: "hunter2"}}
	req.Rollout.DesiredCount = aws.Int32(3)
	p, err := NewPlan(t.Context(), f.clients(), req)
	if err != nil {
		t.Fatal(err)
	}
	s := p.Services[0]
	want := []string{
		"container web: image changed from registry.example/web@" + digestA + " to registry.example/web@" + digestB,
		"container web: environment PASSWORD added",
	}
	var got []string
	for _, c := range s.Changes {
		got = append(got, c.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]CommitChange{{Container: "web", Old: "c0ffee1", New: "c0ffee2"}}, s.Commits); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"desired count from 2 to 3"}, s.Settings); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(fmt.Sprintf("%+v", p.Services), "hunter2") {
		t.Error("the plan for people holds a value")
	}
}

func TestStrategies(t *testing.T) {
	shifting := []types.LoadBalancer{{TargetGroupArn: aws.String("arn:tg"), AdvancedConfiguration: &types.AdvancedConfiguration{}}}
	lambda := types.DeploymentLifecycleHook{TargetType: types.DeploymentLifecycleHookTargetTypeAwsLambda, HookTargetArn: aws.String("arn:fn")}
	pause := types.DeploymentLifecycleHook{
		TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostScaleUp},
	}
	own := &types.DeploymentConfiguration{
		MinimumHealthyPercent: aws.Int32(50), MaximumPercent: aws.Int32(150), LifecycleHooks: []types.DeploymentLifecycleHook{lambda, pause},
		Strategy: types.DeploymentStrategyCanary, CanaryConfiguration: &types.CanaryConfiguration{CanaryPercent: aws.Float64(5)},
	}
	for _, tt := range []struct {
		name    string
		rollout Rollout
		want    *types.DeploymentConfiguration
		bake    time.Duration
	}{
		{"nothing asked, nothing sent", Rollout{}, nil, 0},
		{"linear keeps limits and hooks", Rollout{
			Strategy: types.DeploymentStrategyLinear, StepPercent: aws.Float64(25), StepBakeMinutes: aws.Int32(2), Bake: aws.Int32(4),
		}, &types.DeploymentConfiguration{
			MinimumHealthyPercent: aws.Int32(50), MaximumPercent: aws.Int32(150), LifecycleHooks: []types.DeploymentLifecycleHook{lambda, pause},
			Strategy: types.DeploymentStrategyLinear, BakeTimeInMinutes: aws.Int32(4),
			LinearConfiguration: &types.LinearConfiguration{StepPercent: aws.Float64(25), StepBakeTimeInMinutes: aws.Int32(2)},
		}, 10 * time.Minute},
		{"canary merges with the service's own", Rollout{CanaryBakeMinutes: aws.Int32(7), NoPause: true}, &types.DeploymentConfiguration{
			MinimumHealthyPercent: aws.Int32(50), MaximumPercent: aws.Int32(150), LifecycleHooks: []types.DeploymentLifecycleHook{lambda},
			Strategy:            types.DeploymentStrategyCanary,
			CanaryConfiguration: &types.CanaryConfiguration{CanaryPercent: aws.Float64(5), CanaryBakeTimeInMinutes: aws.Int32(7)},
		}, 7 * time.Minute},
		{"pause-at replaces pauses", Rollout{PauseAt: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostTestTrafficShift}},
			&types.DeploymentConfiguration{
				MinimumHealthyPercent: aws.Int32(50), MaximumPercent: aws.Int32(150),
				LifecycleHooks: []types.DeploymentLifecycleHook{lambda, {
					TargetType:      types.DeploymentLifecycleHookTargetTypePause,
					LifecycleStages: []types.DeploymentLifecycleHookStage{types.DeploymentLifecycleHookStagePostTestTrafficShift},
				}},
				Strategy: types.DeploymentStrategyCanary, CanaryConfiguration: &types.CanaryConfiguration{CanaryPercent: aws.Float64(5)},
			}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.services[0].LoadBalancers, f.services[0].DeploymentConfiguration = shifting, own
			req := request("web")
			req.Rollout, req.Wait.Until = tt.rollout, UntilStarted
			p, err := NewPlan(t.Context(), f.clients(), req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Apply(t.Context(), f.clients(), p, Hooks{}); err != nil {
				t.Fatal(err)
			}
			got := f.updates[0].DeploymentConfiguration
			if diff := cmp.Diff(tt.want, got, cmpIgnoreSerde); diff != "" {
				t.Error(diff)
			}
			if got := bakeTime(got); got != tt.bake {
				t.Errorf("bake time %s, want %s", got, tt.bake)
			}
		})
	}
}

var cmpIgnoreSerde = cmp.FilterPath(func(p cmp.Path) bool {
	return strings.HasSuffix(p.String(), "noSmithyDocumentSerde")
}, cmp.Ignore())

func TestScaling(t *testing.T) {
	f := newFake(t)
	req := request("web")
	req.Overrides = taskdef.Overrides{}
	req.Scaling = &Scaling{CPU: aws.Float64(60)}
	if _, err := NewPlan(t.Context(), f.clients(), req); err == nil || !strings.Contains(err.Error(), "min-capacity and max-capacity are needed") {
		t.Errorf("got %v", err)
	}
	req.Scaling.Min, req.Scaling.Max = aws.Int32(2), aws.Int32(10)
	deploy(t, f, req, func(t *testing.T, r *Result, err error) {
		if err != nil || !r.Changed || r.Services[0].Outcome != Unchanged {
			t.Errorf("got %+v, %v", r, err)
		}
	})
	if f.count("UpdateService") != 0 || len(f.policies) != 1 || *f.targets[0].MaxCapacity != 10 {
		t.Errorf("policies %+v, targets %+v, calls %v", f.policies, f.targets, f.calls)
	}
	if got := f.policies[0].TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification.PredefinedMetricType; got != aastypes.MetricTypeECSServiceAverageCPUUtilization {
		t.Errorf("metric %s", got)
	}
	p, err := NewPlan(t.Context(), f.clients(), req)
	if err != nil || p.Changed() {
		t.Errorf("a second run must find nothing to do: %v, %v", p.Services[0].Scaling, err)
	}
}

func TestOneOffTask(t *testing.T) {
	done := types.Task{
		TaskArn: aws.String(arnPrefix + "task/shop/m1"), LastStatus: aws.String("STOPPED"), StopCode: types.TaskStopCodeEssentialContainerExited,
		StoppedReason: aws.String("Essential container in task exited"), Containers: []types.Container{{Name: aws.String("web"), ExitCode: aws.Int32(0)}},
	}
	failed := done
	failed.Containers = []types.Container{{Name: aws.String("web"), ExitCode: aws.Int32(3)}}
	for _, tt := range []struct {
		name    string
		task    types.Task
		failure string
		alone   bool
	}{
		{"its success lets nothing go on if only it is wanted", done, "", true},
		{"its success lets the rollout go on", done, "", false},
		{"its exit code ends the step before the service changes", failed, "container web exits with code 3", false},
		{"no capacity", types.Task{}, "ECS could not place it: RESOURCE:MEMORY", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.runTask = tt.task
			f.services[0].NetworkConfiguration = &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}}
			f.services[0].LaunchType = types.LaunchTypeEc2
			req := request("web")
			req.RunTask, req.RegisterOnly = &RunTask{Wait: true, StartedBy: "GitHub-Actions", Token: "m"}, tt.alone
			f.logs["ecs/web/m1"] = []string{"1", "2", "3", "4", "5", "no such table"}
			deploy(t, f, req, func(t *testing.T, r *Result, err error) {
				if failure := r.RunFailure; failure != nil && (len(failure.Log) != 5 || failure.Log[4] != "no such table" || failure.LogStream != "/web ecs/web/m1") {
					t.Errorf("the end of the log is not told: %+v", failure)
				}
				if tt.failure == "" && err != nil || tt.failure != "" && (err == nil || !strings.Contains(err.Error(), tt.failure)) {
					t.Errorf("got %v, want %q", err, tt.failure)
				}
			})
			if updated := f.count("UpdateService") > 0; updated != (tt.failure == "" && !tt.alone) {
				t.Errorf("service updated: %t", updated)
			}
			in := f.ran[0]
			if in.LaunchType != types.LaunchTypeEc2 || in.NetworkConfiguration.AwsvpcConfiguration.Subnets[0] != "subnet-1" || shortARN(*in.TaskDefinition) != "web:2" || *in.ClientToken != "m" {
				t.Errorf("ran %+v", in)
			}
		})
	}
}

func TestOneOffTaskLogIsStreamedOnce(t *testing.T) {
	f := newFake(t)
	f.runTask = types.Task{
		TaskArn: aws.String(arnPrefix + "task/shop/m1"), LastStatus: aws.String("STOPPED"),
		Containers: []types.Container{{Name: aws.String("web"), ExitCode: aws.Int32(0)}},
	}
	f.logs["ecs/web/m1"] = []string{"migrating", "done"}
	synctest.Test(t, func(t *testing.T) {
		req := request()
		req.Source.Registered, req.RegisterOnly, req.RunTask = "web:1", true, &RunTask{Wait: true}
		req.Overrides = taskdef.Overrides{}
		p, err := NewPlan(t.Context(), f.clients(), req)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		_, err = Apply(t.Context(), f.clients(), p, Hooks{Progress: recorder(&lines, "run-task web")})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"migrating", "done"}, lines); diff != "" {
			t.Error(diff)
		}
	})
}
