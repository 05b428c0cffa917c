package ecs

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// registerTargets puts a running task of a service behind its load balancers; the caller holds the lock.
func (s *Service) registerTargets(t *task) {
	if t.dep == nil || s.Balancer == nil || t.desiredStatus != "RUNNING" {
		return
	}
	for i, lb := range t.dep.rev.balancers {
		for _, c := range t.containers {
			port := c.hostPorts[aws.ToInt32(lb.ContainerPort)]
			if *c.def.Name != aws.ToString(lb.ContainerName) || port == 0 {
				continue
			}
			target := targetOf{group: t.dep.rev.groups[i], port: port}
			if _, err := s.Balancer.RegisterTargets(s.ctx, &elb.RegisterTargetsInput{
				TargetGroupArn: &target.group, Targets: target.describe(),
			}); err == nil {
				t.targets = append(t.targets, target)
				t.dep.service.event(s.Clock.Now(), "registered 1 targets in (target-group %s)", target.group)
			}
		}
	}
}

func (t targetOf) describe() []elbtypes.TargetDescription {
	return []elbtypes.TargetDescription{{Id: aws.String("127.0.0.1"), Port: aws.Int32(int32(t.port))}} //nolint:gosec // a port
}

// drainTargets takes a task from its load balancers and waits until no request is left or the deregistration delay is over.
func (s *Service) drainTargets(t *task) {
	s.mu.Lock()
	targets := slices.Clone(t.targets)
	for _, target := range targets {
		if _, err := s.Balancer.DeregisterTargets(s.ctx, &elb.DeregisterTargetsInput{
			TargetGroupArn: &target.group, Targets: target.describe(),
		}); err == nil {
			t.dep.service.event(s.Clock.Now(), "deregistered 1 targets in (target-group %s)", target.group)
		}
	}
	if len(targets) > 0 {
		t.dep.service.event(s.Clock.Now(), "has begun draining connections on 1 tasks.")
	}
	s.mu.Unlock()
	for _, target := range targets {
		for s.ctx.Err() == nil && s.targetState(target).State != elbtypes.TargetHealthStateEnumUnused {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-s.ctx.Done():
			}
		}
	}
}

// targetState asks the load balancer for a target's health.
func (s *Service) targetState(t targetOf) elbtypes.TargetHealth {
	out, err := s.Balancer.DescribeTargetHealth(s.ctx, &elb.DescribeTargetHealthInput{
		TargetGroupArn: &t.group, Targets: t.describe(),
	})
	if err != nil || len(out.TargetHealthDescriptions) == 0 {
		return elbtypes.TargetHealth{State: elbtypes.TargetHealthStateEnumUnused}
	}
	return *out.TargetHealthDescriptions[0].TargetHealth
}
