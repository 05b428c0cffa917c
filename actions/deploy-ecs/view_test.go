package deployecs

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	web41 = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:41"
	web42 = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:42"
)

func document(t *testing.T, text string) *taskdef.Document {
	t.Helper()
	d, err := taskdef.Parse("task.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func samplePlan(t *testing.T) *ecsdeploy.Plan {
	t.Helper()
	old := document(t, `{"family":"web","cpu":"256","containerDefinitions":[{"name":"web","image":"registry.example/web@sha256:aaaaaaaaaaaaaaaaaaaaaaaa",
		"environment":[{"name":"PASSWORD","value":"hunter1"},{"name":"OLD","value":"x"}]}]}`)
	target := document(t, `{"family":"web","cpu":"512","containerDefinitions":[{"name":"web","image":"registry.example/web@sha256:bbbbbbbbbbbbbbbbbbbbbbbb",
		"environment":[{"name":"PASSWORD","value":"hunter2"}],"portMappings":[{"containerPort":8080}]}]}`)
	return &ecsdeploy.Plan{Target: target, Services: []*ecsdeploy.ServicePlan{{
		Name: "web", Cluster: "shop", Before: web41, Action: ecsdeploy.ActionUpdate, Changes: taskdef.Diff(old, target),
		Commits:  []ecsdeploy.CommitChange{{Container: "web", Old: "0123456789abcdef0123", New: ""}},
		Settings: []string{"desired count from 2 to 3", "strategy from rolling to canary, canary 10% for 5 min"},
		Scaling:  []string{"between 2 and 10 tasks (was not scaled)"}, Pauses: []string{"POST_SCALE_UP"},
	}}}
}

func crash() ecsdeploy.Dossier {
	return ecsdeploy.Dossier{
		Causes: []ecsdeploy.Cause{{
			Kind: ecsdeploy.KindExit, Container: "web", Count: 3, StopCode: "EssentialContainerExited", ExitCode: aws.Int32(1),
			Reason: "Essential container in task exited", Sentence: "container web exits with code 1",
			Try: "see the log below, and run the image locally with the same variables",
			Log: []string{"connecting to db|main", "panic: no such host <db>"}, LogStream: "/web ecs/web/0123",
		}},
		Targets: []ecsdeploy.TargetHealth{{State: "unhealthy", Reason: "Target.Timeout", Description: "Request timed out", Count: 2}},
		Events:  []string{"(service web) (task 0123) failed container health checks."},
		Missing: diag.List{{Summary: "the log of container proxy could not be checked: the role lacks logs:GetLogEvents on *", Try: "add logs:GetLogEvents on *"}},
	}
}

func result(v ecsdeploy.Verdict) *ecsdeploy.Result {
	v.Service, v.Cluster, v.Before, v.TaskDefinition, v.Took = "web", "shop", web41, web42, 80*time.Second
	return &ecsdeploy.Result{TaskDefinition: web42, Services: []ecsdeploy.Verdict{v}, Changed: true, Took: v.Took}
}

func TestViews(t *testing.T) {
	plan := samplePlan(t)
	nothing := &ecsdeploy.Plan{Target: plan.Target, TaskDefinition: web41, Services: []*ecsdeploy.ServicePlan{{Name: "web", Before: web41, Action: ecsdeploy.ActionNone}}}
	back := &ecsdeploy.Plan{TaskDefinition: web41, Services: []*ecsdeploy.ServicePlan{{Name: "web", Before: web42, Action: ecsdeploy.ActionStop}}}
	created := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	reports := []ecsdeploy.Report{{
		Service: "web", TaskDefinition: web42, Desired: 2, Running: 1,
		Snapshot: ecsdeploy.Snapshot{Status: types.ServiceDeploymentStatusInProgress, Hook: ecsdeploy.Hook{ID: "h", Stage: "POST_SCALE_UP"}},
		History: []ecsdeploy.Past{
			{TaskDefinition: web42, Status: types.ServiceDeploymentStatusInProgress, Brief: types.ServiceDeploymentBrief{CreatedAt: &created}},
			{TaskDefinition: web41, Status: types.ServiceDeploymentStatusRollbackSuccessful, Brief: types.ServiceDeploymentBrief{StatusReason: aws.String("circuit breaker")}},
		},
	}}
	for name, got := range map[string]string{
		"plan.md":         planView(plan),
		"plan.txt":        planText(plan),
		"plan-nothing.md": planView(nothing),
		"plan-stop.md":    planView(back),
		"succeeded.md":    resultView(result(ecsdeploy.Verdict{Outcome: ecsdeploy.Succeeded, Serving: web42}), plan, nil),
		"paused.md": resultView(result(ecsdeploy.Verdict{
			Outcome: ecsdeploy.Paused, Hook: ecsdeploy.Hook{ID: "h", Stage: "POST_SCALE_UP", Expires: created},
		}), nil, nil),
		"failed.md": resultView(result(ecsdeploy.Verdict{
			Outcome: ecsdeploy.Failed, Reason: "3 tasks failed alike: container web exits with code 1", By: "this step",
			RolledBack: true, Serving: web41, Dossier: crash(),
		}), plan, nil),
		"rolled-back.md": resultView(result(ecsdeploy.Verdict{
			Outcome: ecsdeploy.RolledBack, By: "the circuit breaker", Reason: "tasks failed to start", RolledBack: true, Serving: web41, Dossier: crash(),
		}), nil, nil),
		"superseded.md": resultView(result(ecsdeploy.Verdict{Outcome: ecsdeploy.Superseded, SupersededBy: "arn:x/d2", SupersededTo: web42}), nil, nil),
		"timed-out.md":  resultView(result(ecsdeploy.Verdict{Outcome: ecsdeploy.TimedOut, Reason: "1 of 2 new tasks run after 30m0s", RollbackRequested: true}), nil, nil),
		"migration.md":  resultView(&ecsdeploy.Result{TaskDefinition: web42, RunFailure: &crash().Causes[0]}, nil, errors.New("task 1 failed")),
		"registered.md": resultView(&ecsdeploy.Result{TaskDefinition: web42}, nil, nil),
		"refused.md": resultView(&ecsdeploy.Result{TaskDefinition: web42}, nil, &diag.Diagnostic{
			Summary: "update service web to web:42: the role lacks ecs:UpdateService on arn:x", Try: "add ecs:UpdateService on arn:x to the role's policy",
		}),
		"post.md":    postView(result(ecsdeploy.Verdict{Outcome: ecsdeploy.Cancelled, RolledBack: true, Serving: web41})),
		"status.md":  statusView(reports),
		"status.txt": statusText(reports) + "\n",
		"promotion.md": promotionView([]ecsdeploy.Promotion{{
			Service: &ecsdeploy.ServicePlan{Name: "web", Before: web41}, Definition: web42, Hook: ecsdeploy.Hook{Stage: "POST_SCALE_UP"},
		}}),
	} {
		t.Run(name, func(t *testing.T) {
			golden := filepath.Join("testdata", "views", name)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
