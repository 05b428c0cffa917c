package ecsdeploy

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

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
