package ecsdeploy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
)

// scalingPlan is what Apply will send to Application Auto Scaling.
type scalingPlan struct {
	target   *applicationautoscaling.RegisterScalableTargetInput
	policies []*applicationautoscaling.PutScalingPolicyInput
}

// scaling works out which limits and policies differ from what is there.
func (p *planner) scaling(ctx context.Context, s *ServicePlan) {
	want := p.req.Scaling
	if want == nil {
		return
	}
	id := "service/" + shortARN(s.Cluster) + "/" + s.Name
	if !p.limits(ctx, s, id, want) {
		return
	}
	have, err := p.c.Autoscaling.DescribeScalingPolicies(ctx, &applicationautoscaling.DescribeScalingPoliciesInput{
		ServiceNamespace: types.ServiceNamespaceEcs, ResourceId: aws.String(id),
		ScalableDimension: types.ScalableDimensionECSServiceDesiredCount,
	})
	if err != nil {
		p.fail(fmt.Errorf("describe scaling policies of %s: %w", id, err))
		return
	}
	for _, policy := range p.policies(s, want) {
		policy.ResourceId = aws.String(id)
		if !samePolicy(have.ScalingPolicies, policy) {
			s.scale.policies = append(s.scale.policies, policy)
			config := policy.TargetTrackingScalingPolicyConfiguration
			s.Scaling = append(s.Scaling, fmt.Sprintf("target %s = %g",
				config.PredefinedMetricSpecification.PredefinedMetricType, *config.TargetValue))
		}
	}
}

// limits plans the least and the most tasks and tells whether there is a
// target for policies.
func (p *planner) limits(ctx context.Context, s *ServicePlan, id string, want *Scaling) bool {
	out, err := p.c.Autoscaling.DescribeScalableTargets(ctx, &applicationautoscaling.DescribeScalableTargetsInput{
		ServiceNamespace: types.ServiceNamespaceEcs, ResourceIds: []string{id},
		ScalableDimension: types.ScalableDimensionECSServiceDesiredCount,
	})
	if err != nil {
		p.fail(fmt.Errorf("describe scalable target %s: %w", id, err))
		return false
	}
	var have types.ScalableTarget
	if len(out.ScalableTargets) > 0 {
		have = out.ScalableTargets[0]
	} else if want.Min == nil || want.Max == nil {
		p.problems.Errorf("set both min-capacity and max-capacity once",
			"service %q has no scaling limits yet: min-capacity and max-capacity are needed", s.Name)
		return false
	}
	low, high := either(want.Min, have.MinCapacity), either(want.Max, have.MaxCapacity)
	if *low > *high {
		p.problems.Errorf("set min-capacity to at most max-capacity", "service %q: min-capacity %d is above max-capacity %d", s.Name, *low, *high)
		return false
	}
	if have.MinCapacity == nil || *have.MinCapacity != *low || have.MaxCapacity == nil || *have.MaxCapacity != *high {
		s.scale.target = &applicationautoscaling.RegisterScalableTargetInput{
			ServiceNamespace: types.ServiceNamespaceEcs, ResourceId: aws.String(id),
			ScalableDimension: types.ScalableDimensionECSServiceDesiredCount, MinCapacity: low, MaxCapacity: high,
		}
		s.Scaling = append(s.Scaling, fmt.Sprintf("between %d and %d tasks (was %s)", *low, *high, limitsText(have)))
	}
	return true
}

func limitsText(target types.ScalableTarget) string {
	if target.MinCapacity == nil {
		return "not scaled"
	}
	return fmt.Sprintf("%d to %d", *target.MinCapacity, deref(target.MaxCapacity))
}

