package autoscaling

import (
	"context"
	"crypto/rand"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/org/shipkit/internal/localaws/page"
	"github.com/org/shipkit/internal/localaws/wire"
)

var ecsResource = regexp.MustCompile(`^service/([^/]+)/([^/]+)$`)

func checkTarget(namespace types.ServiceNamespace, dimension types.ScalableDimension, resource string) error {
	switch {
	case namespace != types.ServiceNamespaceEcs:
		return invalid("local AWS scales the service namespace ecs only, not %q.", namespace)
	case dimension != types.ScalableDimensionECSServiceDesiredCount:
		return invalid("Unsupported service namespace, resource type or scalable dimension: %s.", dimension)
	case !ecsResource.MatchString(resource):
		return invalid("Unsupported service namespace, resource type or scalable dimension: %s.", resource)
	}
	return nil
}

// RegisterScalableTarget creates a target or changes the bounds that are given.
func (s *Service) RegisterScalableTarget(ctx context.Context, in *applicationautoscaling.RegisterScalableTargetInput) (
	*applicationautoscaling.RegisterScalableTargetOutput, error) {
	resource := aws.ToString(in.ResourceId)
	if err := checkTarget(in.ServiceNamespace, in.ScalableDimension, resource); err != nil {
		return nil, err
	}
	id := wire.Caller(ctx)
	k := key(id, in.ServiceNamespace, in.ScalableDimension, resource)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.targets[k]
	if t == nil {
		if in.MinCapacity == nil || in.MaxCapacity == nil {
			return nil, invalid("Maximum capacity and minimum capacity must be specified when a scalable target is registered.")
		}
		t = s.newTarget(id, in)
	}
	settings := t.Settings
	assign(&settings.MinCapacity, in.MinCapacity)
	assign(&settings.MaxCapacity, in.MaxCapacity)
	assign(&settings.RoleARN, in.RoleARN)
	if in.SuspendedState != nil {
		settings.SuspendedState = in.SuspendedState
	}
	if *settings.MinCapacity < 0 || *settings.MaxCapacity < *settings.MinCapacity {
		return nil, invalid("Maximum capacity cannot be less than minimum capacity")
	}
	t.Settings = settings
	for name, value := range in.Tags {
		t.Tags[name] = value
	}
	s.targets[k] = t
	return &applicationautoscaling.RegisterScalableTargetOutput{ScalableTargetARN: settings.ScalableTargetARN}, nil
}

func (s *Service) newTarget(id wire.Identity, in *applicationautoscaling.RegisterScalableTargetInput) *target {
	now := s.clock.Now()
	arn := id.Resource("application-autoscaling", "scalable-target/"+strings.ToLower(rand.Text()[:20]))
	return &target{Owner: id, Tags: map[string]string{}, Policies: map[string]*types.ScalingPolicy{},
		Scheduled: map[string]*scheduled{}, Settings: types.ScalableTarget{ScalableTargetARN: &arn, CreationTime: &now,
			ResourceId: in.ResourceId, ServiceNamespace: in.ServiceNamespace, ScalableDimension: in.ScalableDimension,
			RoleARN: aws.String("arn:aws:iam::" + id.AccountID + ":role/aws-service-role/ecs.application-autoscaling." +
				"amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"),
			SuspendedState: &types.SuspendedState{DynamicScalingInSuspended: aws.Bool(false),
				DynamicScalingOutSuspended: aws.Bool(false), ScheduledScalingSuspended: aws.Bool(false)}}}
}

func assign[T any](field **T, given *T) {
	if given != nil {
		*field = given
	}
}

// find returns a registered target. The lock is held.
func (s *Service) find(ctx context.Context, namespace types.ServiceNamespace, dimension types.ScalableDimension,
	resource *string) (*target, error) {
	t := s.targets[key(wire.Caller(ctx), namespace, dimension, aws.ToString(resource))]
	if t == nil {
		return nil, notFound("No scalable target registered for service namespace: %s, resource ID: %s, scalable dimension: %s",
			namespace, aws.ToString(resource), dimension)
	}
	return t, nil
}

// DeregisterScalableTarget removes a target with its policies and scheduled actions.
func (s *Service) DeregisterScalableTarget(ctx context.Context, in *applicationautoscaling.DeregisterScalableTargetInput) (
	*applicationautoscaling.DeregisterScalableTargetOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(ctx, in.ServiceNamespace, in.ScalableDimension, in.ResourceId)
	if err != nil {
		return nil, err
	}
	t.disarm()
	delete(s.targets, key(t.Owner, in.ServiceNamespace, in.ScalableDimension, *in.ResourceId))
	return &applicationautoscaling.DeregisterScalableTargetOutput{}, nil
}

// DescribeScalableTargets lists targets by resource and dimension.
func (s *Service) DescribeScalableTargets(ctx context.Context, in *applicationautoscaling.DescribeScalableTargetsInput) (
	*applicationautoscaling.DescribeScalableTargetsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []types.ScalableTarget{}
	for _, t := range s.owned(wire.Caller(ctx), in.ServiceNamespace, in.ScalableDimension) {
		if len(in.ResourceIds) == 0 || slices.Contains(in.ResourceIds, *t.Settings.ResourceId) {
			found = append(found, t.Settings)
		}
	}
	items, next, err := page.Cut(found, in.NextToken, page.Size(in.MaxResults, 50), "InvalidNextTokenException")
	if err != nil {
		return nil, err
	}
	return &applicationautoscaling.DescribeScalableTargetsOutput{ScalableTargets: items, NextToken: next}, nil
}

// owned lists the caller's targets by resource. An empty dimension is any. The lock is held.
func (s *Service) owned(id wire.Identity, namespace types.ServiceNamespace, dimension types.ScalableDimension) []*target {
	var mine []*target
	for _, k := range slices.Sorted(maps.Keys(s.targets)) {
		t := s.targets[k]
		if t.Owner.Scope() == id.Scope() && t.Settings.ServiceNamespace == namespace &&
			(dimension == "" || t.Settings.ScalableDimension == dimension) {
			mine = append(mine, t)
		}
	}
	return mine
}
