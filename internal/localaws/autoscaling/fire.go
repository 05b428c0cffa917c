package autoscaling

import (
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/org/shipkit/internal/localaws/wire"
)

// arm sets the timer for a scheduled action's next moment. The lock is held.
func (s *Service) arm(t *target, a *scheduled) {
	a.disarm()
	if s.ctx.Err() != nil {
		return
	}
	after := a.Fired
	if start := a.Action.StartTime; start != nil && start.After(after) {
		after = start.Add(-time.Nanosecond)
	}
	due, ok := a.expression.Next(after)
	if end := a.Action.EndTime; !ok || end != nil && due.After(*end) {
		return
	}
	a.stop = s.clock.AfterFunc(due.Sub(s.clock.Now()), func() { s.fire(t, a, due) })
}

func (a *scheduled) disarm() {
	if a.stop != nil {
		a.stop()
		a.stop = nil
	}
}

func (t *target) disarm() {
	for _, a := range t.Scheduled {
		a.disarm()
	}
}

// fire moves the target's bounds, then the service's desired count into them.
func (s *Service) fire(t *target, a *scheduled, due time.Time) {
	s.mu.Lock()
	if t.Scheduled[*a.Action.ScheduledActionName] != a || s.ctx.Err() != nil {
		s.mu.Unlock()
		return
	}
	a.Fired = due
	if !aws.ToBool(t.Settings.SuspendedState.ScheduledScalingSuspended) {
		assign(&t.Settings.MinCapacity, a.Action.ScalableTargetAction.MinCapacity)
		assign(&t.Settings.MaxCapacity, a.Action.ScalableTargetAction.MaxCapacity)
		s.running.Add(1)
		resource, low, high := *t.Settings.ResourceId, *t.Settings.MinCapacity, *t.Settings.MaxCapacity
		go func() {
			defer s.running.Done()
			_ = s.scale(t.Owner, resource, low, high) // AWS drops an action whose service is gone
		}()
	}
	s.arm(t, a)
	s.mu.Unlock()
}

// scale brings an ECS service's desired count within the bounds.
func (s *Service) scale(id wire.Identity, resource string, low, high int32) error {
	names := ecsResource.FindStringSubmatch(resource)
	ctx := wire.WithCaller(s.ctx, wire.Identity{AccountID: id.AccountID, Region: id.Region,
		AccessKeyID: "ecs.application-autoscaling.amazonaws.com", ARN: id.ARN})
	cluster, service := names[1], names[2]
	ask, err := json.Marshal(map[string]any{"Cluster": cluster, "Services": []string{service}})
	if err != nil {
		return err //nolint:wrapcheck // strings always marshal
	}
	out, err := s.invoker.Invoke(ctx, "ecs", "DescribeServices", ask, asIs)
	if err != nil {
		return err //nolint:wrapcheck // kept as the service gave it
	}
	found, ok := out.(*ecs.DescribeServicesOutput)
	if !ok || len(found.Services) == 0 {
		return notFound("ECS service doesn't exist: %s", resource)
	}
	want := min(max(found.Services[0].DesiredCount, low), high)
	if want == found.Services[0].DesiredCount {
		return nil
	}
	change, err := json.Marshal(map[string]any{"Cluster": cluster, "Service": service, "DesiredCount": want})
	if err != nil {
		return err //nolint:wrapcheck // strings and numbers always marshal
	}
	_, err = s.invoker.Invoke(ctx, "ecs", "UpdateService", change, asIs)
	return err //nolint:wrapcheck // kept as the service gave it
}

func asIs(_, field string) string { return field }
