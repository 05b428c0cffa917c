package ecs

import (
	"cmp"
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// A container starts no faster because simulated time does: it gets startAllowance of real time before a failed check
// counts, and a check gets checkTimeout before it counts as failed.
const (
	startAllowance = 2 * time.Second
	checkTimeout   = 3 * time.Second
	checkPause     = 100 * time.Millisecond
)

// checkHealth runs a container's health check until it ends.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
func (s *Service) checkHealth(t *task, c *containerState) {
	check := c.def.HealthCheck
	seconds := func(v *int32, otherwise int32) time.Duration {
		return s.Clock.Real(time.Duration(cmp.Or(aws.ToInt32(v), otherwise)) * time.Second)
	}
	interval := max(seconds(check.Interval, 30), checkPause)
	timeout := max(seconds(check.Timeout, 5), checkTimeout)
	retries := int(cmp.Or(aws.ToInt32(check.Retries), 3))
	grace := time.Now().Add(max(s.Clock.Real(time.Duration(aws.ToInt32(check.StartPeriod))*time.Second), startAllowance))
	failed := 0
	for {
		select {
		case <-time.After(interval):
		case <-c.done:
			return
		case <-s.ctx.Done():
			return
		}
		if s.passes(t, c, check.Command, timeout) {
			failed = 0
			s.setHealth(t, c, types.HealthStatusHealthy)
			continue
		}
		if failed++; time.Now().Before(grace) {
			failed = 0
		}
		if failed >= retries {
			s.setHealth(t, c, types.HealthStatusUnhealthy)
		}
	}
}

// passes runs the check's command once: ["CMD", …] or ["CMD-SHELL", "…"].
func (s *Service) passes(t *task, c *containerState, command []string, timeout time.Duration) bool {
	s.mu.Lock()
	sick := t.fault != nil && t.fault.Kind == FaultUnhealthy
	s.mu.Unlock()
	if sick || len(command) < 2 {
		return false
	}
	argv := command[1:]
	if command[0] == "CMD-SHELL" {
		argv = []string{"/bin/sh", "-c", command[1]}
	}
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	code, _, err := c.container.Exec(ctx, argv)
	return err == nil && code == 0
}

func (s *Service) setHealth(t *task, c *containerState, health types.HealthStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.health != health {
		c.health = health
		s.wake(t)
	}
}
