package deployecs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cdtypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// runByCodeDeploy creates the service on v1 for CodeDeploy, with an
// application and a group of the names that its console gives.
// With a clock that runs fast, tasks need more grace.
func (w *world) runByCodeDeploy(autoRollback bool, grace int32) {
	w.Helper()
	ctx := w.Context()
	w.register("web", w.push("v1", image.Web{}), nil)
	must(w.ecs.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: aws.String("shop"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(2),
		LaunchType: types.LaunchTypeFargate, NetworkConfiguration: network(), HealthCheckGracePeriodSeconds: &grace,
		DeploymentController: &types.DeploymentController{Type: types.DeploymentControllerTypeCodeDeploy},
		LoadBalancers:        []types.LoadBalancer{{TargetGroupArn: &w.blue, ContainerName: aws.String("web"), ContainerPort: aws.Int32(8080)}},
	}))(w)
	rules := must(w.elb.DescribeRules(ctx, &elb.DescribeRulesInput{RuleArns: []string{w.rule}}))(w)
	_, path, _ := strings.Cut(*rules.Rules[0].RuleArn, ":listener-rule/")
	listener := strings.Replace(*rules.Rules[0].RuleArn, ":listener-rule/"+path, ":listener/"+path[:strings.LastIndex(path, "/")], 1)
	client := codedeploy.NewFromConfig(w.aws.Config())
	must(client.CreateApplication(ctx, &codedeploy.CreateApplicationInput{
		ApplicationName: aws.String("AppECS-shop-web"), ComputePlatform: cdtypes.ComputePlatformEcs,
	}))(w)
	must(client.CreateDeploymentGroup(ctx, &codedeploy.CreateDeploymentGroupInput{
		ApplicationName: aws.String("AppECS-shop-web"), DeploymentGroupName: aws.String("DgpECS-shop-web"),
		ServiceRoleArn: aws.String("arn:aws:iam::111122223333:role/codedeploy"),
		EcsServices:    []cdtypes.ECSService{{ClusterName: aws.String("shop"), ServiceName: aws.String("web")}},
		AutoRollbackConfiguration: &cdtypes.AutoRollbackConfiguration{
			Enabled: autoRollback, Events: []cdtypes.AutoRollbackEvent{cdtypes.AutoRollbackEventDeploymentFailure},
		},
		BlueGreenDeploymentConfiguration: &cdtypes.BlueGreenDeploymentConfiguration{
			DeploymentReadyOption: &cdtypes.DeploymentReadyOption{ActionOnTimeout: cdtypes.DeploymentReadyActionContinueDeployment},
			TerminateBlueInstancesOnDeploymentSuccess: &cdtypes.BlueInstanceTerminationOption{
				Action: cdtypes.InstanceActionTerminate, TerminationWaitTimeInMinutes: 1,
			},
		},
		LoadBalancerInfo: &cdtypes.LoadBalancerInfo{TargetGroupPairInfoList: []cdtypes.TargetGroupPairInfo{{
			TargetGroups:     []cdtypes.TargetGroupInfo{{Name: aws.String("blue")}, {Name: aws.String("green")}},
			ProdTrafficRoute: &cdtypes.TrafficRoute{ListenerArns: []string{listener}},
		}}},
	}))(w)
	w.until("v1 serves", func() bool {
		sets := w.describe().TaskSets
		return w.version() == "v1" && len(sets) == 1 && sets[0].StabilityStatus == types.StabilityStatusSteadyState
	})
}

