package ecs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// behind puts the service behind a load balancer with the target groups blue and green.
func behind(in *awsecs.CreateServiceInput) {
	in.LoadBalancers = []types.LoadBalancer{{
		ContainerName: aws.String("web"), ContainerPort: aws.Int32(8080), TargetGroupArn: aws.String("blue"),
		AdvancedConfiguration: &types.AdvancedConfiguration{
			AlternateTargetGroupArn: aws.String("green"), ProductionListenerRule: aws.String("production"),
			TestListenerRule: aws.String("test"), RoleArn: aws.String("arn:aws:iam::111122223333:role/ecs"),
		},
	}}
}

// strategy makes a service that shifts traffic.
func strategy(change func(c *types.DeploymentConfiguration)) func(*awsecs.CreateServiceInput) {
	return func(in *awsecs.CreateServiceInput) {
		behind(in)
		in.DeploymentConfiguration.Strategy = types.DeploymentStrategyBlueGreen
		in.DeploymentConfiguration.BakeTimeInMinutes = aws.Int32(10)
		change(in.DeploymentConfiguration)
	}
}

// path records stages and weights of a deployment as it goes.
type path struct {
	stages  []string
	weights []string
	since   map[string]time.Time
}

func (p *path) look(d types.ServiceDeployment) {
	if p.since == nil {
		p.since = map[string]time.Time{}
	}
	if stage := string(d.LifecycleStage); stage != "" && (len(p.stages) == 0 || p.stages[len(p.stages)-1] != stage) {
		p.stages = append(p.stages, stage)
	}
	if w := d.TargetServiceRevision.RequestedProductionTrafficWeight; w != nil {
		weight := fmt.Sprint(*w)
		if len(p.weights) == 0 || p.weights[len(p.weights)-1] != weight {
			p.weights = append(p.weights, weight)
			p.since[weight] = time.Now()
		}
	}
}

func TestStrategies(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(c *types.DeploymentConfiguration)
		weights string
		steps   map[[2]string]time.Duration // between two weights
	}{
		"blue-green": {func(*types.DeploymentConfiguration) {}, "0 100", nil},
		"canary": {func(c *types.DeploymentConfiguration) {
			c.Strategy = types.DeploymentStrategyCanary
			c.CanaryConfiguration = &types.CanaryConfiguration{CanaryPercent: aws.Float64(12.5), CanaryBakeTimeInMinutes: aws.Int32(7)}
		}, "0 12.5 100", map[[2]string]time.Duration{{"12.5", "100"}: 7 * time.Minute}},
		"linear": {func(c *types.DeploymentConfiguration) {
			c.Strategy = types.DeploymentStrategyLinear
			c.LinearConfiguration = &types.LinearConfiguration{StepPercent: aws.Float64(40), StepBakeTimeInMinutes: aws.Int32(3)}
		}, "0 40 80 100", map[[2]string]time.Duration{{"40", "80"}: 3 * time.Minute, {"80", "100"}: 3 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, []string{"v1", "v2"}, func(w *world) {
				w.create(strategy(c.change))
				if got := w.balancer.rule("production"); got["blue"] != 100 {
					t.Errorf("at first the weights are %v", got)
				}
				w.deploy(2)
				began := time.Now()
				var p path
				w.await(types.ServiceDeploymentStatusSuccessful, p.look, func(d types.ServiceDeployment) {
					if d.LifecycleStage == types.ServiceDeploymentLifecycleStageBakeTime && (w.images()["v1"] != 2 || w.images()["v2"] != 2) {
						t.Errorf("while it bakes: %v", w.images())
					}
					if d.LifecycleStage == types.ServiceDeploymentLifecycleStageProductionTrafficShift && w.balancer.rule("test")["green"] != 100 {
						t.Errorf("test traffic %v", w.balancer.rule("test"))
					}
				})
				if got := strings.Join(p.weights, " "); got != c.weights {
					t.Errorf("weights %s, want %s", got, c.weights)
				}
				for step, want := range c.steps {
					if got := p.since[step[1]].Sub(p.since[step[0]]); got < want || got > want+5*time.Second {
						t.Errorf("from %s to %s in %s, want %s", step[0], step[1], got, want)
					}
				}
				if took := time.Since(began); took < 10*time.Minute {
					t.Errorf("over in %s, but the bake time is 10m", took)
				}
				if got := w.balancer.rule("production"); got["green"] == 0 || got["blue"] != 0 {
					t.Errorf("at the end the weights are %v", got)
				}
				same(t, w.images(), map[string]int{"v2": 2})
				if !slices.Contains(p.stages, "BAKE_TIME") {
					t.Errorf("stages %v", p.stages)
				}
			})
		})
	}
}

