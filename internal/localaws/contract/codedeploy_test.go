package contract

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// deploymentGroup makes an application for ECS and its group.
func (r *run) deploymentGroup(c *codedeploy.Client, name string) {
	_, err := c.CreateApplication(r, &codedeploy.CreateApplicationInput{ApplicationName: &name, ComputePlatform: types.ComputePlatformEcs})
	r.ok("create the application", err)
	_, err = c.CreateDeploymentGroup(r, groupInput(name))
	r.ok("create the group", err)
}

func groupInput(name string) *codedeploy.CreateDeploymentGroupInput {
	return &codedeploy.CreateDeploymentGroupInput{
		ApplicationName: &name, DeploymentGroupName: &name, ServiceRoleArn: aws.String("arn:aws:iam::111122223333:role/codedeploy"),
		DeploymentConfigName: aws.String("CodeDeployDefault.ECSAllAtOnce"),
		EcsServices:          []types.ECSService{{ClusterName: aws.String("none"), ServiceName: &name}},
		AutoRollbackConfiguration: &types.AutoRollbackConfiguration{
			Enabled: true, Events: []types.AutoRollbackEvent{types.AutoRollbackEventDeploymentFailure},
		},
		BlueGreenDeploymentConfiguration: &types.BlueGreenDeploymentConfiguration{
			DeploymentReadyOption: &types.DeploymentReadyOption{ActionOnTimeout: types.DeploymentReadyActionContinueDeployment},
			TerminateBlueInstancesOnDeploymentSuccess: &types.BlueInstanceTerminationOption{
				Action: types.InstanceActionTerminate, TerminationWaitTimeInMinutes: 5,
			},
		},
		LoadBalancerInfo: &types.LoadBalancerInfo{TargetGroupPairInfoList: []types.TargetGroupPairInfo{{
			TargetGroups:     []types.TargetGroupInfo{{Name: aws.String("blue")}, {Name: aws.String("green")}},
			ProdTrafficRoute: &types.TrafficRoute{ListenerArns: []string{"arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/none"}},
		}}},
	}
}

func revision(content string) *types.RevisionLocation {
	return &types.RevisionLocation{
		RevisionType: types.RevisionLocationTypeAppSpecContent, AppSpecContent: &types.AppSpecContent{Content: &content},
	}
}

const spec = `{"version":1,"Resources":[{"TargetService":{"Type":"AWS::ECS::Service","Properties":{"TaskDefinition":"web:1"}}}]}`

// Deployments have no judge: moto's stay Created for ever and cannot be stopped, and it sends their times as text, which the
// SDK does not take. https://docs.aws.amazon.com/codedeploy/latest/APIReference/
var codeDeployments = []contract{
	{"codedeploy", "applications and groups", func(r *run) {
		c, name := codedeploy.NewFromConfig(r.cfg), aws.String("AppECS-shop-web")
		r.deploymentGroup(c, *name)
		_, err := c.CreateApplication(r, &codedeploy.CreateApplicationInput{ApplicationName: name, ComputePlatform: types.ComputePlatformEcs})
		r.fails("create the application twice", err, "ApplicationAlreadyExistsException")
		_, err = c.CreateDeploymentGroup(r, groupInput(*name))
		r.fails("create the group twice", err, "DeploymentGroupAlreadyExistsException")
		out, err := c.GetDeploymentGroup(r, &codedeploy.GetDeploymentGroupInput{ApplicationName: name, DeploymentGroupName: name})
		if r.ok("get the group", err) {
			config := out.DeploymentGroupInfo.BlueGreenDeploymentConfiguration
			r.equal("wait before termination", config.TerminateBlueInstancesOnDeploymentSuccess.TerminationWaitTimeInMinutes, 5)
			r.equal("configuration", out.DeploymentGroupInfo.DeploymentConfigName, "CodeDeployDefault.ECSAllAtOnce")
			r.equal("service", out.DeploymentGroupInfo.EcsServices[0].ServiceName, *name)
		}
		_, err = c.GetDeploymentGroup(r, &codedeploy.GetDeploymentGroupInput{ApplicationName: name, DeploymentGroupName: aws.String("none")})
		r.fails("get no group", err, "DeploymentGroupDoesNotExistException")
		_, err = c.GetDeploymentGroup(r, &codedeploy.GetDeploymentGroupInput{ApplicationName: aws.String("none"), DeploymentGroupName: name})
		r.fails("get a group of no application", err, "ApplicationDoesNotExistException")
		_, err = c.CreateDeployment(r, &codedeploy.CreateDeploymentInput{ApplicationName: aws.String("none"), DeploymentGroupName: name})
		r.fails("deploy no application", err, "ApplicationDoesNotExistException")
	}},
	{"codedeploy deployments", "one that fails and some that are refused", func(r *run) {
		c, name := codedeploy.NewFromConfig(r.cfg), aws.String("refused")
		r.deploymentGroup(c, *name)
		create := func(revision *types.RevisionLocation, config *string) (*codedeploy.CreateDeploymentOutput, error) {
			return c.CreateDeployment(r, &codedeploy.CreateDeploymentInput{ //nolint:wrapcheck // a test's
				ApplicationName: name, DeploymentGroupName: name, Revision: revision, DeploymentConfigName: config,
			})
		}
		_, err := create(nil, nil)
		r.fails("without revision", err, "RevisionRequiredException")
		_, err = create(revision("Resources: ["), nil)
		r.fails("not an AppSpec", err, "InvalidRevisionException")
		_, err = create(revision(spec), aws.String("none"))
		r.fails("no such configuration", err, "DeploymentConfigDoesNotExistException")
		made, err := create(revision(spec), nil)
		if !r.ok("create", err) {
			return
		}
		r.until("the deployment has failed", func() (bool, error) {
			out, err := c.GetDeployment(r, &codedeploy.GetDeploymentInput{DeploymentId: made.DeploymentId})
			return err == nil && out.DeploymentInfo.Status == types.DeploymentStatusFailed, err
		})
		_, err = c.StopDeployment(r, &codedeploy.StopDeploymentInput{DeploymentId: made.DeploymentId})
		r.fails("stop what is over", err, "DeploymentAlreadyCompletedException")
		_, err = c.GetDeployment(r, &codedeploy.GetDeploymentInput{DeploymentId: aws.String("d-NONE")})
		r.fails("get none", err, "DeploymentDoesNotExistException")
	}},
}