// policies are the wanted target tracking policies; their names derive from
// the metric, so that a later run changes them instead of adding more.
func (p *planner) policies(s *ServicePlan, want *Scaling) []*applicationautoscaling.PutScalingPolicyInput {
	var out []*applicationautoscaling.PutScalingPolicyInput
	add := func(metric types.MetricType, value *float64, label *string) {
		if value == nil {
			return
		}
		out = append(out, &applicationautoscaling.PutScalingPolicyInput{
			ServiceNamespace: types.ServiceNamespaceEcs, ScalableDimension: types.ScalableDimensionECSServiceDesiredCount,
			PolicyName: aws.String("shipkit-" + string(metric)), PolicyType: types.PolicyTypeTargetTrackingScaling,
			TargetTrackingScalingPolicyConfiguration: &types.TargetTrackingScalingPolicyConfiguration{
				TargetValue:                   value,
				PredefinedMetricSpecification: &types.PredefinedMetricSpecification{PredefinedMetricType: metric, ResourceLabel: label},
			},
		})
	}
	add(types.MetricTypeECSServiceAverageCPUUtilization, want.CPU, nil)
	add(types.MetricTypeECSServiceAverageMemoryUtilization, want.Memory, nil)
	if want.Requests != nil {
		label, ok := requestLabel(s)
		if !ok {
			p.problems.Errorf("set target-cpu or target-memory instead",
				"service %q: target-requests needs a load balancer whose listener rule is known to the service", s.Name)
			return out
		}
		add(types.MetricTypeALBRequestCountPerTarget, want.Requests, &label)
	}
	return out
}

// requestLabel is app/NAME/ID/targetgroup/NAME/ID,
// https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html.
func requestLabel(s *ServicePlan) (string, bool) {
	for _, lb := range s.service.LoadBalancers {
		_, group, ok := strings.Cut(aws.ToString(lb.TargetGroupArn), ":targetgroup/")
		_, rule, found := strings.Cut(aws.ToString(deref(lb.AdvancedConfiguration).ProductionListenerRule), ":listener-rule/")
		if parts := strings.Split(rule, "/"); ok && found && len(parts) >= 3 {
			return strings.Join(parts[:3], "/") + "/targetgroup/" + group, true
		}
	}
	return "", false
}

func samePolicy(have []types.ScalingPolicy, want *applicationautoscaling.PutScalingPolicyInput) bool {
	for _, policy := range have {
		config := policy.TargetTrackingScalingPolicyConfiguration
		if aws.ToString(policy.PolicyName) != *want.PolicyName || config == nil || config.PredefinedMetricSpecification == nil {
			continue
		}
		w := want.TargetTrackingScalingPolicyConfiguration
		return deref(config.TargetValue) == *w.TargetValue &&
			aws.ToString(config.PredefinedMetricSpecification.ResourceLabel) == aws.ToString(w.PredefinedMetricSpecification.ResourceLabel)
	}
	return false
}

// applyScaling registers the limits and the policies. Application Auto Scaling
// answers ConcurrentUpdateException while it works on another change.
func applyScaling(ctx context.Context, c *Clients, s *ServicePlan) error {
	if s.scale.target != nil {
		err := retryOn(ctx, func() error {
			_, err := c.Autoscaling.RegisterScalableTarget(ctx, s.scale.target)
			return err //nolint:wrapcheck // wrapped below
		}, "ConcurrentUpdateException")
		if err != nil {
			return fmt.Errorf("register scaling limits of service %s: %w", s.Name, err)
		}
	}
	for _, policy := range s.scale.policies {
		err := retryOn(ctx, func() error {
			_, err := c.Autoscaling.PutScalingPolicy(ctx, policy)
			return err //nolint:wrapcheck // wrapped below
		}, "ConcurrentUpdateException")
		if err != nil {
			return fmt.Errorf("put scaling policy %s of service %s: %w", *policy.PolicyName, s.Name, err)
		}
	}
	return nil
}

// retryOn repeats a call up to five times while AWS answers with a code that
// the SDK does not retry.
func retryOn(ctx context.Context, call func() error, code string) error {
	for wait := time.Second; ; wait *= 2 {
		err := call()
		if !hasCode(err, code) || wait > 8*time.Second {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}
