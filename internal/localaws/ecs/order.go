package ecs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// startOrder lists the indexes of containers so that each comes after what it depends on.
func startOrder(t *task) []int {
	var order []int
	placed := map[string]bool{}
	for len(order) < len(t.containers) {
		before := len(order)
		for i, c := range t.containers {
			if !placed[*c.def.Name] && ready(c.def, placed) {
				placed[*c.def.Name] = true
				order = append(order, i)
			}
		}
		if len(order) == before { // a circle: ECS refuses it when the definition is registered
			break
		}
	}
	return order
}

func ready(def *types.ContainerDefinition, placed map[string]bool) bool {
	for _, d := range def.DependsOn {
		if !placed[aws.ToString(d.ContainerName)] {
			return false
		}
	}
	return true
}

// awaitDependencies waits until the conditions of dependsOn hold.
func (s *Service) awaitDependencies(ctx context.Context, t *task, c *containerState) error {
	for _, d := range c.def.DependsOn {
		for _, other := range t.containers {
			if *other.def.Name != aws.ToString(d.ContainerName) {
				continue
			}
			if err := s.awaitCondition(ctx, other, d.Condition); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) awaitCondition(ctx context.Context, c *containerState, want types.ContainerCondition) error {
	for {
		s.mu.Lock()
		ended, code, health := c.exitCode != nil, aws.ToInt32(c.exitCode), c.health
		s.mu.Unlock()
		switch {
		case want == types.ContainerConditionStart,
			want == types.ContainerConditionComplete && ended,
			want == types.ContainerConditionSuccess && ended && code == 0,
			want == types.ContainerConditionHealthy && health == types.HealthStatusHealthy:
			return nil
		case ended, health == types.HealthStatusUnhealthy:
			return &failure{reason: fmt.Sprintf("dependency graph: failed to resolve dependencies: container %s did not reach the "+
				"condition %s", *c.def.Name, strings.ToUpper(string(want)))}
		}
		timer := time.NewTimer(25 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for the container %s: %w", *c.def.Name, ctx.Err())
		}
	}
}
