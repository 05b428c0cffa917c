package ecs_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/org/shipkit/internal/localaws/ecs"
)

// once runs one task of a revision and returns it when it has stopped.
func (w *world) once(change func(*awsecs.RunTaskInput)) types.Task {
	w.t.Helper()
	input := &awsecs.RunTaskInput{Cluster: aws.String("shop"), TaskDefinition: aws.String("web"), StartedBy: aws.String("test")}
	if change != nil {
		change(input)
	}
	task := must(w.RunTask(w.t.Context(), input)).Tasks[0]
	if *task.LastStatus != "PROVISIONING" || task.Containers[0].ExitCode != nil {
		w.t.Errorf("a fresh task is %s", *task.LastStatus)
	}
	for range 600 {
		task = must(w.DescribeTasks(w.t.Context(), &awsecs.DescribeTasksInput{
			Cluster: aws.String("shop"), Tasks: []string{*task.TaskArn},
		})).Tasks[0]
		if *task.LastStatus == "STOPPED" {
			return task
		}
		time.Sleep(time.Second)
	}
	w.t.Fatalf("after ten minutes the task is %s", *task.LastStatus)
	return task
}

func TestRunTask(t *testing.T) {
	for tag, want := range map[string]struct {
		code            types.TaskStopCode
		exit            int32 // -1: none
		reason, because string
	}{
		"done":    {types.TaskStopCodeEssentialContainerExited, 0, "Essential container in task exited", ""},
		"crash":   {types.TaskStopCodeEssentialContainerExited, 1, "Essential container in task exited", ""},
		"oom":     {types.TaskStopCodeEssentialContainerExited, 137, "Essential container in task exited", "OutOfMemoryError"},
		"missing": {types.TaskStopCodeTaskFailedToStart, -1, "CannotPullContainerError", "CannotPullContainerError"},
		"broken":  {types.TaskStopCodeTaskFailedToStart, -1, "CannotStartContainerError", "CannotStartContainerError"},
	} {
		t.Run(tag, func(t *testing.T) {
			in(t, []string{tag}, func(w *world) {
				task := w.once(nil)
				c := task.Containers[0]
				if task.StopCode != want.code || !strings.HasPrefix(*task.StoppedReason, want.reason) {
					t.Errorf("%s: %s", task.StopCode, *task.StoppedReason)
				}
				if (want.exit < 0) != (c.ExitCode == nil) || c.ExitCode != nil && *c.ExitCode != want.exit {
					t.Errorf("exit code %v, want %d", c.ExitCode, want.exit)
				}
				if !strings.HasPrefix(aws.ToString(c.Reason), want.because) {
					t.Errorf("container: %s", aws.ToString(c.Reason))
				}
				if *task.StartedBy != "test" || *task.Group != "family:web" || task.StoppedAt == nil || *task.DesiredStatus != "STOPPED" {
					t.Errorf("task %+v", task)
				}
			})
		})
	}
}

func TestStoppedTasksAreKept(t *testing.T) {
	in(t, []string{"done"}, func(w *world) {
		task := w.once(nil)
		time.Sleep(59 * time.Minute)
		if len(w.stopped()) != 1 {
			t.Error("after 59 minutes the task is gone")
		}
		time.Sleep(2 * time.Minute)
		out := must(w.DescribeTasks(w.t.Context(), &awsecs.DescribeTasksInput{Cluster: aws.String("shop"), Tasks: []string{*task.TaskArn}}))
		if len(out.Tasks) != 0 || *out.Failures[0].Reason != "MISSING" || *out.Failures[0].Arn != *task.TaskArn {
			t.Errorf("after an hour: %+v", out)
		}
	})
}

func TestOverrides(t *testing.T) {
	in(t, nil, func(w *world) {
		w.register("done", func(d *types.ContainerDefinition) {
			d.Environment = []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String("1")}, {Name: aws.String("B"), Value: aws.String("2")}}
			d.Secrets = []types.Secret{
				{Name: aws.String("KEY"), ValueFrom: aws.String("/shop/key")},
				{Name: aws.String("DB"), ValueFrom: aws.String("arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf")},
			}
		})
		w.once(func(in *awsecs.RunTaskInput) {
			in.Overrides = &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{
				Name: aws.String("web"), Environment: []types.KeyValuePair{{Name: aws.String("B"), Value: aws.String("3")}},
			}}}
		})
		w.engine.mu.Lock()
		defer w.engine.mu.Unlock()
		if got := w.engine.env["done"]; !slices.Equal(got, []string{"A=1", "B=3", "DB=from-sm", "KEY=from-ssm"}) {
			t.Errorf("environment %v", got)
		}
	})
}

