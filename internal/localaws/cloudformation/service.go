// Package cloudformation is CloudFormation on this machine: stacks and change
// sets of the resource types of our templates, with the states, events and
// rollbacks of AWS. The resources are those of the other local services.
//
// Resources that do not depend on each other are created and deleted at the
// same time. Templates come as TemplateBody; there are no nested stacks,
// transforms, imports of resources, drift or stack policies.
package cloudformation

import (
	"context"
	"path"
	"sync"

	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/cloudformation/resource"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Service is CloudFormation for all accounts and regions.
type Service struct {
	world *resource.World
	life  context.Context //nolint:containedctx // ends the operations when the service closes
	end   context.CancelFunc
	work  sync.WaitGroup

	mu     sync.Mutex
	stacks []*stack // oldest first, deleted ones too
	faults []fault
}

// fault is a resource operation that is to fail.
type fault struct{ logicalID, verb, reason string }

// New returns a service without stacks. The invoker reaches the services that
// hold the resources.
func New(c *clock.Clock, services resource.Invoker) *Service {
	life, end := context.WithCancel(context.Background())
	return &Service{world: &resource.World{Services: services, Clock: c}, life: life, end: end}
}

// Close ends all operations where they are.
func (s *Service) Close() error {
	s.end()
	s.work.Wait()
	return nil
}

// FailResource lets the next operation of a verb (CREATE, UPDATE, DELETE,
// ROLLBACK for the way back of an update) on a resource whose logical ID matches the pattern (as path.Match) fail for the
// given reason.
func (s *Service) FailResource(logicalID, verb, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fault{logicalID, verb, reason})
}

// strike returns the failure that is armed for an operation and uses it up.
func (s *Service) strike(logicalID, verb string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if ok, err := path.Match(f.logicalID, logicalID); ok && err == nil && f.verb == verb {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			return &resource.Error{Reason: f.reason}
		}
	}
	return nil
}

// background runs an operation that outlives its call and ends with the
// service. It keeps the caller's identity. The returned stop ends it early.
func (s *Service) background(ctx context.Context, f func(context.Context)) (stop context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(s.life, cancel)
	s.work.Go(func() {
		defer cancel()
		defer detach()
		f(ctx)
	})
	return cancel
}

// Wire returns the service's operations for the endpoint.
func (s *Service) Wire() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{
		Name: "cloudformation", Protocol: wire.Query, Namespace: "http://cloudformation.amazonaws.com/doc/2010-05-15/",
	})
	wire.Handle(w, "CreateStack", s.CreateStack)
	wire.Handle(w, "UpdateStack", s.UpdateStack)
	wire.Handle(w, "DeleteStack", s.DeleteStack)
	wire.Handle(w, "UpdateTerminationProtection", s.UpdateTerminationProtection)

	wire.Handle(w, "CreateChangeSet", s.CreateChangeSet)
	wire.Handle(w, "DescribeChangeSet", s.DescribeChangeSet)
	wire.Handle(w, "ExecuteChangeSet", s.ExecuteChangeSet)
	wire.Handle(w, "DeleteChangeSet", s.DeleteChangeSet)
	wire.Handle(w, "ListChangeSets", s.ListChangeSets)

	wire.Handle(w, "DescribeStacks", s.DescribeStacks)
	wire.Handle(w, "ListStacks", s.ListStacks)
	wire.Handle(w, "DescribeStackEvents", s.DescribeStackEvents)
	wire.Handle(w, "DescribeStackResources", s.DescribeStackResources)
	wire.Handle(w, "ListStackResources", s.ListStackResources)
	wire.Handle(w, "GetTemplate", s.GetTemplate)
	wire.Handle(w, "ValidateTemplate", s.ValidateTemplate)
	return w
}
