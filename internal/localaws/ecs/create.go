package ecs

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/org/shipkit/internal/localaws/wire"
)

// CreateService makes a service and starts its first deployment.
func (s *Service) CreateService(ctx context.Context, in *ecs.CreateServiceInput) (*ecs.CreateServiceOutput, error) {
	controller, err := controllerOf(in)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.ServiceName)
	if !namePattern.MatchString(name) {
		return nil, invalid("Invalid service name.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	if old := c.services[name]; old != nil && old.status == "ACTIVE" {
		return nil, invalid("Creation of service was not idempotent.")
	} else if old != nil && old.status == "DRAINING" {
		return nil, invalid("Unable to Start a service that is still Draining.")
	}
	def, err := s.usable(ctx, in.TaskDefinition)
	if err != nil {
		return nil, err
	}
	set := settings{
		def: def, desired: int(aws.ToInt32(in.DesiredCount)), balancers: in.LoadBalancers, network: in.NetworkConfiguration,
		grace:  time.Duration(aws.ToInt32(in.HealthCheckGracePeriodSeconds)) * time.Second,
		launch: cmp.Or(in.LaunchType, types.LaunchTypeFargate), strategy: in.CapacityProviderStrategy,
		exec: in.EnableExecuteCommand, managed: in.EnableECSManagedTags, propagate: in.PropagateTags,
		config: merge(&types.DeploymentConfiguration{
			MaximumPercent: aws.Int32(200), MinimumHealthyPercent: aws.Int32(100), Strategy: types.DeploymentStrategyRolling,
			DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{},
		}, in.DeploymentConfiguration),
	}
	if err := s.check(ctx, set); err != nil {
		return nil, err
	}
	svc := &service{
		name: name, arn: arnOf(c.caller, "service/%s/%s", c.name, name), cluster: c, created: s.Clock.Now(),
		createdBy: wire.Caller(ctx).ARN, status: "ACTIVE", controller: controller, settings: set, tags: in.Tags, woken: make(chan struct{}, 1),
	}
	c.services[name] = svc
	s.begin(svc, s.newRevision(svc))
	s.spawn(func() { s.schedule(svc) })
	return &ecs.CreateServiceOutput{Service: svc.describe()}, nil
}

// UpdateService changes a service. A new task definition, load balancer or network, or force, starts a deployment; a new
// desired count alone does not.
func (s *Service) UpdateService(ctx context.Context, in *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	svc := c.service(aws.ToString(in.Service))
	if svc == nil {
		return nil, serviceNotFound()
	}
	if svc.status != "ACTIVE" {
		return nil, &types.ServiceNotActiveException{Message: aws.String("Service was not ACTIVE.")}
	}
	if err := svc.refuseUpdate(in); err != nil {
		return nil, err
	}
	set, deploys := svc.settings, in.ForceNewDeployment
	if in.TaskDefinition != nil {
		if set.def, err = s.usable(ctx, in.TaskDefinition); err != nil {
			return nil, err
		}
		deploys = deploys || set.def != svc.settings.def
	}
	if in.DesiredCount != nil {
		set.desired = int(*in.DesiredCount)
	}
	if in.LoadBalancers != nil {
		deploys = deploys || !reflect.DeepEqual(set.balancers, in.LoadBalancers)
		set.balancers = in.LoadBalancers
	}
	if in.NetworkConfiguration != nil {
		deploys = deploys || !reflect.DeepEqual(set.network, in.NetworkConfiguration)
		set.network = in.NetworkConfiguration
	}
	if in.HealthCheckGracePeriodSeconds != nil {
		set.grace = time.Duration(*in.HealthCheckGracePeriodSeconds) * time.Second
	}
	if in.CapacityProviderStrategy != nil {
		set.strategy = in.CapacityProviderStrategy
	}
	if in.EnableExecuteCommand != nil {
		set.exec = *in.EnableExecuteCommand
	}
	if in.EnableECSManagedTags != nil {
		set.managed = *in.EnableECSManagedTags
	}
	set.propagate = cmp.Or(in.PropagateTags, set.propagate)
	set.config = merge(svc.settings.config, in.DeploymentConfiguration)
	if err := s.check(ctx, set); err != nil {
		return nil, err
	}
	svc.settings, svc.steady = set, false
	if deploys {
		s.begin(svc, s.newRevision(svc))
	}
	svc.poke()
	return &ecs.UpdateServiceOutput{Service: svc.describe()}, nil
}

// merge lays what a request says of the deployment configuration over what is there.
func merge(have, said *types.DeploymentConfiguration) *types.DeploymentConfiguration {
	if said == nil {
		return have
	}
	c := *have
	c.Strategy = cmp.Or(said.Strategy, c.Strategy)
	assign(&c.Alarms, said.Alarms)
	assign(&c.BakeTimeInMinutes, said.BakeTimeInMinutes)
	assign(&c.CanaryConfiguration, said.CanaryConfiguration)
	assign(&c.LinearConfiguration, said.LinearConfiguration)
	assign(&c.DeploymentCircuitBreaker, said.DeploymentCircuitBreaker)
	assign(&c.EarlySuccessCriteria, said.EarlySuccessCriteria)
	assign(&c.MaximumPercent, said.MaximumPercent)
	assign(&c.MinimumHealthyPercent, said.MinimumHealthyPercent)
	if said.LifecycleHooks != nil {
		c.LifecycleHooks = said.LifecycleHooks
	}
	return &c
}

