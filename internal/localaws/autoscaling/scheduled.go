package autoscaling

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/org/shipkit/internal/localaws/page"
	"github.com/org/shipkit/internal/localaws/timetable"
	"github.com/org/shipkit/internal/localaws/wire"
)

// PutScheduledAction creates a scheduled action, or changes what is given of one.
func (s *Service) PutScheduledAction(ctx context.Context, in *applicationautoscaling.PutScheduledActionInput) (
	*applicationautoscaling.PutScheduledActionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(ctx, in.ServiceNamespace, in.ScalableDimension, in.ResourceId)
	if err != nil {
		return nil, err
	}
	now, name := s.clock.Now(), aws.ToString(in.ScheduledActionName)
	fresh := &scheduled{Fired: now, Action: types.ScheduledAction{ScheduledActionName: &name, ResourceId: in.ResourceId,
		ServiceNamespace: in.ServiceNamespace, ScalableDimension: in.ScalableDimension, CreationTime: &now,
		ScheduledActionARN: aws.String(t.Owner.Resource("autoscaling", "scheduledAction:"+rand.Text()+":resource/ecs/"+
			*in.ResourceId+":scheduledActionName/"+name))}}
	old := t.Scheduled[name]
	if old != nil {
		fresh.Action = old.Action
	}
	assign(&fresh.Action.Schedule, in.Schedule)
	assign(&fresh.Action.Timezone, in.Timezone)
	assign(&fresh.Action.StartTime, in.StartTime)
	assign(&fresh.Action.EndTime, in.EndTime)
	assign(&fresh.Action.ScalableTargetAction, in.ScalableTargetAction)
	if err := fresh.check(); err != nil {
		return nil, err
	}
	if old != nil {
		old.disarm()
	}
	t.Scheduled[name] = fresh
	s.arm(t, fresh)
	return &applicationautoscaling.PutScheduledActionOutput{}, nil
}

func (a *scheduled) check() error {
	to := a.Action.ScalableTargetAction
	switch {
	case *a.Action.ScheduledActionName == "":
		return invalid("ScheduledActionName is required.")
	case to == nil || to.MinCapacity == nil && to.MaxCapacity == nil:
		return invalid("ScalableTargetAction must be specified with MinCapacity, MaxCapacity or both.")
	case to.MinCapacity != nil && to.MaxCapacity != nil && *to.MaxCapacity < *to.MinCapacity:
		return invalid("Maximum capacity cannot be less than minimum capacity")
	}
	return a.parse()
}

func (a *scheduled) parse() error {
	zone, err := time.LoadLocation(aws.ToString(a.Action.Timezone))
	if err != nil {
		return invalid("Invalid timezone %s", aws.ToString(a.Action.Timezone))
	}
	start := *a.Action.CreationTime
	if a.Action.StartTime != nil {
		start = *a.Action.StartTime
	}
	if a.expression, err = timetable.Parse(aws.ToString(a.Action.Schedule), zone, start); err != nil {
		return invalid("%v", err)
	}
	return nil
}

// DeleteScheduledAction removes a scheduled action.
func (s *Service) DeleteScheduledAction(ctx context.Context, in *applicationautoscaling.DeleteScheduledActionInput) (
	*applicationautoscaling.DeleteScheduledActionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(ctx, in.ServiceNamespace, in.ScalableDimension, in.ResourceId)
	if err != nil || t.Scheduled[aws.ToString(in.ScheduledActionName)] == nil {
		return nil, notFound("No scheduled action found for service namespace: %s, resource ID: %s, scalable dimension: %s: %s",
			in.ServiceNamespace, aws.ToString(in.ResourceId), in.ScalableDimension, aws.ToString(in.ScheduledActionName))
	}
	t.Scheduled[*in.ScheduledActionName].disarm()
	delete(t.Scheduled, *in.ScheduledActionName)
	return &applicationautoscaling.DeleteScheduledActionOutput{}, nil
}

// DescribeScheduledActions lists scheduled actions by resource, dimension and name.
func (s *Service) DescribeScheduledActions(ctx context.Context, in *applicationautoscaling.DescribeScheduledActionsInput) (
	*applicationautoscaling.DescribeScheduledActionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []types.ScheduledAction{}
	for _, t := range s.owned(wire.Caller(ctx), in.ServiceNamespace, in.ScalableDimension) {
		if in.ResourceId != nil && *in.ResourceId != *t.Settings.ResourceId {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(t.Scheduled)) {
			if len(in.ScheduledActionNames) == 0 || slices.Contains(in.ScheduledActionNames, name) {
				found = append(found, t.Scheduled[name].Action)
			}
		}
	}
	items, next, err := page.Cut(found, in.NextToken, page.Size(in.MaxResults, 50), "InvalidNextTokenException")
	if err != nil {
		return nil, err
	}
	return &applicationautoscaling.DescribeScheduledActionsOutput{ScheduledActions: items, NextToken: next}, nil
}
