package autoscaling

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/org/shipkit/internal/localaws/page"
	"github.com/org/shipkit/internal/localaws/wire"
)

// PutScalingPolicy creates or replaces a policy of a registered target.
func (s *Service) PutScalingPolicy(ctx context.Context, in *applicationautoscaling.PutScalingPolicyInput) (
	*applicationautoscaling.PutScalingPolicyOutput, error) {
	if err := checkPolicy(in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(ctx, in.ServiceNamespace, in.ScalableDimension, in.ResourceId)
	if err != nil {
		return nil, err
	}
	now := s.clock.Now()
	p := &types.ScalingPolicy{PolicyName: in.PolicyName, PolicyType: in.PolicyType, ResourceId: in.ResourceId,
		ServiceNamespace: in.ServiceNamespace, ScalableDimension: in.ScalableDimension, CreationTime: &now,
		TargetTrackingScalingPolicyConfiguration: in.TargetTrackingScalingPolicyConfiguration,
		StepScalingPolicyConfiguration:           in.StepScalingPolicyConfiguration, Alarms: alarms(t.Owner, in)}
	if old := t.Policies[*in.PolicyName]; old != nil {
		p.PolicyARN, p.CreationTime = old.PolicyARN, old.CreationTime
	} else {
		p.PolicyARN = aws.String(t.Owner.Resource("autoscaling", "scalingPolicy:"+rand.Text()+":resource/ecs/"+*in.ResourceId+
			":policyName/"+*in.PolicyName))
	}
	t.Policies[*in.PolicyName] = p
	return &applicationautoscaling.PutScalingPolicyOutput{PolicyARN: p.PolicyARN, Alarms: p.Alarms}, nil
}

func checkPolicy(in *applicationautoscaling.PutScalingPolicyInput) error {
	tracking := in.TargetTrackingScalingPolicyConfiguration
	switch {
	case aws.ToString(in.PolicyName) == "":
		return invalid("PolicyName is required.")
	case in.PolicyType == types.PolicyTypeTargetTrackingScaling && (tracking == nil || tracking.TargetValue == nil):
		return invalid("Target Tracking Scaling policies require a TargetTrackingScalingPolicyConfiguration with a TargetValue.")
	case in.PolicyType == types.PolicyTypeTargetTrackingScaling && *tracking.TargetValue <= 0:
		return invalid("TargetValue must be greater than 0.")
	case in.PolicyType == types.PolicyTypeTargetTrackingScaling &&
		(tracking.PredefinedMetricSpecification == nil) == (tracking.CustomizedMetricSpecification == nil):
		return invalid("You must specify either a PredefinedMetricSpecification or a CustomizedMetricSpecification.")
	}
	return nil
}

// alarms are the two that AWS makes for each target tracking policy.
func alarms(id wire.Identity, in *applicationautoscaling.PutScalingPolicyInput) []types.Alarm {
	if in.PolicyType != types.PolicyTypeTargetTrackingScaling {
		return []types.Alarm{}
	}
	var made []types.Alarm
	for _, kind := range []string{"AlarmHigh", "AlarmLow"} {
		name := "TargetTracking-" + *in.ResourceId + "-" + kind + "-" + *in.PolicyName
		made = append(made, types.Alarm{AlarmName: &name, AlarmARN: aws.String(id.Resource("cloudwatch", "alarm:"+name))})
	}
	return made
}

// DeleteScalingPolicy removes a policy.
func (s *Service) DeleteScalingPolicy(ctx context.Context, in *applicationautoscaling.DeleteScalingPolicyInput) (
	*applicationautoscaling.DeleteScalingPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(ctx, in.ServiceNamespace, in.ScalableDimension, in.ResourceId)
	if err != nil || t.Policies[aws.ToString(in.PolicyName)] == nil {
		return nil, notFound("No scaling policy found for service namespace: %s, resource ID: %s, scalable dimension: %s: %s",
			in.ServiceNamespace, aws.ToString(in.ResourceId), in.ScalableDimension, aws.ToString(in.PolicyName))
	}
	delete(t.Policies, *in.PolicyName)
	return &applicationautoscaling.DeleteScalingPolicyOutput{}, nil
}

// DescribeScalingPolicies lists policies by resource, dimension and name.
func (s *Service) DescribeScalingPolicies(ctx context.Context, in *applicationautoscaling.DescribeScalingPoliciesInput) (
	*applicationautoscaling.DescribeScalingPoliciesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []types.ScalingPolicy{}
	for _, t := range s.owned(wire.Caller(ctx), in.ServiceNamespace, in.ScalableDimension) {
		if in.ResourceId != nil && *in.ResourceId != *t.Settings.ResourceId {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(t.Policies)) {
			if len(in.PolicyNames) == 0 || slices.Contains(in.PolicyNames, name) {
				found = append(found, *t.Policies[name])
			}
		}
	}
	items, next, err := page.Cut(found, in.NextToken, page.Size(in.MaxResults, 10), "InvalidNextTokenException")
	if err != nil {
		return nil, err
	}
	return &applicationautoscaling.DescribeScalingPoliciesOutput{ScalingPolicies: items, NextToken: next}, nil
}
