package ecsdeploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
	"github.com/org/shipkit/pkg/progress"
)

// request deploys a new image to web.
func request(services ...string) Request {
	return Request{
		Cluster: "shop", Services: services, PinImages: true,
		Overrides: taskdef.Overrides{Images: []taskdef.Pair{{Name: "web", Value: "registry.example/web:2"}}},
		Wait:      Wait{Until: UntilCompleted, Timeout: 30 * time.Minute, FailFastAfter: 3, LogLines: 5, Rollback: true},
	}
}

// deploy plans and applies, in a bubble of its own time.
func deploy(t *testing.T, f *fakeAWS, req Request, check func(t *testing.T, r *Result, err error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := f.clients()
		p, err := NewPlan(t.Context(), c, req)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Apply(t.Context(), c, p, Hooks{})
		check(t, r, err)
	})
}

// running lets tasks run after a while and ends as told.
func ends(status types.ServiceDeploymentStatus, after time.Duration, reason string) course {
	return func(elapsed time.Duration, d *types.ServiceDeployment) {
		if elapsed >= after {
			d.Status, d.StatusReason = status, aws.String(reason)
			d.TargetServiceRevision.RunningTaskCount = 2
		}
	}
}

func TestVerdicts(t *testing.T) {
	const second = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2"
	for _, tt := range []struct {
		name       string
		course     course
		wait       func(*Wait)
		outcome    Outcome
		headline   string
		rolledBack bool
		calls      map[string]int
	}{
		{
			name: "succeeded", course: ends(types.ServiceDeploymentStatusSuccessful, time.Minute, ""),
			outcome: Succeeded, headline: "web:2 serves",
			calls: map[string]int{"UpdateService": 1, "StopServiceDeployment": 0},
		},
		{
			name: "rolled back by the circuit breaker", course: breaker(3),
			outcome: RolledBack, headline: "web:1 serves again; web:2 was rolled back by the circuit breaker: ECS deployment circuit breaker: tasks failed to start",
			rolledBack: true, calls: map[string]int{"UpdateService": 1, "StopServiceDeployment": 0},
		},
		{
			name: "stopped by ECS without a rollback", course: ends(types.ServiceDeploymentStatusStopped, time.Minute, "tasks failed to start"),
			outcome: Failed, headline: "web:1 serves again; web:2 failed: tasks failed to start",
			rolledBack: true, calls: map[string]int{"UpdateService": 2},
		},
		{
			name: "stopped, and rollback is off", course: ends(types.ServiceDeploymentStatusStopped, time.Minute, "tasks failed to start"),
			wait:    func(w *Wait) { w.Rollback = false },
			outcome: Failed, headline: "web:2 failed: tasks failed to start", calls: map[string]int{"UpdateService": 1},
		},
		{
			name: "timed out", course: ends(types.ServiceDeploymentStatusInProgress, 0, ""),
			outcome: TimedOut, headline: "web:1 serves again; web:2 was not complete in time: 2 of 2 new tasks run after 30m",
			rolledBack: true, calls: map[string]int{"StopServiceDeployment": 1, "UpdateService": 1},
		},
		{
			name: "timed out, and rollback is off", course: ends(types.ServiceDeploymentStatusInProgress, 0, ""),
			wait:    func(w *Wait) { w.Rollback = false },
			outcome: TimedOut, headline: "web:2 was not complete in time: 2 of 2 new tasks run after 30m", calls: map[string]int{"StopServiceDeployment": 0},
		},
		{
			name: "rollback failed", course: ends(types.ServiceDeploymentStatusRollbackFailed, time.Minute, "no capacity"),
			outcome: Failed, headline: "web:2 failed: no capacity",
		},
		{
			name: "paused", course: pauseAt("POST_SCALE_UP", time.Minute),
			outcome: Paused, headline: "web:2 is paused at post-scale-up, waiting for a promotion",
		},
		{
			name: "traffic shifted", course: stage(types.ServiceDeploymentLifecycleStageBakeTime, time.Minute),
			wait: func(w *Wait) { w.Until = UntilTraffic }, outcome: Succeeded, headline: "web:2 serves",
		},
		{
			name: "not waited for", course: breaker(3), wait: func(w *Wait) { w.Until = UntilStarted },
			outcome: Started, headline: "web:2 is being deployed; nobody waits for the end",
			calls: map[string]int{"DescribeServiceDeployments": 0},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.course["web"] = tt.course
			req := request("web")
			if tt.wait != nil {
				tt.wait(&req.Wait)
			}
			deploy(t, f, req, func(t *testing.T, r *Result, err error) {
				if err != nil {
					t.Fatal(err)
				}
				v := r.Services[0]
				if v.Outcome != tt.outcome || v.RolledBack != tt.rolledBack || v.TaskDefinition != second {
					t.Errorf("got %s, rolled back %t, %s", v.Outcome, v.RolledBack, v.TaskDefinition)
				}
				if got := v.Headline(); got != tt.headline {
					t.Errorf("headline %q, want %q", got, tt.headline)
				}
				if (r.Err() == nil) != tt.outcome.OK() {
					t.Errorf("step error %v for outcome %s", r.Err(), tt.outcome)
				}
			})
			for name, want := range tt.calls {
				if got := f.count(name); got != want {
					t.Errorf("%d calls of %s, want %d", got, name, want)
				}
			}
		})
	}
}