func TestInitializationErrors(t *testing.T) {
	secret := func(ref string) func(*types.ContainerDefinition) {
		return func(d *types.ContainerDefinition) {
			d.Secrets = []types.Secret{{Name: aws.String("X"), ValueFrom: aws.String(ref)}}
		}
	}
	for name, c := range map[string]struct {
		change func(*types.ContainerDefinition)
		want   string
	}{
		"parameter": {secret("/none"), "unable to pull secrets or registry auth: .* unable to retrieve secrets from ssm: .*invalid ssm parameters: /none$"},
		"secret": {secret("arn:aws:secretsmanager:eu-west-1:111122223333:secret:none-AbCdEf"),
			".*unable to retrieve secret from asm: .*ResourceNotFoundException"},
		"log group": {func(d *types.ContainerDefinition) {
			d.LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": "/none"}}
		}, "failed to validate logger args: .*The specified log group does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, nil, func(w *world) {
				w.register("done", c.change)
				task := w.once(nil)
				contains(t, *task.StoppedReason, "^ResourceInitializationError: "+c.want)
				if task.StopCode != types.TaskStopCodeTaskFailedToStart {
					t.Errorf("stop code %s", task.StopCode)
				}
			})
		})
	}
}

func TestLogs(t *testing.T) {
	in(t, nil, func(w *world) {
		w.register("done", func(d *types.ContainerDefinition) {
			d.LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": "/shop", "awslogs-stream-prefix": "jobs",
			}}
		})
		task := w.once(nil)
		id := (*task.TaskArn)[strings.LastIndex(*task.TaskArn, "/")+1:]
		if got := w.logs.lines["jobs/web/"+id]; !slices.Equal(got, []string{"hello from done"}) {
			t.Errorf("log %v", w.logs.lines)
		}
	})
}

func TestStopTask(t *testing.T) {
	in(t, []string{"v1"}, func(w *world) {
		task := must(w.RunTask(w.t.Context(), &awsecs.RunTaskInput{Cluster: aws.String("shop"), TaskDefinition: aws.String("web")})).Tasks[0]
		time.Sleep(10 * time.Second)
		must(w.StopTask(w.t.Context(), &awsecs.StopTaskInput{Cluster: aws.String("shop"), Task: task.TaskArn, Reason: aws.String("enough")}))
		time.Sleep(10 * time.Second)
		got := w.stopped()[0]
		if got.StopCode != types.TaskStopCodeUserInitiated || *got.StoppedReason != "enough" || *got.Containers[0].ExitCode != 143 {
			t.Errorf("%s %s %d", got.StopCode, *got.StoppedReason, *got.Containers[0].ExitCode)
		}
	})
}

// A client's token starts a task once, and is not for another request.
func TestClientToken(t *testing.T) {
	in(t, []string{"v1"}, func(w *world) {
		run := func(token string, overrides *types.TaskOverride) (*awsecs.RunTaskOutput, error) {
			return w.RunTask(w.t.Context(), &awsecs.RunTaskInput{
				Cluster: aws.String("shop"), TaskDefinition: aws.String("web"), ClientToken: aws.String(token), Overrides: overrides,
			})
		}
		first, again, other := must(run("a", nil)).Tasks, must(run("a", nil)).Tasks, must(run("b", nil)).Tasks
		if len(again) != 1 || *again[0].TaskArn != *first[0].TaskArn || *other[0].TaskArn == *first[0].TaskArn {
			t.Errorf("tasks %v, %v, %v", first, again, other)
		}
		_, err := run("a", &types.TaskOverride{Cpu: aws.String("256")})
		var conflict *types.ConflictException
		if !errors.As(err, &conflict) || !slices.Equal(conflict.ResourceIds, []string{*first[0].TaskArn}) {
			t.Errorf("another request: %v", err)
		}
	})
}

