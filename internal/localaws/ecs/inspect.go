package ecs

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// settle is how long a task without any health check must run until it counts as healthy.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html (minimumHealthyPercent)
const settle = 40 * time.Second

// inspect looks at every task of a service: who is healthy, who is sick, who has failed.
func (s *Service) inspect(svc *service) {
	for _, t := range svc.cluster.tasks {
		if t.dep == nil || t.dep.service != svc {
			continue
		}
		if t.running() {
			s.inspectRunning(svc, t)
		}
		if t.desiredStatus == "STOPPED" && !t.counted {
			t.counted = true
			s.countFailure(svc, t)
		}
	}
}

// inspectRunning stops a sick task and notes a healthy one.
func (s *Service) inspectRunning(svc *service, t *task) {
	if t.health() == types.HealthStatusUnhealthy {
		svc.event(s.Clock.Now(), "(task %s) failed container health checks.", t.id)
		s.stopTask(t, types.TaskStopCodeServiceSchedulerInitiated, "Task failed container health checks")
		return
	}
	healthy := t.health() == types.HealthStatusHealthy
	if !t.hasHealthCheck() {
		healthy = len(t.targets) > 0 || s.Clock.Now().Sub(t.startedAt) >= settle
	}
	for i := range t.targets {
		state := s.targetState(t.targets[i])
		healthy = healthy && state.State == elbtypes.TargetHealthStateEnumHealthy
		if state.State == elbtypes.TargetHealthStateEnumUnhealthy {
			s.sickTarget(svc, t, &t.targets[i], state)
		}
	}
	if t.fault != nil && t.fault.Kind == FaultUnhealthy {
		healthy = false
		s.sickByOrder(svc, t)
	}
	if healthy && t.live() && !t.steady {
		t.steady = true
		s.countHealthy(svc, t)
	}
	if !healthy {
		t.steady = false
	}
}

// sickTarget stops a task that the load balancer finds unhealthy, once its grace period is over.
func (s *Service) sickTarget(svc *service, t *task, target *targetOf, state elbtypes.TargetHealth) {
	if !target.reported {
		target.reported = true
		// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-unhealthy-event-messages.html
		svc.event(s.Clock.Now(), "(task %s) (port %d) is unhealthy in (target-group %s) due to (reason %s)",
			t.id, t.port(target), target.group, aws.ToString(state.Description))
	}
	if s.Clock.Now().Sub(t.startedAt) < svc.settings.grace {
		return
	}
	s.stopTask(t, types.TaskStopCodeServiceSchedulerInitiated,
		fmt.Sprintf("Task failed ELB health checks in (target-group %s)", target.group))
}

// sickByOrder has the load balancer's check fail for a task that shall never get healthy.
func (s *Service) sickByOrder(svc *service, t *task) {
	if s.Clock.Now().Sub(t.startedAt) < settle {
		return
	}
	for i := range t.targets {
		s.sickTarget(svc, t, &t.targets[i], elbtypes.TargetHealth{Description: aws.String("Health checks failed")})
	}
}

// port is the container port behind a target.
func (t *task) port(target *targetOf) int32 {
	for _, c := range t.containers {
		for port, host := range c.hostPorts {
			if host == target.port {
				return port
			}
		}
	}
	return 0
}

// countHealthy resets the counters of failures, unless the circuit breaker shall not be reset.
func (s *Service) countHealthy(svc *service, t *task) {
	svc.starting = 0
	if b := breakerOf(svc.settings.config); b == nil || b.ResetOnHealthyTask == nil || *b.ResetOnHealthyTask {
		t.dep.failed = 0
	}
}

// countFailure counts a task that failed by itself: that did not start, whose essential container ended, or that failed its
// health checks.
func (s *Service) countFailure(svc *service, t *task) {
	byScheduler := t.stopCode == types.TaskStopCodeServiceSchedulerInitiated
	scaled := byScheduler && len(t.stoppedReason) > 7 && t.stoppedReason[:7] == "Scaling"
	if scaled || t.stopCode == types.TaskStopCodeUserInitiated {
		return
	}
	s.failed(svc, t.dep)
}

// failed counts one failure and backs off.
func (s *Service) failed(svc *service, d *deployment) {
	d.failed++
	d.updated = s.Clock.Now()
	svc.starting++
	svc.steady = false
	svc.next = s.Clock.Now().Add(min(time.Second<<min(svc.starting, 10), time.Minute))
	if svc.starting == 5 {
		svc.event(s.Clock.Now(), "is unable to consistently start tasks successfully. For more information, see the Troubleshooting "+
			"section of the Amazon ECS Developer Guide.")
	}
}