// TestBackAndForth deploys twice: each time the other target group takes over.
func TestBackAndForth(t *testing.T) {
	in(t, []string{"v1", "v2", "v3"}, func(w *world) {
		w.create(strategy(func(*types.DeploymentConfiguration) {}))
		w.deploy(2)
		w.await(types.ServiceDeploymentStatusSuccessful)
		if got := w.balancer.rule("production"); got["green"] != 100 {
			t.Errorf("weights %v", got)
		}
		w.deploy(3)
		d := w.await(types.ServiceDeploymentStatusSuccessful)
		if got := w.balancer.rule("production"); got["blue"] != 100 {
			t.Errorf("weights %v", got)
		}
		revision := must(w.DescribeServiceRevisions(t.Context(), &awsecs.DescribeServiceRevisionsInput{
			ServiceRevisionArns: []string{*d.TargetServiceRevision.Arn},
		})).ServiceRevisions[0]
		if got := *revision.ResolvedConfiguration.LoadBalancers[0].TargetGroupArn; got != "blue" {
			t.Errorf("the service revision is in the target group %s", got)
		}
		if got := *revision.ContainerImages[0].ImageDigest; got != "v3" {
			t.Errorf("image digest %s", got)
		}
	})
}

func pause(stages ...types.DeploymentLifecycleHookStage) func(c *types.DeploymentConfiguration) {
	return func(c *types.DeploymentConfiguration) {
		c.LifecycleHooks = []types.DeploymentLifecycleHook{{
			TargetType: types.DeploymentLifecycleHookTargetTypePause, LifecycleStages: stages,
			TimeoutConfiguration: &types.DeploymentLifecycleHookTimeoutConfiguration{TimeoutInMinutes: aws.Int32(60)},
		}}
	}
}

// waiting is the hook that awaits an action, or nil.
func waiting(d types.ServiceDeployment) *types.DeploymentLifecycleHookDetail {
	for i, h := range d.LifecycleHookDetails {
		if h.Status == types.DeploymentLifecycleHookStatusAwaitingAction {
			return &d.LifecycleHookDetails[i]
		}
	}
	return nil
}

func TestPauseHooks(t *testing.T) {
	for name, c := range map[string]struct {
		action types.DeploymentLifecycleHookAction // empty: nobody answers
		want   types.ServiceDeploymentStatus
		images map[string]int
	}{
		"continue": {types.DeploymentLifecycleHookActionContinue, types.ServiceDeploymentStatusSuccessful, map[string]int{"v2": 2}},
		"rollback": {types.DeploymentLifecycleHookActionRollback, types.ServiceDeploymentStatusRollbackSuccessful, map[string]int{"v1": 2}},
		"timeout":  {"", types.ServiceDeploymentStatusRollbackSuccessful, map[string]int{"v1": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, []string{"v1", "v2"}, func(w *world) {
				w.create(strategy(func(*types.DeploymentConfiguration) {}))
				update := &types.DeploymentConfiguration{}
				pause(types.DeploymentLifecycleHookStagePostTestTrafficShift)(update)
				must(w.UpdateService(t.Context(), &awsecs.UpdateServiceInput{
					Cluster: aws.String("shop"), Service: aws.String("web"), TaskDefinition: aws.String("web:2"), DeploymentConfiguration: update,
				}))
				d := w.until(func(d types.ServiceDeployment) bool { return waiting(d) != nil })
				if d.LifecycleStage != types.ServiceDeploymentLifecycleStagePostTestTrafficShift || d.Status != types.ServiceDeploymentStatusInProgress {
					t.Errorf("paused at %s, %s", d.LifecycleStage, d.Status)
				}
				time.Sleep(30 * time.Minute)
				if waiting(w.deployment()) == nil {
					t.Error("the hook did not wait")
				}
				if w.balancer.rule("production")["blue"] != 100 || w.balancer.rule("test")["green"] != 100 {
					t.Errorf("production %v, test %v", w.balancer.rule("production"), w.balancer.rule("test"))
				}
				answer := &awsecs.ContinueServiceDeploymentInput{
					ServiceDeploymentArn: d.ServiceDeploymentArn, HookId: waiting(d).HookId, Action: c.action,
				}
				if c.action != "" {
					must(w.ContinueServiceDeployment(t.Context(), answer))
					if _, err := w.ContinueServiceDeployment(t.Context(), answer); err == nil {
						t.Error("the hook was answered twice")
					}
				}
				w.await(c.want)
				same(t, w.images(), c.images)
			})
		})
	}
}

