package ecsdeploy

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
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

// No task, no proof: a deployment to a service that runs none does not say that
// the revision serves.
func TestNothingServesWithoutTasks(t *testing.T) {
	f := newFake(t)
	req := request("web")
	req.Rollout.DesiredCount = aws.Int32(0)
	deploy(t, f, req, func(t *testing.T, r *Result, err error) {
		v := r.Services[0]
		if err != nil || v.Outcome != Succeeded || v.Serving != "" || v.Headline() != "web:2 is deployed to no task: the desired count is 0" {
			t.Errorf("got %+v, %v", v, err)
		}
	})
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
			outcome: Failed, headline: "web:1 serves again; web:2 failed: ECS could not roll back: no capacity",
			rolledBack: true, calls: map[string]int{"UpdateService": 2},
		},
		{
			name: "rollback failed, and rollback is off", course: ends(types.ServiceDeploymentStatusRollbackFailed, time.Minute, "no capacity"),
			wait:    func(w *Wait) { w.Rollback = false },
			outcome: Failed, headline: "web:2 failed: ECS could not roll back: no capacity", calls: map[string]int{"UpdateService": 1},
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
