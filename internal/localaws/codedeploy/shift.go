package codedeploy

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/org/shipkit/internal/localaws/ecs"
)

// allAtOnce is how traffic moves if nothing is said.
const allAtOnce = "CodeDeployDefault.ECSAllAtOnce"

// shares is how a deployment configuration moves traffic. Those of AWS are here.
// https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
func shares(name string) (ecstypes.DeploymentConfiguration, error) {
	canary := func(minutes int32) ecstypes.DeploymentConfiguration {
		return ecstypes.DeploymentConfiguration{
			Strategy:            ecstypes.DeploymentStrategyCanary,
			CanaryConfiguration: &ecstypes.CanaryConfiguration{CanaryPercent: aws.Float64(10), CanaryBakeTimeInMinutes: &minutes},
		}
	}
	linear := func(minutes int32) ecstypes.DeploymentConfiguration {
		return ecstypes.DeploymentConfiguration{
			Strategy:            ecstypes.DeploymentStrategyLinear,
			LinearConfiguration: &ecstypes.LinearConfiguration{StepPercent: aws.Float64(10), StepBakeTimeInMinutes: &minutes},
		}
	}
	switch name {
	case allAtOnce:
		return ecstypes.DeploymentConfiguration{Strategy: ecstypes.DeploymentStrategyBlueGreen}, nil
	case "CodeDeployDefault.ECSCanary10Percent5Minutes":
		return canary(5), nil
	case "CodeDeployDefault.ECSCanary10Percent15Minutes":
		return canary(15), nil
	case "CodeDeployDefault.ECSLinear10PercentEvery1Minutes":
		return linear(1), nil
	case "CodeDeployDefault.ECSLinear10PercentEvery3Minutes":
		return linear(3), nil
	}
	return ecstypes.DeploymentConfiguration{}, &types.DeploymentConfigDoesNotExistException{
		Message: aws.String("No Deployment Configuration found for name: " + name),
	}
}

// shift is what ECS is to do for a deployment.
func (s *Service) shift(ctx context.Context, d *deployment) (ecs.Shift, error) {
	target := d.group.EcsServices[0]
	shift := ecs.Shift{
		Cluster: aws.ToString(target.ClusterName), Service: aws.ToString(target.ServiceName), TaskDefinition: d.spec.TaskDefinition,
	}
	config, err := shares(aws.ToString(d.info.DeploymentConfigName))
	if err != nil {
		return shift, err
	}
	config.BakeTimeInMinutes = aws.Int32(d.group.BlueGreenDeploymentConfiguration.TerminateBlueInstancesOnDeploymentSuccess.
		TerminationWaitTimeInMinutes)
	config.LifecycleHooks = []ecstypes.DeploymentLifecycleHook{}
	if stages := d.spec.pauses(); len(stages) > 0 {
		config.LifecycleHooks = append(config.LifecycleHooks, ecstypes.DeploymentLifecycleHook{
			TargetType: ecstypes.DeploymentLifecycleHookTargetTypePause, LifecycleStages: stages,
		})
	}
	shift.Config = config
	return shift, s.traffic(ctx, &shift, d.group.LoadBalancerInfo.TargetGroupPairInfoList[0])
}

// traffic finds the pair of target groups and the rules of the listeners that forward to them.
func (s *Service) traffic(ctx context.Context, shift *ecs.Shift, pair types.TargetGroupPairInfo) error {
	groups, err := s.balancer.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{
		Names: []string{aws.ToString(pair.TargetGroups[0].Name), aws.ToString(pair.TargetGroups[1].Name)},
	})
	if err != nil {
		return fmt.Errorf("describe the target groups: %w", err)
	}
	for _, group := range groups.TargetGroups {
		shift.Groups = append(shift.Groups, *group.TargetGroupArn)
	}
	if shift.Traffic.ProductionListenerRule, err = s.rule(ctx, pair.ProdTrafficRoute, shift.Groups); err != nil {
		return err
	}
	if pair.TestTrafficRoute != nil {
		shift.Traffic.TestListenerRule, err = s.rule(ctx, pair.TestTrafficRoute, shift.Groups)
	}
	return err
}

// rule is the first one of a listener that forwards to one of the groups.
func (s *Service) rule(ctx context.Context, route *types.TrafficRoute, groups []string) (*string, error) {
	for _, listener := range route.ListenerArns {
		out, err := s.balancer.DescribeRules(ctx, &elb.DescribeRulesInput{ListenerArn: &listener})
		if err != nil {
			return nil, fmt.Errorf("describe the rules of listener %s: %w", listener, err)
		}
		for _, rule := range out.Rules {
			if slices.ContainsFunc(rule.Actions, func(a elbtypes.Action) bool { return forwards(a, groups) }) {
				return rule.RuleArn, nil
			}
		}
	}
	return nil, fmt.Errorf("no rule of the listeners %v forwards to one of the target groups", route.ListenerArns)
}

func forwards(a elbtypes.Action, groups []string) bool {
	if slices.Contains(groups, aws.ToString(a.TargetGroupArn)) {
		return true
	}
	return a.ForwardConfig != nil && slices.ContainsFunc(a.ForwardConfig.TargetGroups, func(t elbtypes.TargetGroupTuple) bool {
		return slices.Contains(groups, aws.ToString(t.TargetGroupArn))
	})
}
