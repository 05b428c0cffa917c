package ecs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// DescribeServices describes up to 10 services; unknown ones are failures with the reason MISSING.
func (s *Service) DescribeServices(ctx context.Context, in *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
	if len(in.Services) == 0 {
		return nil, invalid("Services cannot be empty.")
	}
	if len(in.Services) > 10 {
		return nil, invalid("Services cannot have more than 10 elements.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	out := &ecs.DescribeServicesOutput{Services: []types.Service{}, Failures: []types.Failure{}}
	for _, ref := range in.Services {
		svc := c.service(ref)
		if svc == nil {
			if !strings.HasPrefix(ref, "arn:") {
				ref = arnOf(c.caller, "service/%s/%s", c.name, ref)
			}
			out.Failures = append(out.Failures, missing(ref))
			continue
		}
		d := svc.describe()
		if !slices.Contains(in.Include, types.ServiceFieldTags) {
			d.Tags = nil
		}
		out.Services = append(out.Services, *d)
	}
	return out, nil
}

// ListServices lists the ARNs of services.
func (s *Service) ListServices(ctx context.Context, in *ecs.ListServicesInput) (*ecs.ListServicesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(c.services)) {
		if svc := c.services[name]; svc.status != "INACTIVE" {
			all = append(all, svc.arn)
		}
	}
	page, next, err := paginate(all, in.MaxResults, in.NextToken)
	return &ecs.ListServicesOutput{ServiceArns: page, NextToken: next}, err
}

// DeleteService drains a service; one with a desired count above 0 needs force.
func (s *Service) DeleteService(ctx context.Context, in *ecs.DeleteServiceInput) (*ecs.DeleteServiceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	svc := c.service(aws.ToString(in.Service))
	if svc == nil || svc.status == "INACTIVE" {
		return nil, serviceNotFound()
	}
	if svc.settings.desired > 0 && !aws.ToBool(in.Force) {
		return nil, invalid("The service cannot be stopped while it is scaled above 0.")
	}
	if svc.rollout != nil {
		s.finish(svc.rollout, types.ServiceDeploymentStatusStopped, "Service deployment stopped because the service was deleted.")
	}
	// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html: they go with the service.
	svc.history = nil
	svc.status = "DRAINING"
	svc.settings.desired = 0
	svc.poke()
	return &ecs.DeleteServiceOutput{Service: svc.describe()}, nil
}

// describe is the service as DescribeServices shows it; the caller holds the lock.
func (svc *service) describe() *types.Service {
	set := svc.settings
	d := &types.Service{
		ServiceArn: aws.String(svc.arn), ServiceName: aws.String(svc.name), ClusterArn: aws.String(svc.cluster.arn),
		Status: aws.String(svc.status), DesiredCount: int32(set.desired), //nolint:gosec // small
		TaskDefinition: set.def.TaskDefinitionArn, DeploymentConfiguration: set.config, LoadBalancers: set.balancers,
		DeploymentController: &types.DeploymentController{Type: types.DeploymentControllerTypeEcs},
		CreatedAt:            aws.Time(svc.created), CreatedBy: aws.String(svc.createdBy), LaunchType: set.launch,
		NetworkConfiguration: set.network, CapacityProviderStrategy: set.strategy, EnableExecuteCommand: set.exec,
		EnableECSManagedTags: set.managed, PropagateTags: set.propagate, SchedulingStrategy: types.SchedulingStrategyReplica,
		Events: svc.events, Tags: slices.Clone(svc.tags), ServiceRegistries: []types.ServiceRegistry{},
		PlacementConstraints: []types.PlacementConstraint{}, PlacementStrategy: []types.PlacementStrategy{},
		Deployments: []types.Deployment{},
	}
	if len(set.balancers) > 0 {
		d.HealthCheckGracePeriodSeconds = aws.Int32(int32(set.grace / time.Second)) //nolint:gosec // small
	}
	if set.launch == types.LaunchTypeFargate {
		d.PlatformVersion, d.PlatformFamily = aws.String("LATEST"), aws.String("Linux")
	}
	if len(svc.history) > 0 {
		d.CurrentServiceDeployment = aws.String(svc.history[0].arn)
	}
	for _, x := range svc.live {
		running, pending := x.counts()
		d.RunningCount += running
		d.PendingCount += pending
		d.Deployments = append(d.Deployments, x.describe(running, pending))
		d.CurrentServiceRevisions = append(d.CurrentServiceRevisions, types.ServiceCurrentRevisionSummary{
			Arn: aws.String(x.rev.arn), RequestedTaskCount: int32(x.desired), //nolint:gosec // small
			RunningTaskCount: running, PendingTaskCount: pending,
		})
	}
	if svc.external() {
		svc.describeTaskSets(d)
	}
	return d
}

// counts are the deployment's running and pending tasks.
func (d *deployment) counts() (running, pending int32) {
	for _, t := range d.tasks() {
		switch {
		case t.running():
			running++
		case t.starting():
			pending++
		}
	}
	return running, pending
}

func (d *deployment) describe(running, pending int32) types.Deployment {
	set := d.service.settings
	return types.Deployment{
		Id: aws.String(d.id), Status: aws.String(d.status), TaskDefinition: d.rev.def.TaskDefinitionArn,
		DesiredCount: int32(d.desired), RunningCount: running, PendingCount: pending, FailedTasks: int32(d.failed), //nolint:gosec // small
		CreatedAt: aws.Time(d.created), UpdatedAt: aws.Time(d.updated), LaunchType: set.launch,
		NetworkConfiguration: set.network, RolloutState: d.rollout, RolloutStateReason: aws.String(d.reason),
	}
}