// TestDependencies starts a sidecar that must be healthy first, after a migration that must succeed.
func TestDependencies(t *testing.T) {
	for migration, want := range map[string]types.TaskStopCode{
		"done":  types.TaskStopCodeUserInitiated,
		"crash": types.TaskStopCodeTaskFailedToStart,
	} {
		t.Run(migration, func(t *testing.T) {
			in(t, nil, func(w *world) {
				needs := func(name string, c types.ContainerCondition) []types.ContainerDependency {
					return []types.ContainerDependency{{ContainerName: aws.String(name), Condition: c}}
				}
				must(w.RegisterTaskDefinition(w.t.Context(), &awsecs.RegisterTaskDefinitionInput{
					Family: aws.String("web"), Memory: aws.String("512"), ContainerDefinitions: []types.ContainerDefinition{
						{Name: aws.String("app"), Image: aws.String("app:v1"), DependsOn: append(
							needs("proxy", types.ContainerConditionHealthy), needs("migrate", types.ContainerConditionSuccess)...)},
						{Name: aws.String("proxy"), Image: aws.String("proxy:v1"), HealthCheck: &types.HealthCheck{Command: []string{"CMD", "ok"}}},
						{Name: aws.String("migrate"), Image: aws.String("app:" + migration), Essential: aws.Bool(false)},
					},
				}))
				task := must(w.RunTask(w.t.Context(), &awsecs.RunTaskInput{Cluster: aws.String("shop"), TaskDefinition: aws.String("web")})).Tasks[0]
				time.Sleep(time.Minute)
				_, err := w.StopTask(w.t.Context(), &awsecs.StopTaskInput{Cluster: aws.String("shop"), Task: task.TaskArn})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				if got := w.stopped()[0]; got.StopCode != want {
					t.Errorf("%s: %s", got.StopCode, *got.StoppedReason)
				}
			})
		})
	}
}

func TestFaults(t *testing.T) {
	in(t, []string{"v1", "v2"}, func(w *world) {
		w.AddFault(ecs.Fault{Kind: ecs.FaultCapacity, Match: "web", Times: 1})
		out := must(w.RunTask(w.t.Context(), &awsecs.RunTaskInput{Cluster: aws.String("shop"), TaskDefinition: aws.String("web:1")}))
		if len(out.Tasks) != 0 || !strings.HasPrefix(*out.Failures[0].Reason, "Capacity is unavailable at this time") {
			t.Errorf("without capacity: %+v", out)
		}
		w.create(nil)
		for _, kind := range []ecs.FaultKind{ecs.FaultExit, ecs.FaultUnhealthy, ecs.FaultCapacity} {
			w.AddFault(ecs.Fault{Kind: kind, Match: "we*", Revision: 2})
			w.deploy(2)
			w.await(types.ServiceDeploymentStatusRollbackSuccessful)
			w.ClearFaults()
		}
		w.deploy(2)
		w.await(types.ServiceDeploymentStatusSuccessful)
		contains(t, w.events(), `was unable to place a task\. Reason: Capacity is unavailable`)
	})
}

// TestSickBehindLoadBalancer has a load balancer turn against tasks after their deployment: they are replaced.
func TestSickBehindLoadBalancer(t *testing.T) {
	in(t, []string{"v1"}, func(w *world) {
		w.create(behind)
		w.balancer.mu.Lock()
		w.balancer.sick = true
		w.balancer.mu.Unlock()
		time.Sleep(30 * time.Second)
		w.balancer.mu.Lock()
		w.balancer.sick = false
		w.balancer.mu.Unlock()
		time.Sleep(2 * time.Minute)
		contains(t, *w.stopped()[0].StoppedReason, `^Task failed ELB health checks in \(target-group blue\)$`)
		contains(t, w.events(), `\(service web\) \(task [0-9a-f]+\) \(port 8080\) is unhealthy in \(target-group blue\) due to \(reason Health checks failed\)`)
		same(t, w.images(), map[string]int{"v1": 2})
	})
}

