package codedeploy

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

func key(ctx context.Context, name *string) string {
	return wire.Caller(ctx).Scope() + "/" + aws.ToString(name)
}

// CreateApplication makes an application of the compute platform ECS.
func (s *Service) CreateApplication(
	ctx context.Context, in *codedeploy.CreateApplicationInput,
) (*codedeploy.CreateApplicationOutput, error) {
	if in.ComputePlatform != types.ComputePlatformEcs {
		return nil, &types.InvalidComputePlatformException{Message: aws.String("local AWS has the compute platform ECS only.")}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.applications[key(ctx, in.ApplicationName)] != nil {
		return nil, &types.ApplicationAlreadyExistsException{
			Message: aws.String("Application already exists: " + *in.ApplicationName),
		}
	}
	app := &application{
		Info: types.ApplicationInfo{
			ApplicationId: aws.String(newID()), ApplicationName: in.ApplicationName, ComputePlatform: in.ComputePlatform,
			CreateTime: aws.Time(s.clock.Now()),
		},
		Groups: map[string]*types.DeploymentGroupInfo{},
	}
	s.applications[key(ctx, in.ApplicationName)] = app
	return &codedeploy.CreateApplicationOutput{ApplicationId: app.Info.ApplicationId}, nil
}

// CreateDeploymentGroup names the service that an application deploys, and the target groups that it moves between.
func (s *Service) CreateDeploymentGroup(
	ctx context.Context, in *codedeploy.CreateDeploymentGroupInput,
) (*codedeploy.CreateDeploymentGroupOutput, error) {
	group := &types.DeploymentGroupInfo{
		ApplicationName: in.ApplicationName, DeploymentGroupName: in.DeploymentGroupName, DeploymentGroupId: aws.String(newID()),
		ComputePlatform: types.ComputePlatformEcs, ServiceRoleArn: in.ServiceRoleArn, EcsServices: in.EcsServices,
		LoadBalancerInfo: in.LoadBalancerInfo, AutoRollbackConfiguration: in.AutoRollbackConfiguration,
		BlueGreenDeploymentConfiguration: in.BlueGreenDeploymentConfiguration, DeploymentStyle: in.DeploymentStyle,
		DeploymentConfigName: aws.String(cmp.Or(aws.ToString(in.DeploymentConfigName), allAtOnce)),
	}
	if err := checkGroup(group); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.applications[key(ctx, in.ApplicationName)]
	if app == nil {
		return nil, noApplication(in.ApplicationName)
	}
	if app.Groups[*in.DeploymentGroupName] != nil {
		return nil, &types.DeploymentGroupAlreadyExistsException{
			Message: aws.String("Deployment group already exists: " + *in.DeploymentGroupName),
		}
	}
	app.Groups[*in.DeploymentGroupName] = group
	return &codedeploy.CreateDeploymentGroupOutput{DeploymentGroupId: group.DeploymentGroupId}, nil
}

// checkGroup refuses what CodeDeploy refuses for ECS, and what is not here.
func checkGroup(group *types.DeploymentGroupInfo) error {
	if _, err := shares(aws.ToString(group.DeploymentConfigName)); err != nil {
		return err
	}
	if len(group.EcsServices) != 1 {
		return &types.InvalidECSServiceException{Message: aws.String("Exactly one ECS service must be specified.")}
	}
	info := group.LoadBalancerInfo
	if info == nil || len(info.TargetGroupPairInfoList) != 1 || len(info.TargetGroupPairInfoList[0].TargetGroups) != 2 ||
		info.TargetGroupPairInfoList[0].ProdTrafficRoute == nil {
		return &types.InvalidLoadBalancerInfoException{
			Message: aws.String("A pair of target groups and the listener of production traffic must be specified."),
		}
	}
	config := group.BlueGreenDeploymentConfiguration
	if config == nil || config.DeploymentReadyOption == nil || config.TerminateBlueInstancesOnDeploymentSuccess == nil {
		return &types.InvalidBlueGreenDeploymentConfigurationException{
			Message: aws.String("The blue/green deployment configuration needs deploymentReadyOption and terminateBlueInstancesOnDeploymentSuccess."),
		}
	}
	if config.DeploymentReadyOption.ActionOnTimeout == types.DeploymentReadyActionStopDeployment {
		return &types.InvalidBlueGreenDeploymentConfigurationException{
			Message: aws.String("local AWS reroutes traffic at once: of deploymentReadyOption it has CONTINUE_DEPLOYMENT only."),
		}
	}
	return nil
}

// GetDeploymentGroup describes a deployment group.
func (s *Service) GetDeploymentGroup(
	ctx context.Context, in *codedeploy.GetDeploymentGroupInput,
) (*codedeploy.GetDeploymentGroupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	group, err := s.group(ctx, in.ApplicationName, in.DeploymentGroupName)
	if err != nil {
		return nil, err
	}
	info := *group
	return &codedeploy.GetDeploymentGroupOutput{DeploymentGroupInfo: &info}, nil
}

// group finds a deployment group; the caller holds the lock.
func (s *Service) group(ctx context.Context, application, name *string) (*types.DeploymentGroupInfo, error) {
	app := s.applications[key(ctx, application)]
	if app == nil {
		return nil, noApplication(application)
	}
	group := app.Groups[aws.ToString(name)]
	if group == nil {
		return nil, &types.DeploymentGroupDoesNotExistException{
			Message: aws.String("No Deployment Group found for name: " + aws.ToString(name)),
		}
	}
	return group, nil
}

func noApplication(name *string) error {
	return &types.ApplicationDoesNotExistException{Message: aws.String("No application found for name: " + aws.ToString(name))}
}
