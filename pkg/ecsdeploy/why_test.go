package ecsdeploy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/org/shipkit/pkg/diag"
)

// rolledBack ends with a rollback for a reason in ECS's words.
func rolledBack(reason string, alarms ...string) course {
	return func(elapsed time.Duration, d *types.ServiceDeployment) {
		if elapsed >= time.Minute {
			d.Status = types.ServiceDeploymentStatusRollbackSuccessful
			d.Rollback = &types.Rollback{Reason: aws.String(reason)}
			d.Alarms = &types.ServiceDeploymentAlarms{TriggeredAlarmNames: alarms}
		}
	}
}

// The headline of a rollback says who and why, and the remedy needs no console.
// ECS's sentences are from https://github.com/hashicorp/terraform-provider-aws
// (service_test.go) and the developer guide's page on blue/green deployments.
func TestRollbackSaysWhy(t *testing.T) {
	crashed := types.Task{
		TaskArn: aws.String(arnPrefix + "task/shop/t1"), StartedBy: aws.String("ecs-svc/1"), StoppedAt: aws.Time(time.Now().AddDate(-40, 0, 0)),
		StopCode: types.TaskStopCodeEssentialContainerExited, StoppedReason: aws.String("Essential container in task exited"),
		Containers: []types.Container{{Name: aws.String("web"), ExitCode: aws.Int32(1)}},
	}
	event := func(text string) types.ServiceEvent {
		return types.ServiceEvent{Id: aws.String(text), CreatedAt: aws.Time(time.Now().AddDate(100, 0, 0)), Message: aws.String("(service web) " + text)}
	}
	for _, tt := range []struct {
		name   string
		course course
		setup  func(f *fakeAWS)
		want   []string // of the headline, the detail and the remedy
	}{
		{
			"the circuit breaker, because of the tasks", rolledBack("Service deployment rolled back because the circuit breaker threshold was exceeded."),
			func(f *fakeAWS) { f.tasks = []types.Task{crashed} },
			[]string{"was rolled back by the circuit breaker: 1 task failed alike: container web exits with code 1"},
		},
		{
			"a crash without a log", rolledBack("Service deployment rolled back because the circuit breaker threshold was exceeded."),
			func(f *fakeAWS) { f.tasks = []types.Task{crashed} },
			[]string{"or the container wrote none"},
		},
		{
			"a crash whose log goes nowhere", rolledBack("Service deployment rolled back because the circuit breaker threshold was exceeded."),
			func(f *fakeAWS) {
				quiet := f.define(t, `{"family":"web","containerDefinitions":[{"name":"web","image":"registry.example/web@`+digestA+`"}]}`)
				f.services[0].TaskDefinition, f.tasks = &quiet, []types.Task{crashed}
			},
			[]string{"give the container the log driver awslogs"},
		},
		{
			"an alarm, with what it measured", rolledBack("Service deployment rolled back because of an alarm.", "errors"),
			func(f *fakeAWS) {
				f.alarms = []cwtypes.MetricAlarm{{StateValue: cwtypes.StateValueAlarm, StateReason: aws.String("Threshold Crossed: 12.0 > 1.0")}}
			},
			[]string{"was rolled back by alarm errors: Threshold Crossed: 12.0 > 1.0\n", "AWS says: Threshold Crossed: 12.0 > 1.0", "what the alarm measures"},
		},
		{
			"a hook", rolledBack("Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) failed."), nil,
			[]string{"was rolled back by a lifecycle hook: ", "Lambda function"},
		},
		{
			"ECS itself", rolledBack("Service deployment rolled back because of invalid networking configuration. One or more rules not found"), nil,
			[]string{"was rolled back by ECS: ", "One or more rules not found", "correct what ECS names"},
		},
		{
			"somebody", rolledBack("Service deployment was stopped."), nil,
			[]string{"was rolled back by somebody else", "CloudTrail"},
		},
		{
			"a port that is taken", ends(types.ServiceDeploymentStatusInProgress, 0, ""),
			func(f *fakeAWS) {
				f.services[0].Events = []types.ServiceEvent{event("was unable to place a task because no container instance met all of its requirements. " +
					"The closest matching (container-instance bbbc23d5) is already using a port required by your task.")}
			},
			[]string{"after 30m: no instance of the cluster has the host port free", "hostPort 0"},
		},
		{
			"no capacity: no task tells of it", ends(types.ServiceDeploymentStatusInProgress, 0, ""),
			func(f *fakeAWS) {
				f.services[0].Events = []types.ServiceEvent{event("was unable to place a task because no container instance met all of its requirements. " +
					"Reason: No Container Instances were found in your cluster. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.")}
			},
			[]string{"after 30m: there is no capacity for a task", "Reason: No Container Instances were found in your cluster.\n", "add capacity"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.course["web"] = tt.course
			if tt.setup != nil {
				tt.setup(f)
			}
			deploy(t, f, request("web"), func(t *testing.T, r *Result, err error) {
				if err != nil {
					t.Fatal(err)
				}
				text := r.Services[0].Diagnostic().Error()
				for _, want := range tt.want {
					if !strings.Contains(text, want) {
						t.Errorf("%q is missing in:\n%s", want, text)
					}
				}
				if strings.Contains(text, "console") {
					t.Errorf("nobody wants to open the console:\n%s", text)
				}
			})
		})
	}
}