// breaker fails tasks every 10 s until ECS's circuit breaker rolls back.
func breaker(threshold int32) course {
	return func(elapsed time.Duration, d *types.ServiceDeployment) {
		failed := min(int32(elapsed/(10*time.Second)), threshold)
		d.DeploymentCircuitBreaker = &types.ServiceDeploymentCircuitBreaker{
			FailureCount: failed, Threshold: threshold, Status: types.ServiceDeploymentRollbackMonitorsStatusMonitoring,
		}
		if failed < threshold {
			return
		}
		d.Status = types.ServiceDeploymentStatusRollbackInProgress
		d.Rollback = &types.Rollback{Reason: aws.String("ECS deployment circuit breaker: tasks failed to start.")}
		if elapsed > 10*time.Second*time.Duration(threshold+3) {
			d.Status = types.ServiceDeploymentStatusRollbackSuccessful
		}
	}
}

func stage(s types.ServiceDeploymentLifecycleStage, after time.Duration) course {
	return func(elapsed time.Duration, d *types.ServiceDeployment) {
		if elapsed >= after {
			d.LifecycleStage = s
		}
	}
}

func pauseAt(s string, after time.Duration) course {
	return func(elapsed time.Duration, d *types.ServiceDeployment) {
		d.LifecycleHookDetails = nil
		if elapsed >= after {
			d.LifecycleStage = types.ServiceDeploymentLifecycleStage(s)
			d.LifecycleHookDetails = []types.DeploymentLifecycleHookDetail{{
				HookId: aws.String("hook-1"), TargetType: types.DeploymentLifecycleHookTargetTypePause,
				Status: types.DeploymentLifecycleHookStatusAwaitingAction,
			}}
		}
	}
}

// crashing has a task of deployment id stop every 20 s.
func crashing(id string, stop func(*types.Task)) (tasks []types.Task) {
	for i := range 20 {
		task := types.Task{
			TaskArn: aws.String(fmt.Sprintf("%stask/shop/t%d", arnPrefix, i)), StartedBy: aws.String(id),
			StopCode: types.TaskStopCodeEssentialContainerExited, StoppedReason: aws.String("Essential container in task exited"),
			StoppedAt:  aws.Time(time.Now().Add(time.Duration(i+1) * 20 * time.Second)),
			Containers: []types.Container{{Name: aws.String("web"), ExitCode: aws.Int32(1), Image: aws.String("web:2")}},
		}
		stop(&task)
		tasks = append(tasks, task)
	}
	return tasks
}

// failing counts failures without ever giving up, as ECS does when there is no
// circuit breaker.
func failing(elapsed time.Duration, d *types.ServiceDeployment) {
	d.TargetServiceRevision.RunningTaskCount = int32(elapsed/(10*time.Second)) % 2
}