func assign[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// newRevision takes a snapshot of the service. A deployment that shifts traffic goes to the target group that does not serve.
func (s *Service) newRevision(svc *service) *serviceRevision {
	rev := &serviceRevision{
		arn: arnOf(svc.cluster.caller, "service-revision/%s/%s/%s", svc.cluster.name, svc.name, newNumber()),
		def: svc.settings.def, balancers: svc.settings.balancers, settings: svc.settings, created: s.Clock.Now(),
		digests: map[string]string{},
	}
	var serving *deployment
	if live := byTraffic(svc.live); len(live) > 0 {
		serving = live[0]
	}
	shifts := (&rollout{config: *svc.settings.config}).shifts()
	for i, lb := range rev.balancers {
		group, now := aws.ToString(lb.TargetGroupArn), serving.group(i)
		alternate := group
		if lb.AdvancedConfiguration != nil {
			alternate = aws.ToString(lb.AdvancedConfiguration.AlternateTargetGroupArn)
		}
		switch {
		case shifts && now == group:
			group = alternate
		case !shifts && now == alternate:
			group = alternate // blue-green left the service there
		}
		rev.groups = append(rev.groups, group)
	}
	return rev
}

// check refuses what ECS refuses, in its words.
func (s *Service) check(ctx context.Context, set settings) error {
	if set.desired < 0 {
		return invalid("desiredCount cannot be negative.")
	}
	if set.def.NetworkMode == types.NetworkModeAwsvpc && set.network == nil {
		return invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	}
	if err := checkStrategy(set); err != nil {
		return err
	}
	for _, lb := range set.balancers {
		if err := s.checkBalancer(ctx, set, lb); err != nil {
			return err
		}
	}
	return nil
}

func checkStrategy(set settings) error {
	c := set.config
	blocked := or(c.MaximumPercent, 200) <= 100 && or(c.MinimumHealthyPercent, 100) >= 100
	if c.Strategy == types.DeploymentStrategyRolling && blocked {
		return invalid("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.")
	}
	needsTraffic := c.Strategy == types.DeploymentStrategyCanary || c.Strategy == types.DeploymentStrategyLinear
	if needsTraffic && len(set.balancers) == 0 {
		return invalid("The deployment strategy %s needs a load balancer or Service Connect.", c.Strategy)
	}
	if c.EarlySuccessCriteria != nil && c.EarlySuccessCriteria.Enable {
		return invalid("local AWS has no earlySuccessCriteria.")
	}
	for _, h := range c.LifecycleHooks {
		if h.TargetType != types.DeploymentLifecycleHookTargetTypePause {
			return invalid("local AWS runs no Lambda function: of lifecycle hooks it has PAUSE only.")
		}
		for _, stage := range h.LifecycleStages {
			switch stage {
			case types.DeploymentLifecycleHookStageTestTrafficShift, types.DeploymentLifecycleHookStageProductionTrafficShift:
				return invalid("PAUSE hooks cannot be configured at %s.", stage)
			}
		}
	}
	return nil
}

func (s *Service) checkBalancer(ctx context.Context, set settings, lb types.LoadBalancer) error {
	if s.Balancer == nil {
		return invalid("local AWS runs without load balancers.")
	}
	if !slices.ContainsFunc(set.def.ContainerDefinitions, func(d types.ContainerDefinition) bool {
		return *d.Name == aws.ToString(lb.ContainerName) && slices.ContainsFunc(d.PortMappings, func(m types.PortMapping) bool {
			return aws.ToInt32(m.ContainerPort) == aws.ToInt32(lb.ContainerPort)
		})
	}) {
		return invalid("The container %s did not have a container port %d defined.",
			aws.ToString(lb.ContainerName), aws.ToInt32(lb.ContainerPort))
	}
	groups := []string{aws.ToString(lb.TargetGroupArn)}
	if set.config.Strategy != types.DeploymentStrategyRolling {
		if lb.AdvancedConfiguration == nil || lb.AdvancedConfiguration.ProductionListenerRule == nil {
			return invalid("advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy.")
		}
		groups = append(groups, aws.ToString(lb.AdvancedConfiguration.AlternateTargetGroupArn))
		rules := &elb.DescribeRulesInput{RuleArns: []string{*lb.AdvancedConfiguration.ProductionListenerRule}}
		if _, err := s.Balancer.DescribeRules(ctx, rules); err != nil {
			return invalid("%v", err)
		}
	}
	for _, group := range groups {
		out, err := s.Balancer.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{group}})
		if err != nil {
			return invalid("The target group %s does not exist.", group)
		}
		if len(out.TargetGroups[0].LoadBalancerArns) == 0 {
			return invalid("The target group with targetGroupArn %s does not have an associated load balancer.", group)
		}
	}
	return nil
}
