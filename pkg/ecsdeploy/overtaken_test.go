package ecsdeploy

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// meanwhile lets something happen at the nth look at our deployment.
func (f *fakeAWS) meanwhile(n int, happen func()) {
	f.onCall = func(operation string) {
		if operation == "DescribeServiceDeployments" {
			if n--; n == 0 {
				happen()
			}
		}
	}
}

// Somebody deletes the service: ECS forgets its deployments, and there is
// nothing to wait for nor to go back to.
func TestServiceDeletedMeanwhile(t *testing.T) {
	for name, happen := range map[string]func(f *fakeAWS){
		"and still there": func(f *fakeAWS) { f.services[0].Status = aws.String("DRAINING") },
		"and forgotten":   func(f *fakeAWS) { f.services = nil },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.course["web"] = ends(types.ServiceDeploymentStatusInProgress, 0, "")
			f.meanwhile(3, func() {
				f.deployments = nil
				happen(f)
			})
			deploy(t, f, request("web"), func(t *testing.T, r *Result, err error) {
				v := r.Services[0]
				if err != nil || v.Outcome != Failed || v.Took > time.Minute {
					t.Errorf("got %+v, %v", v, err)
				}
				want := "web:2 failed: service web was deleted during the deployment"
				if got := v.Headline(); got != want && got != want+" (it is DRAINING)" {
					t.Errorf("headline %q", got)
				}
			})
			if f.count("UpdateService") != 1 {
				t.Errorf("calls %v", f.calls)
			}
		})
	}
}

// A younger deployment is noticed also while ECS still calls ours in progress.
func TestOvertaken(t *testing.T) {
	f := newFake(t)
	f.course["web"] = ends(types.ServiceDeploymentStatusInProgress, 0, "")
	f.meanwhile(3, func() {
		f.deployments = append(f.deployments, &fakeDeployment{
			service: f.services[0], td: arnPrefix + "task-definition/web:9", began: time.Now(),
			d: types.ServiceDeployment{
				ServiceDeploymentArn: aws.String("x/d9"), CreatedAt: aws.Time(time.Now()), Status: types.ServiceDeploymentStatusInProgress,
				TargetServiceRevision: &types.ServiceRevisionSummary{Arn: aws.String("rev9")},
			},
		})
		f.services[0].Deployments = []types.Deployment{{
			Id: aws.String("ecs-svc/9"), Status: aws.String("PRIMARY"), CreatedAt: aws.Time(time.Now()),
			TaskDefinition: aws.String(arnPrefix + "task-definition/web:9"),
		}}
	})
	deploy(t, f, request("web"), func(t *testing.T, r *Result, err error) {
		v := r.Services[0]
		if want := "web:2 was superseded by a newer deployment of web:9 (d9)"; err != nil || v.Headline() != want || v.Took > 2*time.Minute {
			t.Errorf("got %q after %s, %v", v.Headline(), v.Took, err)
		}
	})
	if f.count("UpdateService") != 1 || f.count("StopServiceDeployment") != 0 {
		t.Errorf("calls %v", f.calls)
	}
}