func TestFailFastEndsTheWaitAndRollsBack(t *testing.T) {
	for _, tt := range []struct {
		name string
		stop func(*types.Task)
		kind Kind
		fast bool
	}{
		{"exit 1", func(*types.Task) {}, KindExit, true},
		{"out of memory", func(task *types.Task) { task.Containers[0].ExitCode = aws.Int32(137) }, KindMemory, true},
		{"image cannot be pulled", func(task *types.Task) {
			task.StopCode, task.Containers[0].ExitCode = types.TaskStopCodeTaskFailedToStart, nil
			task.StoppedReason = aws.String("CannotPullContainerError: pull image manifest has been retried 1 time(s): not found")
		}, KindPull, true},
		{"secret missing", func(task *types.Task) {
			task.StopCode, task.Containers[0].ExitCode = types.TaskStopCodeTaskFailedToStart, nil
			task.StoppedReason = aws.String("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed")
		}, KindSecret, true},
		{"no healthy answer", func(task *types.Task) {
			task.StopCode, task.Containers[0].ExitCode = types.TaskStopCodeServiceSchedulerInitiated, aws.Int32(143)
			task.StoppedReason = aws.String("Task failed ELB health checks in (target-group arn:aws:tg/web)")
		}, KindTarget, true},
		{"spot interruption is no reason", func(task *types.Task) {
			task.StopCode, task.StoppedReason = types.TaskStopCodeSpotInterruption, aws.String("Your Spot Task was interrupted.")
		}, KindInterruption, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.course["web"] = failing
			for i := range 20 {
				f.logs[fmt.Sprintf("ecs/web/t%d", i)] = []string{"cannot connect to the database"}
			}
			synctest.Test(t, func(t *testing.T) {
				f.tasks = crashing("ecs-svc/1", tt.stop)
				c := f.clients()
				p, err := NewPlan(t.Context(), c, request("web"))
				if err != nil {
					t.Fatal(err)
				}
				r, err := Apply(t.Context(), c, p, Hooks{})
				if err != nil {
					t.Fatal(err)
				}
				v := r.Services[0]
				if !tt.fast {
					if v.Outcome != TimedOut {
						t.Errorf("got %s, want the timeout", v.Outcome)
					}
					return
				}
				if v.Outcome != Failed || !v.RolledBack || v.Took > 3*time.Minute {
					t.Errorf("got %s, rolled back %t, after %s", v.Outcome, v.RolledBack, v.Took)
				}
				cause := v.Dossier.Causes[0]
				if cause.Kind != tt.kind || cause.Count < 3 {
					t.Errorf("cause %q, %d times", cause.Kind, cause.Count)
				}
				text := v.Diagnostic().Error()
				for _, want := range []string{"Try: ", "cannot connect to the database", "web:1 serves again"} {
					if !strings.Contains(text, want) {
						t.Errorf("%q is missing in:\n%s", want, text)
					}
				}
			})
		})
	}
}

// A rollout of ten minutes stays under 150 calls, and its end is seen within
// one poll.
func TestCallsAndPromptness(t *testing.T) {
	f := newFake(t)
	f.course["web"] = ends(types.ServiceDeploymentStatusSuccessful, 10*time.Minute, "")
	deploy(t, f, request("web"), func(t *testing.T, r *Result, err error) {
		if err != nil || r.Err() != nil {
			t.Fatal(err, r.Err())
		}
		if late := r.Took - 10*time.Minute; late < 0 || late > maxPoll+maxPoll/10 {
			t.Errorf("the end was seen %s late", late)
		}
	})
	if n := len(f.calls); n >= 150 {
		t.Errorf("%d calls, want fewer than 150", n)
	}
	t.Logf("%d calls in 10 minutes", len(f.calls))
}

