package ecsdeploy

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

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
	t.Run("a named revision needs no history", func(t *testing.T) {
		f := newFake(t)
		f.define(t, strings.Replace(servingFile, digestA, digestB, 1))
		f.refuse["ListServiceDeployments"] = apiError("AccessDeniedException", "no")
		p, err := NewRollbackPlan(t.Context(), f.clients(), Request{Cluster: "shop", Services: []string{"web"}, Wait: request().Wait}, "2")
		if err != nil || p.Services[0].Action != ActionUpdate || shortARN(p.TaskDefinition) != "web:2" {
			t.Errorf("got %+v, %v", p, err)
		}
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
