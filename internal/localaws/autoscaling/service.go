// Package autoscaling is Application Auto Scaling for ECS services: scalable targets, target tracking policies (kept, not
// acted on: local AWS has no load to track) and scheduled actions, which fire on simulated time.
// https://docs.aws.amazon.com/autoscaling/application/APIReference/
package autoscaling

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"

	"github.com/org/shipkit/internal/localaws/timetable"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Clock is the simulated time.
type Clock interface {
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func())
}

// Invoker calls an operation of another local service.
type Invoker interface {
	Invoke(ctx context.Context, service, operation string, input []byte, spell func(owner, field string) string) (any, error)
}

// Service is Application Auto Scaling.
type Service struct {
	clock   Clock
	invoker Invoker
	ctx     context.Context //nolint:containedctx // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	targets map[string]*target // by account/region, namespace, dimension and resource
}

// target is a scalable target with all that hangs on it.
type target struct {
	Owner     wire.Identity
	Settings  types.ScalableTarget
	Tags      map[string]string
	Policies  map[string]*types.ScalingPolicy
	Scheduled map[string]*scheduled
}

type scheduled struct {
	Action types.ScheduledAction
	Fired  time.Time

	expression timetable.Expression
	stop       func()
}

// New returns a service that scales ECS through the invoker.
func New(c Clock, invoker Invoker) *Service {
	ctx, cancel := context.WithCancel(context.Background())
	return &Service{clock: c, invoker: invoker, ctx: ctx, cancel: cancel, targets: map[string]*target{}}
}

// Wire puts the service on the wire.
func (s *Service) Wire() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "application-autoscaling", Protocol: wire.JSON11,
		TargetPrefix: "AnyScaleFrontendService"})
	wire.Handle(w, "RegisterScalableTarget", s.RegisterScalableTarget)
	wire.Handle(w, "DeregisterScalableTarget", s.DeregisterScalableTarget)
	wire.Handle(w, "DescribeScalableTargets", s.DescribeScalableTargets)
	wire.Handle(w, "PutScalingPolicy", s.PutScalingPolicy)
	wire.Handle(w, "DeleteScalingPolicy", s.DeleteScalingPolicy)
	wire.Handle(w, "DescribeScalingPolicies", s.DescribeScalingPolicies)
	wire.Handle(w, "PutScheduledAction", s.PutScheduledAction)
	wire.Handle(w, "DeleteScheduledAction", s.DeleteScheduledAction)
	wire.Handle(w, "DescribeScheduledActions", s.DescribeScheduledActions)
	wire.Handle(w, "TagResource", s.TagResource)
	wire.Handle(w, "UntagResource", s.UntagResource)
	wire.Handle(w, "ListTagsForResource", s.ListTagsForResource)
	return w
}

// Close stops all scheduled actions and waits for what is firing.
func (s *Service) Close() error {
	s.cancel()
	s.mu.Lock()
	for _, t := range s.targets {
		t.disarm()
	}
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// Save implements persistence.
func (s *Service) Save() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := json.Marshal(s.targets)
	if err != nil {
		return nil, fmt.Errorf("save scalable targets: %w", err)
	}
	return out, nil
}

// Load implements persistence.
func (s *Service) Load(state []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := json.Unmarshal(state, &s.targets); err != nil {
		return fmt.Errorf("load scalable targets: %w", err)
	}
	for _, t := range s.targets {
		for _, a := range t.Scheduled {
			if err := a.parse(); err != nil {
				return fmt.Errorf("load scheduled action %s: %w", *a.Action.ScheduledActionName, err)
			}
			s.arm(t, a)
		}
	}
	return nil
}

func key(id wire.Identity, namespace types.ServiceNamespace, dimension types.ScalableDimension, resource string) string {
	return fmt.Sprintf("%s %s %s %s", id.Scope(), namespace, dimension, resource)
}

func invalid(format string, args ...any) error {
	return wire.Errorf("ValidationException", 400, format, args...)
}

func notFound(format string, args ...any) error {
	return wire.Errorf("ObjectNotFoundException", 400, format, args...)
}
