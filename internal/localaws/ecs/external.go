package ecs

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Shift is a blue-green deployment of a service whose deployment controller is CODE_DEPLOY. CodeDeploy drives it; it goes
// the way of a service deployment, which the API does not show.
type Shift struct {
	Cluster, Service, TaskDefinition string
	Config                           types.DeploymentConfiguration
	Groups                           []string                    // the pair of target groups
	Traffic                          types.AdvancedConfiguration // the rules
}

// BeginShift starts a deployment for CodeDeploy and returns the ARN under which it can be described, stopped and continued.
func (s *Service) BeginShift(ctx context.Context, shift Shift) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(ctx, &shift.Cluster)
	if err != nil {
		return "", err
	}
	svc := c.service(shift.Service)
	if svc == nil || svc.status != "ACTIVE" {
		return "", serviceNotFound()
	}
	if !svc.external() {
		return "", invalid("The service %s does not have the CODE_DEPLOY deployment controller.", svc.name)
	}
	set := svc.settings
	if set.def, err = s.usable(ctx, &shift.TaskDefinition); err != nil {
		return "", err
	}
	set.config, set.balancers = merge(set.config, &shift.Config), nil
	for _, lb := range svc.settings.balancers {
		traffic := shift.Traffic
		i := slices.Index(shift.Groups, aws.ToString(lb.TargetGroupArn))
		if i < 0 || len(shift.Groups) != 2 {
			return "", invalid("The target group %s of the service is not one of the pair.", aws.ToString(lb.TargetGroupArn))
		}
		traffic.AlternateTargetGroupArn = &shift.Groups[1-i]
		lb.AdvancedConfiguration = &traffic
		set.balancers = append(set.balancers, lb)
	}
	if err := s.check(ctx, set); err != nil {
		return "", err
	}
	svc.settings, svc.steady = set, false
	s.begin(svc, s.newRevision(svc))
	return svc.rollout.arn, nil
}

// external reports whether CodeDeploy deploys the service.
func (svc *service) external() bool {
	return svc.controller == types.DeploymentControllerTypeCodeDeploy
}

// refuseUpdate is what ECS answers to an update that only CodeDeploy can make.
func (svc *service) refuseUpdate(in *ecs.UpdateServiceInput) error {
	const how = "on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment."
	switch {
	case !svc.external():
		return nil
	case in.TaskDefinition != nil:
		return invalid("Unable to update task definition " + how)
	case in.LoadBalancers != nil:
		return invalid("Unable to update load balancers " + how)
	case in.NetworkConfiguration != nil:
		return invalid("Unable to update network parameters " + how)
	case in.ForceNewDeployment:
		return invalid("Cannot force a new deployment " + how)
	}
	return nil
}

// describeTaskSets shows the service as CodeDeploy's are shown: with task sets in place of deployments, and as the primary
// of them is.
func (svc *service) describeTaskSets(d *types.Service) {
	d.DeploymentController = &types.DeploymentController{Type: svc.controller}
	d.CurrentServiceDeployment, d.CurrentServiceRevisions, d.Deployments = nil, nil, []types.Deployment{}
	d.DeploymentConfiguration = &types.DeploymentConfiguration{MaximumPercent: aws.Int32(200), MinimumHealthyPercent: aws.Int32(100)}
	live := byTraffic(svc.live)
	if len(live) == 0 {
		return
	}
	primary := live[0].rev
	d.TaskDefinition, d.LoadBalancers = primary.def.TaskDefinitionArn, primary.loadBalancers()
	for i, x := range live {
		running, pending := x.counts()
		set := types.TaskSet{
			Id: aws.String(x.id), ServiceArn: d.ServiceArn, ClusterArn: d.ClusterArn, TaskDefinition: x.rev.def.TaskDefinitionArn,
			Status: aws.String("ACTIVE"), LaunchType: d.LaunchType, NetworkConfiguration: d.NetworkConfiguration,
			ComputedDesiredCount: int32(x.desired), RunningCount: running, PendingCount: pending, //nolint:gosec // small
			Scale: &types.Scale{Unit: types.ScaleUnitPercent, Value: 100}, StabilityStatus: types.StabilityStatusStabilizing,
			StartedBy: aws.String("CODE_DEPLOY"), LoadBalancers: x.rev.loadBalancers(), CreatedAt: at(x.created), UpdatedAt: at(x.updated),
		}
		if i == 0 {
			set.Status = aws.String("PRIMARY")
		}
		if pending == 0 && int(running) == x.desired {
			set.StabilityStatus = types.StabilityStatusSteadyState
		}
		d.TaskSets = append(d.TaskSets, set)
	}
}

// loadBalancers are those of the service with the target groups that the revision is in.
func (rev *serviceRevision) loadBalancers() []types.LoadBalancer {
	var list []types.LoadBalancer
	for i, lb := range rev.balancers {
		lb.TargetGroupArn, lb.AdvancedConfiguration = aws.String(rev.groups[i]), nil
		list = append(list, lb)
	}
	return list
}

// controllerOf reads what a service is deployed by.
func controllerOf(in *ecs.CreateServiceInput) (types.DeploymentControllerType, error) {
	if in.DeploymentController == nil || in.DeploymentController.Type == "" {
		return types.DeploymentControllerTypeEcs, nil
	}
	if in.DeploymentController.Type == types.DeploymentControllerTypeExternal {
		return "", invalid("local AWS has the deployment controllers ECS and CODE_DEPLOY only, not EXTERNAL.")
	}
	return in.DeploymentController.Type, nil
}
