package ecsdeploy

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"
)

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
