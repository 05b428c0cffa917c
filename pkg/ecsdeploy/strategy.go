package ecsdeploy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// deploymentConfiguration is the service's own with the wanted changes: what
// is not asked for stays as it is.
func deploymentConfiguration(service types.Service, r Rollout) *types.DeploymentConfiguration {
	config := deref(service.DeploymentConfiguration)
	if r.Strategy != "" && r.Strategy != config.Strategy {
		config.Strategy = r.Strategy
		config.CanaryConfiguration, config.LinearConfiguration = nil, nil
		if r.Strategy == types.DeploymentStrategyRolling {
			config.BakeTimeInMinutes = nil
		}
	}
	if r.Bake != nil {
		config.BakeTimeInMinutes = r.Bake
	}
	if r.CanaryPercent != nil || r.CanaryBakeMinutes != nil {
		canary := deref(config.CanaryConfiguration)
		canary.CanaryPercent = either(r.CanaryPercent, canary.CanaryPercent)
		canary.CanaryBakeTimeInMinutes = either(r.CanaryBakeMinutes, canary.CanaryBakeTimeInMinutes)
		config.CanaryConfiguration = &canary
	}
	if r.StepPercent != nil || r.StepBakeMinutes != nil {
		linear := deref(config.LinearConfiguration)
		linear.StepPercent = either(r.StepPercent, linear.StepPercent)
		linear.StepBakeTimeInMinutes = either(r.StepBakeMinutes, linear.StepBakeTimeInMinutes)
		config.LinearConfiguration = &linear
	}
	config.LifecycleHooks = lifecycleHooks(config.LifecycleHooks, r)
	return &config
}

// lifecycleHooks keeps the service's Lambda hooks and replaces its pauses if
// the request says anything about pauses.
func lifecycleHooks(own []types.DeploymentLifecycleHook, r Rollout) []types.DeploymentLifecycleHook {
	if len(r.PauseAt) == 0 && !r.NoPause {
		return own
	}
	hooks := slices.DeleteFunc(slices.Clone(own), isPause)
	if len(r.PauseAt) > 0 {
		hooks = append(hooks, types.DeploymentLifecycleHook{
			TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: r.PauseAt,
		})
	}
	return hooks
}

func isPause(hook types.DeploymentLifecycleHook) bool {
	return hook.TargetType == types.DeploymentLifecycleHookTargetTypePause
}

// settings says in plain words what changes of the service itself, and checks
// that its load balancers can do what the strategy asks.
func (p *planner) settings(service types.Service, s *ServicePlan) []string {
	var words []string
	r := p.req.Rollout
	if r.DesiredCount != nil {
		if *r.DesiredCount != service.DesiredCount {
			words = append(words, fmt.Sprintf("desired count from %d to %d", service.DesiredCount, *r.DesiredCount))
		}
		s.Desired = *r.DesiredCount
	}
	if r.ManagedTags != nil && *r.ManagedTags != service.EnableECSManagedTags {
		words = append(words, fmt.Sprintf("ECS managed tags: %t", *r.ManagedTags))
	}
	if r.PropagateTags != "" && r.PropagateTags != service.PropagateTags {
		words = append(words, "propagate tags from "+string(r.PropagateTags))
	}
	for _, volume := range r.Volumes {
		words = append(words, "volume "+aws.ToString(volume.Name)+" configured at launch")
	}
	config := deref(service.DeploymentConfiguration)
	if r.changesConfiguration() {
		config = *deploymentConfiguration(service, r)
		before, after := strategyWords(deref(service.DeploymentConfiguration)), strategyWords(config)
		if before != after {
			words = append(words, "strategy from "+before+" to "+after)
		}
		p.shifting(service, config.Strategy)
	}
	for _, hook := range config.LifecycleHooks {
		if isPause(hook) {
			for _, stage := range hook.LifecycleStages {
				s.Pauses = append(s.Pauses, string(stage))
			}
		}
	}
	return words
}

// shifting checks that traffic can be shifted in steps:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/canary-deployment.html.
func (p *planner) shifting(service types.Service, strategy types.DeploymentStrategy) {
	if strategy == "" || strategy == types.DeploymentStrategyRolling {
		return
	}
	for _, lb := range service.LoadBalancers {
		if lb.TargetGroupArn != nil && lb.AdvancedConfiguration == nil {
			p.problems.Errorf("give the service's load balancer an alternate target group, a production listener rule and a role",
				"service %q: strategy %s needs advancedConfiguration on its load balancer", aws.ToString(service.ServiceName), strategy)
		}
	}
	steps := strategy == types.DeploymentStrategyCanary || strategy == types.DeploymentStrategyLinear
	if steps && len(service.LoadBalancers) == 0 && !usesServiceConnect(service) {
		p.problems.Errorf("use strategy: rolling or blue-green, or put a load balancer in front",
			"service %q has no load balancer and no Service Connect: strategy %s has no traffic to shift",
			aws.ToString(service.ServiceName), strategy)
	}
}

func usesServiceConnect(service types.Service) bool {
	return slices.ContainsFunc(service.Deployments, func(d types.Deployment) bool {
		return d.ServiceConnectConfiguration != nil && d.ServiceConnectConfiguration.Enabled
	})
}

// strategyWords describes a configuration in one comparable phrase.
func strategyWords(config types.DeploymentConfiguration) string {
	name := strings.ToLower(strings.ReplaceAll(string(config.Strategy), "_", "-"))
	if name == "" {
		name = "rolling"
	}
	words := []string{name}
	if canary := config.CanaryConfiguration; canary != nil {
		words = append(words, fmt.Sprintf("canary %g%% for %d min", deref(canary.CanaryPercent), deref(canary.CanaryBakeTimeInMinutes)))
	}
	if linear := config.LinearConfiguration; linear != nil {
		words = append(words, fmt.Sprintf("steps of %g%% every %d min", deref(linear.StepPercent), deref(linear.StepBakeTimeInMinutes)))
	}
	if bake := deref(config.BakeTimeInMinutes); bake > 0 {
		words = append(words, fmt.Sprintf("bake %d min", bake))
	}
	for _, hook := range config.LifecycleHooks {
		if isPause(hook) {
			words = append(words, fmt.Sprintf("pause at %v", hook.LifecycleStages))
		}
	}
	return strings.Join(words, ", ")
}

// bakeTime is how long ECS itself waits during a deployment: it does not count
// against the user's timeout.
func bakeTime(config *types.DeploymentConfiguration) time.Duration {
	c := deref(config)
	minutes := float64(deref(c.BakeTimeInMinutes))
	switch c.Strategy {
	case types.DeploymentStrategyCanary:
		minutes += float64(deref(deref(c.CanaryConfiguration).CanaryBakeTimeInMinutes))
	case types.DeploymentStrategyLinear:
		linear := deref(c.LinearConfiguration)
		if step := deref(linear.StepPercent); step > 0 {
			minutes += float64(deref(linear.StepBakeTimeInMinutes)) * (100/step - 1)
		}
	}
	return time.Duration(minutes * float64(time.Minute))
}

func deref[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

func either[T any](first, second *T) *T {
	if first != nil {
		return first
	}
	return second
}
