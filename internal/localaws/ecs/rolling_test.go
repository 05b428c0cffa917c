package ecs_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func same(t *testing.T, got, want map[string]int) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("tasks %v, want %v", got, want)
	}
}

func contains(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if ok, err := regexp.MatchString(w, text); err != nil || !ok {
			t.Errorf("no %q in:\n%s", w, text)
		}
	}
}

func TestRollingUpdate(t *testing.T) {
	for name, c := range map[string]struct {
		minimum, maximum int32
		low, high        int
	}{
		"both at once": {100, 200, 2, 4},
		"one by one":   {100, 150, 2, 3},
		"in place":     {50, 100, 1, 2},
		"stop first":   {0, 100, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, []string{"v1", "v2"}, func(w *world) {
				w.create(func(in *awsecs.CreateServiceInput) {
					in.DeploymentConfiguration.MinimumHealthyPercent = aws.Int32(c.minimum)
					in.DeploymentConfiguration.MaximumPercent = aws.Int32(c.maximum)
				})
				same(t, w.images(), map[string]int{"v1": 2})
				w.deploy(2)
				both := false
				w.await(types.ServiceDeploymentStatusSuccessful, func(types.ServiceDeployment) {
					svc := w.service()
					if n := int(svc.RunningCount + svc.PendingCount); n > c.high {
						t.Errorf("%d tasks, at most %d are allowed", n, c.high)
					}
					if int(svc.RunningCount) < c.low {
						t.Errorf("%d tasks run, at least %d must", svc.RunningCount, c.low)
					}
					if len(svc.Deployments) == 2 && svc.Deployments[0].RolloutState == types.DeploymentRolloutStateInProgress {
						both = both || *svc.Deployments[0].Status == "PRIMARY" && *svc.Deployments[1].Status == "ACTIVE"
					}
				})
				if !both {
					t.Error("PRIMARY and ACTIVE never stood side by side")
				}
				time.Sleep(time.Minute)
				same(t, w.images(), map[string]int{"v2": 2})
				svc := w.service()
				if len(svc.Deployments) != 1 || svc.Deployments[0].RolloutState != types.DeploymentRolloutStateCompleted {
					t.Errorf("deployments %+v", svc.Deployments)
				}
				contains(t, w.events(), `\(service web\) has started \d tasks: \(task [0-9a-f]{32}\)`,
					`\(service web\) has stopped 1 running tasks: \(task [0-9a-f]{32}\)\.`,
					`\(service web\) has reached a steady state\.`, `\(service web\) \(deployment ecs-svc/\d{19}\) deployment completed\.`)
			})
		})
	}
}

func TestCircuitBreakerRollsBack(t *testing.T) {
	for tag, want := range map[string]struct {
		code   types.TaskStopCode
		reason string
		exit   *int32
	}{
		"crash":   {types.TaskStopCodeEssentialContainerExited, `^Essential container in task exited$`, aws.Int32(1)},
		"oom":     {types.TaskStopCodeEssentialContainerExited, `^Essential container in task exited$`, aws.Int32(137)},
		"sick":    {types.TaskStopCodeServiceSchedulerInitiated, `^Task failed container health checks$`, aws.Int32(143)},
		"missing": {types.TaskStopCodeTaskFailedToStart, `^CannotPullContainerError: pull image manifest has been retried 1 time\(s\): `, nil},
		"broken":  {types.TaskStopCodeTaskFailedToStart, `^CannotStartContainerError: Error response from daemon: `, nil},
	} {
		t.Run(tag, func(t *testing.T) {
			in(t, []string{"v1", tag}, func(w *world) {
				w.create(nil)
				before := w.service().Deployments[0]
				w.deploy(2)
				d := w.await(types.ServiceDeploymentStatusRollbackSuccessful, func(types.ServiceDeployment) {
					if n := w.images()["v1"]; n < 2 {
						t.Errorf("only %d old tasks run during a failing deployment", n)
					}
				})
				const why = "Service deployment rolled back because the circuit breaker threshold was exceeded."
				if *d.StatusReason != why || *d.Rollback.Reason != why || *d.Rollback.ServiceRevisionArn != *d.SourceServiceRevisions[0].Arn {
					t.Errorf("reason %q, rollback %+v", *d.StatusReason, d.Rollback)
				}
				if b := d.DeploymentCircuitBreaker; b.Status != types.ServiceDeploymentRollbackMonitorsStatusTriggered || b.Threshold != 3 || b.FailureCount < 3 {
					t.Errorf("circuit breaker %+v", b)
				}
				svc := w.service()
				if *svc.Deployments[0].Id != *before.Id || *svc.TaskDefinition != *before.TaskDefinition {
					t.Errorf("primary %s of %s, want %s", *svc.Deployments[0].Id, *svc.TaskDefinition, *before.Id)
				}
				same(t, w.images(), map[string]int{"v1": 2})
				failed := types.Task{}
				for _, task := range w.stopped() {
					if *task.TaskDefinitionArn != *before.TaskDefinition && !strings.HasPrefix(*task.StoppedReason, "Scaling") {
						failed = task
					}
				}
				if failed.StopCode != want.code || aws.ToInt32(failed.Containers[0].ExitCode) != aws.ToInt32(want.exit) {
					t.Errorf("stopped with %s, exit code %v", failed.StopCode, failed.Containers[0].ExitCode)
				}
				contains(t, *failed.StoppedReason, want.reason)
				if tag == "oom" {
					contains(t, *failed.Containers[0].Reason, "^OutOfMemoryError: Container killed due to memory usage$")
				}
				contains(t, w.events(), `deployment failed: tasks failed to start\.`, `rolling back to deployment `+*before.Id)
			})
		})
	}
}