func TestAWSRefusesInPlainWords(t *testing.T) {
	call := func(code, message string) error {
		return fmt.Errorf("update service web to web:8: %w", &smithy.OperationError{
			ServiceID: "ECS", OperationName: "UpdateService", Err: fmt.Errorf("https response error StatusCode: 400, RequestID: R, %w", apiError(code, message)),
		})
	}
	for _, tt := range []struct {
		name, want, try string
		err             error
	}{
		{"refused", "update service web to web:8: The container web did not have a container port 8080 defined.", "",
			call("InvalidParameterException", "The container web did not have a container port 8080 defined.")},
		{"denied", "update service web to web:8: the role lacks ecs:UpdateService on arn:aws:ecs:x", "add ecs:UpdateService on arn:aws:ecs:x to the role's policy",
			call("AccessDeniedException", "User: u is not authorized to perform: ecs:UpdateService on resource: arn:aws:ecs:x because no policy allows it")},
		{"denied without a word", "update service web to web:8: the role lacks ecs:UpdateService", "add ecs:UpdateService to the role's policy",
			call("AccessDeniedException", "")},
		{"no answer", "update service web: connection reset", "", fmt.Errorf("update service web: %w", fmt.Errorf("connection reset"))},
		{"already plain", "plain", "this", &diag.Diagnostic{Summary: "plain", Try: "this", Err: call("X", "y")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := diag.From(inPlainWords(tt.err))
			if len(got) != 1 || got[0].Summary != tt.want || got[0].Try != tt.try {
				t.Errorf("got %+v", got)
			}
		})
	}
	if inPlainWords(nil) != nil {
		t.Error("no error became one")
	}
	if err := inPlainWords(call("X", "y")); !hasCode(err, "X") {
		t.Error("the code is lost")
	}
}

// A service may run a revision that was deregistered: a copy with the new image
// is deployed, and nothing at all if nothing changed.
func TestServiceOnAnInactiveRevision(t *testing.T) {
	f := newFake(t)
	f.inactive[arnPrefix+"task-definition/web:1"] = true
	p, err := NewPlan(t.Context(), f.clients(), request("web"))
	if err != nil || p.TaskDefinition != "" || !strings.Contains(p.Warnings.Error(), "runs web:1, which is INACTIVE") {
		t.Errorf("got %+v, %v", p, err)
	}
	same := request("web")
	same.Overrides.Images = nil
	p, err = NewPlan(t.Context(), f.clients(), same)
	if err != nil || p.Changed() || shortARN(p.TaskDefinition) != "web:1" {
		t.Errorf("got %+v, %v", p, err)
	}
	same.Rollout.Force = true
	p, err = NewPlan(t.Context(), f.clients(), same)
	if err != nil || !p.Changed() || p.TaskDefinition != "" {
		t.Errorf("ECS takes no INACTIVE revision: %+v, %v", p, err)
	}
}