// appSpecFile writes one whose AfterAllowTraffic hook is a function.
func appSpecFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "appspec.yaml")
	const spec = `
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: <TASK_DEFINITION>
        LoadBalancerInfo: {ContainerName: web, ContainerPort: 8080}
Hooks:
  - AfterAllowTraffic: smoke
`
	if err := os.WriteFile(path, []byte(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// CodeDeploy moves the service and its traffic; what fails goes back, by
// CodeDeploy itself or, where it is not told to, by the step.
func TestCodeDeploy(t *testing.T) {
	for _, tt := range []struct {
		name         string
		autoRollback bool
		serves       string // before a hook fails
		failed       string // how that ends
		by           string
	}{
		{"rolls back by itself", true, "v2", "rolled-back", "rolled back by CodeDeploy"},
		{"does not roll back", false, "v1", "failed", "web:2 failed: The hook AfterAllowTraffic failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, 60)
			w.runByCodeDeploy(tt.autoRollback, 10)
			var hook error
			w.aws.CodeDeploy.Function("smoke", func() error { return hook })
			spec := appSpecFile(t)
			deploy := func(t *testing.T, tag string, web image.Web) actiontest.Result {
				t.Helper()
				defer w.traffic()()
				return w.step(t.Context(), map[string]string{"images": "web=" + w.push(tag, web), "codedeploy-appspec": spec})
			}
			if tt.autoRollback {
				goodAndBad(t, w, deploy)
			}
			t.Run("failing hook", func(t *testing.T) {
				hook = errors.New("the basket is empty")
				got := deploy(t, "v4", image.Web{})
				outputs(t, got, 1, map[string]string{"deployment-status": tt.failed, "rolled-back": "true"})
				wants(t, got.Summary, tt.by, "the basket is empty", "serves again")
				wants(t, w.version(), tt.serves)
			})
			if tt.autoRollback {
				t.Run("two at once", func(t *testing.T) { twoByCodeDeploy(t, w, deploy) })
			}
		})
	}
}

func goodAndBad(t *testing.T, w *world, deploy func(*testing.T, string, image.Web) actiontest.Result) {
	t.Helper()
	t.Run("good", func(t *testing.T) {
		got := deploy(t, "v2", image.Web{})
		outputs(t, got, 0, map[string]string{"deployment-status": "succeeded", "rolled-back": "false", "service-deployment-arn": ""})
		wants(t, got.Outputs["codedeploy-deployment-id"], "d-")
		wants(t, got.Summary, "web:2 serves")
		wants(t, w.version(), "v2")
	})
	t.Run("exits", func(t *testing.T) {
		got := deploy(t, "bad", image.Web{Mode: "exit:7"})
		outputs(t, got, 1, map[string]string{"deployment-status": "failed", "rolled-back": "true"})
		wants(t, got.Summary, "tasks failed alike", "Container web exits with code 7", "exit 7\n", "web:2 serves again", "Try:")
		wants(t, w.version(), "v2")
	})
}

// twoByCodeDeploy starts a deployment while another one has not ended: the
// first wins, the second is told why it cannot.
func twoByCodeDeploy(t *testing.T, w *world, deploy func(*testing.T, string, image.Web) actiontest.Result) {
	t.Helper()
	reached, release, first := make(chan struct{}), make(chan struct{}), make(chan actiontest.Result)
	w.aws.CodeDeploy.Function("smoke", func() error {
		close(reached)
		<-release
		return nil
	})
	go func() { first <- deploy(t, "v5", image.Web{}) }()
	<-reached
	second := deploy(t, "v6", image.Web{})
	close(release)
	outputs(t, second, 1, map[string]string{"deployment-status": "failed"})
	wants(t, second.Log, "CodeDeploy deploys it already", "already has an active Deployment 'd-", "Try: wait until that deployment has ended")
	outputs(t, <-first, 0, map[string]string{"deployment-status": "succeeded"})
	wants(t, w.version(), "v5")
}

// CodeDeploy gives tasks that never get healthy an hour.
func TestCodeDeployTimesOut(t *testing.T) {
	w := newWorld(t, 600)
	w.runByCodeDeploy(true, 1800)
	got := w.step(t.Context(), map[string]string{
		"images": "web=" + w.push("mute", image.Web{Mode: "mute"}), "codedeploy-appspec": appSpecFile(t), "fail-fast-after": "0",
	})
	outputs(t, got, 1, map[string]string{"deployment-status": "rolled-back", "rolled-back": "true"})
	wants(t, got.Summary, "rolled back by CodeDeploy: The deployment timed out", "web:1 serves again", "no healthy answer from container web")
	wants(t, w.version(), "v1")
}

// What CodeDeploy needs is missed before anything changes; going back by hand
// takes a revision.
func TestCodeDeployRefusals(t *testing.T) {
	w := newWorld(t, 60)
	w.runByCodeDeploy(true, 10)
	with := map[string]string{
		"images": "web=" + w.push("v2", image.Web{}), "codedeploy-appspec": "nothing.yaml", "codedeploy-application": "none",
		"desired-count": "5",
	}
	got := w.step(t.Context(), with)
	outputs(t, got, 1, map[string]string{"deployment-status": "failed", "changed": "false"})
	wants(t, got.Log, `there is no AppSpec file "nothing.yaml"`, "no deployment group DgpECS-shop-web in an application none",
		"does not take: desired count from 2 to 5")
	got = w.step(t.Context(), map[string]string{"mode": "rollback"})
	outputs(t, got, 1, nil)
	wants(t, got.Log, "is deployed by CodeDeploy", "name the revision to go back to in rollback-to")
	w.unchanged()
}