func TestCircuitBreakerWithoutRollback(t *testing.T) {
	in(t, []string{"v1", "crash"}, func(w *world) {
		w.create(func(in *awsecs.CreateServiceInput) {
			in.DeploymentConfiguration.DeploymentCircuitBreaker.Rollback = false
		})
		w.deploy(2)
		d := w.await(types.ServiceDeploymentStatusStopped)
		if d.StoppedAt == nil || d.Rollback != nil {
			t.Errorf("stopped at %v, rollback %v", d.StoppedAt, d.Rollback)
		}
		started := len(w.stopped())
		time.Sleep(10 * time.Minute)
		if n := len(w.stopped()); n > started+2 {
			t.Errorf("a FAILED deployment started %d more tasks", n-started)
		}
		svc := w.service()
		if svc.Deployments[0].RolloutState != types.DeploymentRolloutStateFailed || w.images()["v1"] != 2 {
			t.Errorf("primary %s, tasks %v", svc.Deployments[0].RolloutState, w.images())
		}
	})
}

func TestThreshold(t *testing.T) {
	in(t, []string{"v1", "crash"}, func(w *world) {
		w.create(func(in *awsecs.CreateServiceInput) {
			in.DeploymentConfiguration.DeploymentCircuitBreaker.ThresholdConfiguration = &types.ThresholdConfiguration{
				Type: types.ThresholdTypeCount, Value: 1,
			}
		})
		w.deploy(2)
		d := w.await(types.ServiceDeploymentStatusRollbackSuccessful)
		if b := d.DeploymentCircuitBreaker; b.Threshold != 1 {
			t.Errorf("threshold %d", b.Threshold)
		}
	})
}