func TestErrors(t *testing.T) {
	shop := aws.String("shop")
	for name, c := range map[string]struct {
		call func(w *world) error
		want string
	}{
		"unknown cluster": {func(w *world) error {
			_, err := w.DescribeServices(w.t.Context(), &awsecs.DescribeServicesInput{Cluster: aws.String("none"), Services: []string{"x"}})
			return err
		}, "ClusterNotFoundException"},
		"unknown service": {func(w *world) error {
			_, err := w.UpdateService(w.t.Context(), &awsecs.UpdateServiceInput{Cluster: shop, Service: aws.String("none")})
			return err
		}, "ServiceNotFoundException"},
		"unknown task definition": {func(w *world) error {
			_, err := w.DescribeTaskDefinition(w.t.Context(), &awsecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("none")})
			return err
		}, "ClientException"},
		"task of an unknown definition": {func(w *world) error {
			_, err := w.RunTask(w.t.Context(), &awsecs.RunTaskInput{Cluster: shop, TaskDefinition: aws.String("web:9")})
			return err
		}, "ClientException"},
		"inactive task definition": {func(w *world) error {
			must(w.DeregisterTaskDefinition(w.t.Context(), &awsecs.DeregisterTaskDefinitionInput{TaskDefinition: aws.String("web:1")}))
			_, err := w.RunTask(w.t.Context(), &awsecs.RunTaskInput{Cluster: shop, TaskDefinition: aws.String("web:1")})
			return err
		}, "ClientException"},
		"override of an unknown container": {func(w *world) error {
			_, err := w.RunTask(w.t.Context(), &awsecs.RunTaskInput{Cluster: shop, TaskDefinition: aws.String("web"), Overrides: &types.TaskOverride{
				ContainerOverrides: []types.ContainerOverride{{Name: aws.String("none")}}}})
			return err
		}, "InvalidParameterException"},
		"a definition without containers": {func(w *world) error {
			_, err := w.RegisterTaskDefinition(w.t.Context(), &awsecs.RegisterTaskDefinitionInput{Family: aws.String("x")})
			return err
		}, "ClientException"},
		"unknown service deployment": {func(w *world) error {
			_, err := w.StopServiceDeployment(w.t.Context(), &awsecs.StopServiceDeploymentInput{
				ServiceDeploymentArn: aws.String("arn:aws:ecs:eu-west-1:111122223333:service-deployment/shop/web/none")})
			return err
		}, "ServiceDeploymentNotFoundException"},
		"a canary without load balancer": {func(w *world) error {
			_, err := w.CreateService(w.t.Context(), &awsecs.CreateServiceInput{Cluster: shop, ServiceName: aws.String("x"), TaskDefinition: aws.String("web"),
				DeploymentConfiguration: &types.DeploymentConfiguration{Strategy: types.DeploymentStrategyCanary}})
			return err
		}, "InvalidParameterException"},
		"bounds that block": {func(w *world) error {
			_, err := w.CreateService(w.t.Context(), &awsecs.CreateServiceInput{Cluster: shop, ServiceName: aws.String("x"), TaskDefinition: aws.String("web"),
				DeploymentConfiguration: &types.DeploymentConfiguration{MaximumPercent: aws.Int32(100)}})
			return err
		}, "InvalidParameterException"},
		"unknown target group": {func(w *world) error {
			_, err := w.CreateService(w.t.Context(), &awsecs.CreateServiceInput{Cluster: shop, ServiceName: aws.String("x"), TaskDefinition: aws.String("web"),
				LoadBalancers: []types.LoadBalancer{{TargetGroupArn: aws.String("none"), ContainerName: aws.String("web"), ContainerPort: aws.Int32(8080)}}})
			return err
		}, "InvalidParameterException"},
		"a cluster in use": {func(w *world) error {
			w.create(nil)
			_, err := w.DeleteCluster(w.t.Context(), &awsecs.DeleteClusterInput{Cluster: shop})
			return err
		}, "ClusterContainsServicesException"},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, []string{"v1"}, func(w *world) {
				var api smithy.APIError
				if err := c.call(w); !errors.As(err, &api) || api.ErrorCode() != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			})
		})
	}
}

// TestFaultBehindLoadBalancer has the load balancer's check fail, of a task without a check of its own.
func TestFaultBehindLoadBalancer(t *testing.T) {
	in(t, []string{"v1"}, func(w *world) {
		w.register("v2", func(d *types.ContainerDefinition) { d.HealthCheck = nil })
		w.create(behind)
		w.AddFault(ecs.Fault{Kind: ecs.FaultUnhealthy, Revision: 2})
		w.deploy(2)
		w.await(types.ServiceDeploymentStatusRollbackSuccessful)
		contains(t, w.events(), `is unhealthy in \(target-group blue\) due to \(reason Health checks failed\)`)
	})
}
