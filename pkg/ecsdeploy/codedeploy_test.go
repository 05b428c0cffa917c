package ecsdeploy

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// fakeCodeDeploy ends its one deployment after a while, or when it is stopped.
type fakeCodeDeploy struct {
	created *codedeploy.CreateDeploymentInput
	began   time.Time
	lasts   time.Duration
	ends    types.DeploymentStatus
	stopped bool
}

func (f *fakeCodeDeploy) GetDeploymentGroup(context.Context, *codedeploy.GetDeploymentGroupInput, ...func(*codedeploy.Options)) (*codedeploy.GetDeploymentGroupOutput, error) {
	return &codedeploy.GetDeploymentGroupOutput{DeploymentGroupInfo: &types.DeploymentGroupInfo{
		BlueGreenDeploymentConfiguration: &types.BlueGreenDeploymentConfiguration{
			TerminateBlueInstancesOnDeploymentSuccess: &types.BlueInstanceTerminationOption{TerminationWaitTimeInMinutes: 5},
		},
	}}, nil
}

func (f *fakeCodeDeploy) CreateDeployment(_ context.Context, in *codedeploy.CreateDeploymentInput, _ ...func(*codedeploy.Options)) (*codedeploy.CreateDeploymentOutput, error) {
	f.created, f.began = in, time.Now()
	return &codedeploy.CreateDeploymentOutput{DeploymentId: aws.String("d-1")}, nil
}

func (f *fakeCodeDeploy) GetDeployment(context.Context, *codedeploy.GetDeploymentInput, ...func(*codedeploy.Options)) (*codedeploy.GetDeploymentOutput, error) {
	info := &types.DeploymentInfo{Status: types.DeploymentStatusInProgress}
	switch {
	case f.stopped:
		info.Status, info.RollbackInfo = types.DeploymentStatusStopped, &types.RollbackInfo{RollbackDeploymentId: aws.String("d-2")}
	case time.Since(f.began) >= f.lasts:
		info.Status, info.ErrorInformation = f.ends, &types.ErrorInformation{Message: aws.String("one task failed")}
	}
	return &codedeploy.GetDeploymentOutput{DeploymentInfo: info}, nil
}

func (f *fakeCodeDeploy) StopDeployment(_ context.Context, in *codedeploy.StopDeploymentInput, _ ...func(*codedeploy.Options)) (*codedeploy.StopDeploymentOutput, error) {
	f.stopped = aws.ToBool(in.AutoRollbackEnabled)
	return &codedeploy.StopDeploymentOutput{}, nil
}

func TestCodeDeploy(t *testing.T) {
	const spec = "version: 1\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      Properties:\n        taskDefinition: old\n"
	for _, tt := range []struct {
		name    string
		fake    fakeCodeDeploy
		outcome Outcome
		reason  string
		took    time.Duration
	}{
		{"succeeded", fakeCodeDeploy{lasts: 3 * time.Minute, ends: types.DeploymentStatusSucceeded}, Succeeded, "", 3 * time.Minute},
		{"failed", fakeCodeDeploy{lasts: 3 * time.Minute, ends: types.DeploymentStatusFailed}, Failed, "one task failed", 3 * time.Minute},
		{"timed out after the configured waits as well, then stopped with a rollback", fakeCodeDeploy{lasts: time.Hour}, TimedOut, "CodeDeploy did not finish in time", 35 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.services[0].DeploymentController = &ecstypes.DeploymentController{Type: ecstypes.DeploymentControllerTypeCodeDeploy}
			synctest.Test(t, func(t *testing.T) {
				c := f.clients()
				c.CodeDeploy = &tt.fake
				req := request("web")
				req.CodeDeploy = CodeDeployOptions{AppSpecFile: "appspec.yaml", AppSpec: []byte(spec), Description: strings.Repeat("é", 600)}
				p, err := NewPlan(t.Context(), c, req)
				if err != nil {
					t.Fatal(err)
				}
				r, err := Apply(t.Context(), c, p, Hooks{})
				if err != nil {
					t.Fatal(err)
				}
				v := r.Services[0]
				if v.Outcome != tt.outcome || v.Reason != tt.reason || v.Took < tt.took || v.Took > tt.took+20*time.Second {
					t.Errorf("got %s, %q after %s", v.Outcome, v.Reason, v.Took)
				}
				if v.RolledBack != (tt.outcome != Succeeded) || tt.fake.stopped != (tt.outcome == TimedOut) {
					t.Errorf("rolled back: %t, stopped: %t", v.RolledBack, tt.fake.stopped)
				}
			})
			in := tt.fake.created
			content := aws.ToString(in.Revision.AppSpecContent.Content)
			if *in.ApplicationName != "AppECS-shop-web" || *in.DeploymentGroupName != "DgpECS-shop-web" || len([]rune(*in.Description)) != 512 ||
				!strings.Contains(content, `"taskDefinition":"`+arnPrefix+`task-definition/web:2"`) {
				t.Errorf("created %s of %s with %s", *in.ApplicationName, *in.DeploymentGroupName, content)
			}
			if f.count("UpdateService") != 0 {
				t.Error("CodeDeploy's services must not be updated")
			}
		})
	}
}

func FuzzAppSpec(f *testing.F) {
	f.Add([]byte("Resources:\n  - A:\n      Properties:\n        TaskDefinition: x\n"))
	f.Add([]byte(`{"resources":[{"a":{"properties":{}}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := appSpec("appspec.yaml", data, "arn:new")
		if err == nil && !strings.Contains(string(out), "arn:new") {
			t.Errorf("the task definition is not in %s", out)
		}
	})
}
