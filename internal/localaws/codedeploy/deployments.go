package codedeploy

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// deployment is one on its way, or the record of one.
type deployment struct {
	info    types.DeploymentInfo
	group   *types.DeploymentGroupInfo
	spec    appSpec
	stopped chan bool // takes the wish to stop: with or without a rollback
}

func (d *deployment) over() bool { return d.info.CompleteTime != nil }

// CreateDeployment starts to move the group's service to the revision.
func (s *Service) CreateDeployment(
	ctx context.Context, in *codedeploy.CreateDeploymentInput,
) (*codedeploy.CreateDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	group, err := s.group(ctx, in.ApplicationName, in.DeploymentGroupName)
	if err != nil {
		return nil, err
	}
	config := cmp.Or(aws.ToString(in.DeploymentConfigName), aws.ToString(group.DeploymentConfigName))
	if _, err := shares(config); err != nil {
		return nil, err
	}
	spec, err := parse(in.Revision)
	if err != nil {
		return nil, err
	}
	if d := s.active(group); d != nil {
		return nil, &types.DeploymentLimitExceededException{Message: aws.String("The Deployment Group '" +
			*group.DeploymentGroupName + "' already has an active Deployment '" + *d.info.DeploymentId + "'")}
	}
	d := s.record(group, types.DeploymentCreatorUser)
	d.spec, d.stopped = spec, make(chan bool, 1)
	d.info.Description, d.info.Revision, d.info.DeploymentConfigName = in.Description, in.Revision, &config
	caller := wire.WithCaller(s.ctx, wire.Caller(ctx))
	s.running.Go(func() { s.run(caller, d) })
	return &codedeploy.CreateDeploymentOutput{DeploymentId: d.info.DeploymentId}, nil
}

// record makes the record of a deployment; the caller holds the lock.
func (s *Service) record(group *types.DeploymentGroupInfo, by types.DeploymentCreator) *deployment {
	now := s.clock.Now()
	d := &deployment{group: group, info: types.DeploymentInfo{
		DeploymentId: aws.String(newID()), ApplicationName: group.ApplicationName, DeploymentGroupName: group.DeploymentGroupName,
		DeploymentConfigName: group.DeploymentConfigName, ComputePlatform: types.ComputePlatformEcs, Creator: by,
		DeploymentStyle: group.DeploymentStyle, LoadBalancerInfo: group.LoadBalancerInfo,
		AutoRollbackConfiguration: group.AutoRollbackConfiguration, CreateTime: &now, StartTime: &now,
		BlueGreenDeploymentConfiguration: group.BlueGreenDeploymentConfiguration, Status: types.DeploymentStatusInProgress,
	}}
	s.deployments[*d.info.DeploymentId] = d
	return d
}

// active is the deployment of a group that is not over, or nil; the caller holds the lock.
func (s *Service) active(group *types.DeploymentGroupInfo) *deployment {
	for _, d := range s.deployments {
		if d.group == group && !d.over() {
			return d
		}
	}
	return nil
}

// GetDeployment describes a deployment.
func (s *Service) GetDeployment(_ context.Context, in *codedeploy.GetDeploymentInput) (*codedeploy.GetDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.find(in.DeploymentId)
	if err != nil {
		return nil, err
	}
	info := d.info
	return &codedeploy.GetDeploymentOutput{DeploymentInfo: &info}, nil
}

func (s *Service) find(id *string) (*deployment, error) {
	if d := s.deployments[aws.ToString(id)]; d != nil {
		return d, nil
	}
	return nil, &types.DeploymentDoesNotExistException{
		Message: aws.String("The deployment " + aws.ToString(id) + " could not be found"),
	}
}

// StopDeployment ends a deployment that is not over, with a rollback if asked to.
func (s *Service) StopDeployment(_ context.Context, in *codedeploy.StopDeploymentInput) (*codedeploy.StopDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.find(in.DeploymentId)
	if err != nil {
		return nil, err
	}
	if d.over() || d.stopped == nil {
		return nil, &types.DeploymentAlreadyCompletedException{
			Message: aws.String("The deployment " + *in.DeploymentId + " is in a terminal state or cannot be stopped"),
		}
	}
	select {
	case d.stopped <- aws.ToBool(in.AutoRollbackEnabled):
	default: // it is being stopped
	}
	return &codedeploy.StopDeploymentOutput{
		Status: types.StopStatusPending, StatusMessage: aws.String("The deployment is being stopped"),
	}, nil
}