// TestRollbackOfShiftedTraffic stops a canary half-way: production goes back to blue before green stops.
func TestRollbackOfShiftedTraffic(t *testing.T) {
	in(t, []string{"v1", "v2"}, func(w *world) {
		w.create(strategy(func(c *types.DeploymentConfiguration) {
			c.Strategy = types.DeploymentStrategyCanary
			c.CanaryConfiguration = &types.CanaryConfiguration{CanaryPercent: aws.Float64(10), CanaryBakeTimeInMinutes: aws.Int32(10)}
		}))
		w.deploy(2)
		d := w.until(func(d types.ServiceDeployment) bool {
			return *d.TargetServiceRevision.RequestedProductionTrafficWeight == 10
		})
		if got := w.balancer.rule("production"); got["blue"] != 90 || got["green"] != 10 {
			t.Errorf("weights %v", got)
		}
		must(w.StopServiceDeployment(t.Context(), &awsecs.StopServiceDeploymentInput{ServiceDeploymentArn: d.ServiceDeploymentArn}))
		w.await(types.ServiceDeploymentStatusRollbackSuccessful, func(types.ServiceDeployment) {
			if w.images()["v2"] == 0 && w.balancer.rule("production")["blue"] != 100 {
				t.Error("green is gone and still gets traffic")
			}
		})
		if got := w.balancer.rule("production"); got["blue"] != 100 || got["green"] != 0 {
			t.Errorf("weights %v", got)
		}
		same(t, w.images(), map[string]int{"v1": 2})
	})
}

func TestBlueGreenBreaker(t *testing.T) {
	in(t, []string{"v1", "crash"}, func(w *world) {
		w.create(strategy(func(*types.DeploymentConfiguration) {}))
		w.deploy(2)
		d := w.await(types.ServiceDeploymentStatusRollbackSuccessful)
		if *d.StatusReason != "Service deployment rolled back because the circuit breaker threshold was exceeded." {
			t.Errorf("reason %q", *d.StatusReason)
		}
		same(t, w.images(), map[string]int{"v1": 2})
	})
}

// TestReconcile supersedes a blue-green deployment while both revisions run.
func TestReconcile(t *testing.T) {
	in(t, []string{"v1", "v2", "v3"}, func(w *world) {
		w.create(strategy(func(*types.DeploymentConfiguration) {}))
		answer := func() {
			d := w.until(func(d types.ServiceDeployment) bool { return waiting(d) != nil })
			must(w.ContinueServiceDeployment(t.Context(), &awsecs.ContinueServiceDeploymentInput{
				ServiceDeploymentArn: d.ServiceDeploymentArn, HookId: waiting(d).HookId,
			}))
		}
		update := &types.DeploymentConfiguration{}
		pause(types.DeploymentLifecycleHookStagePostScaleUp)(update)
		must(w.UpdateService(t.Context(), &awsecs.UpdateServiceInput{
			Cluster: aws.String("shop"), Service: aws.String("web"), TaskDefinition: aws.String("web:2"), DeploymentConfiguration: update,
		}))
		w.until(func(d types.ServiceDeployment) bool { return waiting(d) != nil })
		w.deploy(3)
		var p path
		w.until(func(d types.ServiceDeployment) bool { return waiting(d) != nil }, p.look)
		if p.stages[0] != "RECONCILE_SERVICE" {
			t.Errorf("stages %v", p.stages)
		}
		same(t, w.images(), map[string]int{"v1": 2, "v3": 2})
		answer()
		w.await(types.ServiceDeploymentStatusSuccessful)
		same(t, w.images(), map[string]int{"v3": 2})
	})
}