func TestCancelAsksForTheRollbackAtOnce(t *testing.T) {
	f := newFake(t)
	f.course["web"] = ends(types.ServiceDeploymentStatusInProgress, 0, "")
	synctest.Test(t, func(t *testing.T) {
		c := f.clients()
		p, err := NewPlan(t.Context(), c, request("web"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var handle Handle
		var at time.Time
		time.AfterFunc(time.Minute, func() { at = time.Now(); cancel() })
		r, err := Apply(ctx, c, p, Hooks{Started: func(h Handle) { handle = h }})
		if err != nil {
			t.Fatal(err)
		}
		v := r.Services[0]
		if v.Outcome != Cancelled || !v.RollbackRequested || v.RolledBack {
			t.Errorf("got %+v", v)
		}
		if took := time.Since(at); took > 7*time.Second {
			t.Errorf("the rollback took %s to ask for", took)
		}
		if n := f.count("StopServiceDeployment"); n != 1 {
			t.Errorf("%d calls of StopServiceDeployment", n)
		}
		end := SeeThrough(t.Context(), c, handle, Wait{Until: UntilCompleted, Timeout: time.Minute, Rollback: true}, nil)
		if !end.RolledBack || shortARN(end.Serving) != "web:1" {
			t.Errorf("the post phase saw %+v", end)
		}
	})
}

func TestSupersededNeitherPassesNorRollsBack(t *testing.T) {
	f := newFake(t)
	f.course["web"] = ends(types.ServiceDeploymentStatusSuccessful, 2*time.Minute, "")
	f.images["registry.example/web:3"] = Image{Ref: "registry.example/web@sha256:" + strings.Repeat("c", 64), Platforms: []string{"linux/amd64"}}
	synctest.Test(t, func(t *testing.T) {
		c := f.clients()
		first, err := NewPlan(t.Context(), c, request("web"))
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan *Result)
		go func() {
			r, _ := Apply(t.Context(), c, first, Hooks{})
			done <- r
		}()
		time.Sleep(30 * time.Second)
		req := request("web")
		req.Overrides.Images[0].Value = "registry.example/web:3"
		second, err := NewPlan(t.Context(), c, req)
		if err != nil {
			t.Fatal(err)
		}
		if len(second.Warnings) != 1 || !strings.Contains(second.Warnings[0].Summary, "will supersede it") {
			t.Errorf("warnings %v", second.Warnings)
		}
		winner, err := Apply(t.Context(), c, second, Hooks{})
		if err != nil || winner.Services[0].Outcome != Succeeded {
			t.Errorf("the second ended as %+v, %v", winner.Services, err)
		}
		loser := (<-done).Services[0]
		if loser.Outcome != Superseded || !strings.HasSuffix(loser.SupersededBy, "/d2") {
			t.Errorf("the first ended as %+v", loser)
		}
	})
	if f.count("StopServiceDeployment") != 0 || f.count("UpdateService") != 2 {
		t.Errorf("calls %v", f.calls)
	}
}

func TestServicesGoTogetherOrNotAtAll(t *testing.T) {
	f := newFake(t)
	f.addService("worker", 1)
	f.course["web"] = ends(types.ServiceDeploymentStatusSuccessful, 20*time.Second, "")
	f.course["worker"] = ends(types.ServiceDeploymentStatusStopped, time.Minute, "tasks failed")
	deploy(t, f, request("web", "worker"), func(t *testing.T, r *Result, err error) {
		if err != nil {
			t.Fatal(err)
		}
		if f.count("RegisterTaskDefinition") != 1 {
			t.Error("want one revision for both")
		}
		for _, v := range r.Services {
			if !v.RolledBack || v.Outcome.OK() {
				t.Errorf("%s: %s, rolled back %t", v.Service, v.Outcome, v.RolledBack)
			}
		}
	})
}

func TestNothingToDo(t *testing.T) {
	f := newFake(t)
	req := request("web")
	req.Overrides = taskdef.Overrides{}
	deploy(t, f, req, func(t *testing.T, r *Result, err error) {
		if err != nil || r.Changed || r.Services[0].Outcome != Unchanged || shortARN(r.TaskDefinition) != "web:1" {
			t.Errorf("got %+v, %v", r, err)
		}
	})
	if f.count("UpdateService")+f.count("RegisterTaskDefinition") != 0 {
		t.Errorf("calls %v", f.calls)
	}
}

func TestPromoteGoesOnToTheVerdict(t *testing.T) {
	f := newFake(t)
	f.course["web"] = pauseAt("POST_TEST_TRAFFIC_SHIFT", 20*time.Second)
	synctest.Test(t, func(t *testing.T) {
		c := f.clients()
		if _, err := FindPromotions(t.Context(), c, "shop", []string{"web"}); err == nil || !strings.Contains(err.Error(), "no paused deployment") {
			t.Errorf("got %v", err)
		}
		p, err := NewPlan(t.Context(), c, request("web"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Apply(t.Context(), c, p, Hooks{})
		if err != nil || r.Services[0].Hook.ID != "hook-1" {
			t.Fatalf("got %+v, %v", r.Services, err)
		}
		found, err := FindPromotions(t.Context(), c, "shop", []string{"web"})
		if err != nil {
			t.Fatal(err)
		}
		f.course["web"] = ends(types.ServiceDeploymentStatusSuccessful, time.Minute, "")
		r, err = Promote(t.Context(), c, found, request().Wait, Hooks{})
		if err != nil || r.Services[0].Outcome != Succeeded {
			t.Errorf("got %+v, %v", r.Services, err)
		}
	})
	if f.count("ContinueServiceDeployment CONTINUE") != 1 {
		t.Errorf("calls %v", f.calls)
	}
}

func TestRollbackPlans(t *testing.T) {
	t.Run("a finished deployment goes back to the last good one", func(t *testing.T) {
		f := newFake(t)
		synctest.Test(t, func(t *testing.T) {
			c := f.clients()
			for _, tag := range []string{"2", "3"} {
				f.images["registry.example/web:"+tag] = Image{Ref: "registry.example/web@sha256:" + strings.Repeat(tag, 64), Platforms: []string{"linux/amd64"}}
				req := request("web")
				req.Overrides.Images[0].Value = "registry.example/web:" + tag
				p, err := NewPlan(t.Context(), c, req)
				if err != nil {
					t.Fatal(err)
				}
				if r, err := Apply(t.Context(), c, p, Hooks{}); err != nil || r.Err() != nil {
					t.Fatal(err, r.Err())
				}
			}
			p, err := NewRollbackPlan(t.Context(), c, Request{Cluster: "shop", Services: []string{"web"}, Wait: request().Wait}, Previous)
			if err != nil {
				t.Fatal(err)
			}
			if shortARN(p.TaskDefinition) != "web:2" || len(p.Services[0].Changes) != 1 {
				t.Errorf("plan to %s, changes %v", p.TaskDefinition, p.Services[0].Changes)
			}
			r, err := Apply(t.Context(), c, p, Hooks{})
			if err != nil || r.Services[0].Outcome != Succeeded || shortARN(r.Services[0].Serving) != "web:2" {
				t.Errorf("got %+v, %v", r.Services, err)
			}
		})
		if f.count("RegisterTaskDefinition") != 2 {
			t.Error("a rollback must not register anything")
		}
	})
	t.Run("a deployment in progress is stopped", func(t *testing.T) {
		f := newFake(t)
		f.course["web"] = ends(types.ServiceDeploymentStatusInProgress, 0, "")
		synctest.Test(t, func(t *testing.T) {
			c := f.clients()
			req := request("web")
			req.Wait.Until = UntilStarted
			p, err := NewPlan(t.Context(), c, req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Apply(t.Context(), c, p, Hooks{}); err != nil {
				t.Fatal(err)
			}
			p, err = NewRollbackPlan(t.Context(), c, Request{Cluster: "shop", Services: []string{"web"}, Wait: request().Wait}, Previous)
			if err != nil || p.Services[0].Action != ActionStop {
				t.Fatalf("got %+v, %v", p, err)
			}
			r, err := Apply(t.Context(), c, p, Hooks{})
			if err != nil || r.Services[0].Outcome != Succeeded || shortARN(r.Services[0].Serving) != "web:1" {
				t.Errorf("got %+v, %v", r.Services, err)
			}
		})
	})
	t.Run("an inactive revision is refused", func(t *testing.T) {
		f := newFake(t)
		f.inactive[f.define(t, strings.Replace(servingFile, digestA, digestB, 1))] = true
		_, err := NewRollbackPlan(t.Context(), f.clients(), Request{Cluster: "shop", Services: []string{"web"}}, "2")
		if err == nil || !strings.Contains(err.Error(), "web:2 is INACTIVE") {
			t.Errorf("got %v", err)
		}
	})
}

func TestWithoutPermissionForDeployments(t *testing.T) {
	f := newFake(t)
	f.course["web"] = ends(types.ServiceDeploymentStatusSuccessful, time.Minute, "")
	f.refuse["ListServiceDeployments"] = apiError("AccessDeniedException", "User: arn:aws:sts::123456789012:assumed-role/deploy/x is not authorized "+
		"to perform: ecs:ListServiceDeployments on resource: arn:aws:ecs:eu-west-1:123456789012:service/shop/web because")
	var warned []string
	synctest.Test(t, func(t *testing.T) {
		c := f.clients()
		p, err := NewPlan(t.Context(), c, request("web"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Apply(t.Context(), c, p, Hooks{Progress: func(e progress.Event) {
			if e.Warn {
				warned = append(warned, e.Text)
			}
		}})
		if err != nil || r.Services[0].Outcome != Succeeded {
			t.Errorf("got %+v, %v", r.Services, err)
		}
	})
	const want = "lacks ecs:ListServiceDeployments on arn:aws:ecs:eu-west-1:123456789012:service/shop/web"
	if len(warned) == 0 || !strings.Contains(warned[0], want) {
		t.Errorf("warnings %q, want %q", warned, want)
	}
}

// A link that drops for minutes does not end the wait.
func TestOutagesArePatientlyEndured(t *testing.T) {
	f := newFake(t)
	f.course["web"] = ends(types.ServiceDeploymentStatusSuccessful, 5*time.Minute, "")
	var down atomic.Bool
	synctest.Test(t, func(t *testing.T) {
		c := f.clients()
		p, err := NewPlan(t.Context(), c, request("web"))
		if err != nil {
			t.Fatal(err)
		}
		c.Deployments = flaky{f, &down}
		time.AfterFunc(time.Minute, func() { down.Store(true) })
		time.AfterFunc(4*time.Minute, func() { down.Store(false) })
		r, err := Apply(t.Context(), c, p, Hooks{})
		if err != nil || r.Services[0].Outcome != Succeeded {
			t.Errorf("got %+v, %v", r.Services, err)
		}
	})
}

func TestExpiredCredentialsSayThatTheRolloutGoesOn(t *testing.T) {
	f := newFake(t)
	f.course["web"] = ends(types.ServiceDeploymentStatusSuccessful, 5*time.Minute, "")
	f.refuse["DescribeServiceDeployments"] = apiError("ExpiredTokenException", "The security token included in the request is expired")
	deploy(t, f, request("web"), func(t *testing.T, r *Result, err error) {
		if err != nil || r.Services[0].Outcome != Failed || !strings.Contains(r.Services[0].Reason, "goes on in ECS") {
			t.Errorf("got %+v, %v", r.Services, err)
		}
	})
}

func TestTargetHealthReasons(t *testing.T) {
	f := newFake(t)
	f.services[0].LoadBalancers = []types.LoadBalancer{{TargetGroupArn: aws.String("arn:tg/web/1")}}
	f.health = []elbtypes.TargetHealth{
		{State: elbtypes.TargetHealthStateEnumUnhealthy, Reason: elbtypes.TargetHealthReasonEnumResponseCodeMismatch, Description: aws.String("Health checks failed with these codes: [404]")},
		{State: elbtypes.TargetHealthStateEnumHealthy},
	}
	f.course["web"] = ends(types.ServiceDeploymentStatusInProgress, 0, "")
	deploy(t, f, request("web"), func(t *testing.T, r *Result, err error) {
		if err != nil {
			t.Fatal(err)
		}
		want := []TargetHealth{{State: "unhealthy", Reason: "Target.ResponseCodeMismatch", Description: "Health checks failed with these codes: [404]", Count: 1}}
		if diff := cmp.Diff(want, r.Services[0].Dossier.Targets); diff != "" {
			t.Error(diff)
		}
		if r.Services[0].Dossier.Causes[0].Kind != KindTarget {
			t.Errorf("causes %+v", r.Services[0].Dossier.Causes)
		}
	})
}

func TestUpdateRefusedForTheSecondServiceTakesTheFirstBack(t *testing.T) {
	f := newFake(t)
	f.addService("worker", 1)
	f.refuse["UpdateService worker"] = apiError("AccessDeniedException", "no")
	deploy(t, f, request("web", "worker"), func(t *testing.T, r *Result, err error) {
		if err == nil || len(r.Services) != 1 || !r.Services[0].RolledBack {
			t.Errorf("got %+v, %v", r.Services, err)
		}
	})
}

func TestPlanIsStale(t *testing.T) {
	f := newFake(t)
	p, err := NewPlan(t.Context(), f.clients(), request("web"))
	if err != nil {
		t.Fatal(err)
	}
	f.services[0].TaskDefinition = aws.String(f.define(t, strings.Replace(servingFile, digestA, digestB, 1)))
	_, err = Apply(t.Context(), f.clients(), p, Hooks{})
	var d *diag.Diagnostic
	if !errors.As(err, &d) || !strings.Contains(d.Summary, "changed since the plan") || f.count("RegisterTaskDefinition") != 0 {
		t.Errorf("got %v", err)
	}
}

// A job that is run again while its deployment goes on neither passes at once
// nor starts another one.
func TestRunAgainJoinsTheDeployment(t *testing.T) {
	f := newFake(t)
	f.course["web"] = ends(types.ServiceDeploymentStatusStopped, 3*time.Minute, "tasks failed to start")
	synctest.Test(t, func(t *testing.T) {
		req := request("web")
		req.Wait.Until = UntilStarted
		first, err := NewPlan(t.Context(), f.clients(), req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Apply(t.Context(), f.clients(), first, Hooks{}); err != nil {
			t.Fatal(err)
		}
		second, err := NewPlan(t.Context(), f.clients(), request("web"))
		if err != nil || second.Services[0].Action != ActionJoin || len(second.Warnings) != 0 {
			t.Fatalf("got %+v, %v", second, err)
		}
		r, err := Apply(t.Context(), f.clients(), second, Hooks{})
		if v := r.Services[0]; err != nil || v.Outcome != Failed || !v.RolledBack || shortARN(v.Before) != "web:1" {
			t.Errorf("got %+v, %v", r.Services, err)
		}
	})
	if f.count("RegisterTaskDefinition") != 1 {
		t.Errorf("calls %v", f.calls)
	}
}

func TestAFailedRevisionIsDeployedAgain(t *testing.T) {
	f := newFake(t)
	f.services[0].Deployments[0].RolloutState = types.DeploymentRolloutStateFailed
	req := request("web")
	req.Overrides = taskdef.Overrides{}
	p, err := NewPlan(t.Context(), f.clients(), req)
	if err != nil || p.Services[0].Action != ActionUpdate || !p.Services[0].update.ForceNewDeployment {
		t.Errorf("got %+v, %v", p.Services[0], err)
	}
}

// The update was made and its answer lost.
func TestLostAnswer(t *testing.T) {
	for _, cancelled := range []bool{false, true} {
		t.Run(fmt.Sprintf("cancelled %t", cancelled), func(t *testing.T) {
			f := newFake(t)
			f.course["web"] = ends(types.ServiceDeploymentStatusSuccessful, time.Minute, "")
			synctest.Test(t, func(t *testing.T) {
				c := f.clients()
				p, err := NewPlan(t.Context(), c, request("web"))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c.Services = losing{f, func() {
					if cancelled {
						cancel()
					}
				}}
				r, err := Apply(ctx, c, p, Hooks{})
				if err != nil {
					t.Fatal(err)
				}
				v := r.Services[0]
				if cancelled && (v.Outcome != Cancelled || !v.RollbackRequested) || !cancelled && v.Outcome != Succeeded {
					t.Errorf("got %+v", v)
				}
			})
		})
	}
}

// A step that is killed leaves only its handle; the post phase asks for the
// rollback itself. What succeeded meanwhile stays.
func TestAfterAKilledStep(t *testing.T) {
	for _, tt := range []struct {
		name    string
		course  course
		outcome Outcome
		stops   int
		serving string
	}{
		{"in progress", ends(types.ServiceDeploymentStatusInProgress, 0, ""), Cancelled, 1, "web:1"},
		{"succeeded", ends(types.ServiceDeploymentStatusSuccessful, 0, ""), Succeeded, 0, "web:2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.course["web"] = tt.course
			synctest.Test(t, func(t *testing.T) {
				req := request("web")
				req.Wait.Until = UntilStarted
				p, err := NewPlan(t.Context(), f.clients(), req)
				if err != nil {
					t.Fatal(err)
				}
				var handle Handle
				if _, err := Apply(t.Context(), f.clients(), p, Hooks{Started: func(h Handle) { handle = h }}); err != nil {
					t.Fatal(err)
				}
				v := SeeThrough(t.Context(), f.clients(), handle, Wait{Until: UntilCompleted, Timeout: time.Minute, Rollback: true}, nil)
				if v.Outcome != tt.outcome || shortARN(v.Serving) != tt.serving {
					t.Errorf("got %+v", v)
				}
			})
			if n := f.count("StopServiceDeployment"); n != tt.stops {
				t.Errorf("%d calls of StopServiceDeployment", n)
			}
		})
	}
}

// ECS refuses a rollback when it knows no completed deployment; the old
// revision is then put back by an update.
func TestRefusedRollbackIsMadeByAnUpdate(t *testing.T) {
	f := newFake(t)
	f.course["web"] = ends(types.ServiceDeploymentStatusInProgress, 0, "")
	f.refuse["StopServiceDeployment"] = apiError("InvalidParameterException", "There is no completed deployment to roll back to.")
	deploy(t, f, request("web"), func(t *testing.T, r *Result, err error) {
		if v := r.Services[0]; err != nil || v.Outcome != TimedOut || !v.RolledBack {
			t.Errorf("got %+v, %v", r.Services, err)
		}
	})
	if f.count("UpdateService") != 2 {
		t.Errorf("calls %v", f.calls)
	}
}
