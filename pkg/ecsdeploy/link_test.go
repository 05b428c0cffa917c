package ecsdeploy

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/progress"
)

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