func TestFirstDeploymentFails(t *testing.T) {
	in(t, []string{"crash"}, func(w *world) {
		must(w.CreateService(t.Context(), &awsecs.CreateServiceInput{
			Cluster: aws.String("shop"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(2),
			DeploymentConfiguration: &types.DeploymentConfiguration{
				DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
			},
		}))
		d := w.await(types.ServiceDeploymentStatusRollbackFailed)
		if *d.StatusReason != "No rollback candidate was found to run the rollback." {
			t.Errorf("reason %q", *d.StatusReason)
		}
		time.Sleep(time.Minute)
		same(t, w.images(), map[string]int{})
	})
}

func TestWithoutBreakerItTriesForEver(t *testing.T) {
	in(t, []string{"v1", "crash"}, func(w *world) {
		w.create(func(in *awsecs.CreateServiceInput) { in.DeploymentConfiguration.DeploymentCircuitBreaker = nil })
		w.deploy(2)
		time.Sleep(30 * time.Minute)
		d := w.deployment()
		if d.Status != types.ServiceDeploymentStatusInProgress || w.service().Deployments[0].FailedTasks < 10 {
			t.Errorf("status %s after %d failures", d.Status, w.service().Deployments[0].FailedTasks)
		}
		contains(t, w.events(), "unable to consistently start tasks successfully")
	})
}

func TestSuperseded(t *testing.T) {
	in(t, []string{"v1", "crash", "v3"}, func(w *world) {
		w.create(nil)
		w.deploy(2)
		time.Sleep(3 * time.Second)
		first := w.deployment()
		w.deploy(3)
		d := w.await(types.ServiceDeploymentStatusSuccessful)
		if len(d.SourceServiceRevisions) != 2 {
			t.Errorf("sources %+v", d.SourceServiceRevisions)
		}
		old := must(w.DescribeServiceDeployments(t.Context(), &awsecs.DescribeServiceDeploymentsInput{
			ServiceDeploymentArns: []string{*first.ServiceDeploymentArn},
		})).ServiceDeployments[0]
		if old.Status != types.ServiceDeploymentStatusStopped {
			t.Errorf("the superseded deployment is %s", old.Status)
		}
		same(t, w.images(), map[string]int{"v3": 2})
	})
}

func TestStopServiceDeployment(t *testing.T) {
	for stop, want := range map[types.StopServiceDeploymentStopType]types.ServiceDeploymentStatus{
		types.StopServiceDeploymentStopTypeRollback: types.ServiceDeploymentStatusRollbackSuccessful,
		types.StopServiceDeploymentStopTypeAbort:    types.ServiceDeploymentStatusStopped,
		"":                                          types.ServiceDeploymentStatusRollbackSuccessful,
	} {
		t.Run(string(stop), func(t *testing.T) {
			in(t, []string{"v1", "v2"}, func(w *world) {
				w.create(func(in *awsecs.CreateServiceInput) { in.DeploymentConfiguration.DeploymentCircuitBreaker = nil })
				w.deploy(2)
				time.Sleep(2 * time.Second)
				arn := w.deployment().ServiceDeploymentArn
				must(w.StopServiceDeployment(t.Context(), &awsecs.StopServiceDeploymentInput{ServiceDeploymentArn: arn, StopType: stop}))
				w.await(want)
				if want == types.ServiceDeploymentStatusRollbackSuccessful {
					same(t, w.images(), map[string]int{"v1": 2})
				}
				if _, err := w.StopServiceDeployment(t.Context(), &awsecs.StopServiceDeploymentInput{ServiceDeploymentArn: arn}); err == nil ||
					!strings.Contains(err.Error(), "ConflictException") {
					t.Errorf("stopped twice: %v", err)
				}
			})
		})
	}
}

func TestAlarms(t *testing.T) {
	configure := func(in *awsecs.CreateServiceInput) {
		in.DeploymentConfiguration.Alarms = &types.DeploymentAlarms{AlarmNames: []string{"5xx"}, Enable: true, Rollback: true}
		in.DeploymentConfiguration.BakeTimeInMinutes = aws.Int32(10)
	}
	t.Run("rings while it bakes", func(t *testing.T) {
		in(t, []string{"v1", "v2"}, func(w *world) {
			w.create(configure)
			w.deploy(2)
			time.Sleep(5 * time.Minute)
			same(t, w.images(), map[string]int{"v2": 2})
			w.alarms.ring("5xx")
			d := w.await(types.ServiceDeploymentStatusRollbackSuccessful)
			if d.Alarms.Status != types.ServiceDeploymentRollbackMonitorsStatusTriggered || d.Alarms.TriggeredAlarmNames[0] != "5xx" {
				t.Errorf("alarms %+v", d.Alarms)
			}
			same(t, w.images(), map[string]int{"v1": 2})
		})
	})
	t.Run("already rings", func(t *testing.T) {
		in(t, []string{"v1", "v2"}, func(w *world) {
			w.create(configure)
			w.alarms.ring("5xx")
			w.deploy(2)
			d := w.await(types.ServiceDeploymentStatusSuccessful)
			if d.Alarms.Status != types.ServiceDeploymentRollbackMonitorsStatusDisabled {
				t.Errorf("alarms %+v", d.Alarms)
			}
		})
	})
}

func TestScale(t *testing.T) {
	in(t, []string{"v1"}, func(w *world) {
		w.create(nil)
		for _, n := range []int32{5, 1, 0} {
			must(w.UpdateService(t.Context(), &awsecs.UpdateServiceInput{
				Cluster: aws.String("shop"), Service: aws.String("web"), DesiredCount: aws.Int32(n),
			}))
			time.Sleep(2 * time.Minute)
			if got := w.images()["v1"]; got != int(n) {
				t.Errorf("%d tasks run, want %d", got, n)
			}
		}
		list := must(w.ListServiceDeployments(t.Context(), &awsecs.ListServiceDeploymentsInput{Cluster: aws.String("shop"), Service: aws.String("web")}))
		if len(list.ServiceDeployments) != 1 {
			t.Errorf("a new desired count started %d deployments", len(list.ServiceDeployments)-1)
		}
	})
}

func TestDeleteService(t *testing.T) {
	in(t, []string{"v1"}, func(w *world) {
		w.create(nil)
		input := &awsecs.DeleteServiceInput{Cluster: aws.String("shop"), Service: aws.String("web")}
		if _, err := w.DeleteService(t.Context(), input); err == nil || !strings.Contains(err.Error(), "InvalidParameterException") {
			t.Errorf("deleted with tasks: %v", err)
		}
		deployment := w.service().CurrentServiceDeployment
		input.Force = aws.Bool(true)
		if out := must(w.DeleteService(t.Context(), input)); *out.Service.Status != "DRAINING" {
			t.Errorf("status %s", *out.Service.Status)
		}
		gone := must(w.DescribeServiceDeployments(t.Context(), &awsecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{*deployment}}))
		if len(gone.ServiceDeployments) != 0 || *gone.Failures[0].Reason != "MISSING" {
			t.Errorf("its deployment outlived the service: %+v", gone)
		}
		time.Sleep(time.Minute)
		if svc := w.service(); *svc.Status != "INACTIVE" || svc.RunningCount != 0 {
			t.Errorf("status %s, %d tasks run", *svc.Status, svc.RunningCount)
		}
		w.create(nil)
	})
}
