package ecs

import (
	"cmp"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// The lifecycle stages of a deployment that shifts traffic, in order.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html
const (
	stageReconcile     = types.ServiceDeploymentLifecycleStageReconcileService
	stagePreScaleUp    = types.ServiceDeploymentLifecycleStagePreScaleUp
	stageScaleUp       = types.ServiceDeploymentLifecycleStageScaleUp
	stagePostScaleUp   = types.ServiceDeploymentLifecycleStagePostScaleUp
	stageTest          = types.ServiceDeploymentLifecycleStageTestTrafficShift
	stagePostTest      = types.ServiceDeploymentLifecycleStagePostTestTrafficShift
	stagePreProduction = types.ServiceDeploymentLifecycleStage(types.DeploymentLifecycleHookStagePreProductionTrafficShift)
	stageProduction    = types.ServiceDeploymentLifecycleStageProductionTrafficShift
	stagePostProd      = types.ServiceDeploymentLifecycleStagePostProductionTrafficShift
	stageBake          = types.ServiceDeploymentLifecycleStageBakeTime
	stageCleanUp       = types.ServiceDeploymentLifecycleStageCleanUp
)

var following = map[types.ServiceDeploymentLifecycleStage]types.ServiceDeploymentLifecycleStage{
	stageReconcile: stagePreScaleUp, stagePreScaleUp: stageScaleUp, stageScaleUp: stagePostScaleUp, stagePostScaleUp: stageTest,
	stageTest: stagePostTest, stagePostTest: stagePreProduction, stagePreProduction: stageProduction,
	stageProduction: stagePostProd, stagePostProd: stageBake, stageBake: stageCleanUp,
}

// shifts reports whether the deployment shifts traffic instead of replacing tasks one by one.
func (r *rollout) shifts() bool {
	return r.config.Strategy != "" && r.config.Strategy != types.DeploymentStrategyRolling
}

// shift takes the next step of a blue-green, canary or linear deployment.
func (s *Service) shift(r *rollout) {
	if r.stage == "" {
		first := stagePreScaleUp
		if len(r.source) > 1 {
			first = stageReconcile
		}
		s.enter(r, first)
	}
	s.holdBlue(r)
	if s.paused(r) {
		return
	}
	if r.stage == stageCleanUp {
		if s.replace(r.service, r.target) {
			s.succeed(r)
		}
		return
	}
	if next, done := s.work(r); done {
		s.enter(r, next)
		r.service.poke()
	}
}

// enter begins a stage.
func (s *Service) enter(r *rollout, stage types.ServiceDeploymentLifecycleStage) {
	r.stage, r.since, r.updated = stage, s.Clock.Now(), s.Clock.Now()
	s.openHooks(r)
}

// work does what a stage is for. It reports whether the stage is over, and which one follows.
func (s *Service) work(r *rollout) (next types.ServiceDeploymentLifecycleStage, done bool) {
	next = following[r.stage]
	switch r.stage {
	case stageReconcile:
		return next, s.retireOthers(r)
	case stageScaleUp:
		return next, s.scaleGreen(r)
	case stageTest:
		r.target.test = 100
		s.sendTest(r.target)
	case stageProduction:
		return s.shiftStep(r)
	case stageBake:
		return next, s.Clock.Now().Sub(r.since) >= minutes(r.config.BakeTimeInMinutes)
	}
	return next, true
}

// holdBlue keeps the blue deployment at its size while green comes up.
func (s *Service) holdBlue(r *rollout) {
	if r.stage == stageCleanUp || len(r.source) == 0 || r.source[0].rollout != types.DeploymentRolloutStateCompleted {
		return
	}
	blue := r.source[0]
	s.scaleUp(blue, r.service.settings.desired-blue.count((*task).live))
}

// retireOthers stops what an earlier, superseded deployment left beside blue.
func (s *Service) retireOthers(r *rollout) bool {
	over := true
	for _, d := range r.source[min(1, len(r.source)):] {
		d.desired, d.weight = 0, 0
		s.retire(d, math.MaxInt32)
		over = over && len(d.tasks()) == 0
	}
	if over && len(r.source) > 0 {
		s.sendTraffic(r, r.source[0], 100)
	}
	return over
}

// scaleGreen brings all green tasks up, none of which serves yet.
func (s *Service) scaleGreen(r *rollout) bool {
	green := r.target
	green.desired = r.service.settings.desired
	s.scaleUp(green, green.desired-green.count((*task).live))
	return green.count(func(t *task) bool { return t.running() && t.steady }) == green.desired
}

// shiftStep gives green its next share of production traffic, and waits until the step has baked.
func (s *Service) shiftStep(r *rollout) (next types.ServiceDeploymentLifecycleStage, done bool) {
	percent, bake := r.nextShare()
	if r.target.weight < percent && r.settled.IsZero() {
		s.sendTraffic(r, r.target, percent)
		r.settled = s.Clock.Now()
	}
	if r.target.weight >= 100 {
		r.settled = time.Time{}
		return stagePostProd, true
	}
	if s.Clock.Now().Sub(r.settled) < bake {
		return "", false
	}
	r.settled = time.Time{}
	return stagePreProduction, true // the stage before each step
}

// nextShare is the share of production traffic that the current step gives to green, and how long the step bakes.
func (r *rollout) nextShare() (percent float64, bake time.Duration) {
	now := r.target.weight
	switch r.config.Strategy {
	case types.DeploymentStrategyCanary:
		share, bake := 5.0, int32(10)
		if c := r.config.CanaryConfiguration; c != nil {
			share, bake = or(c.CanaryPercent, share), or(c.CanaryBakeTimeInMinutes, bake)
		}
		if now >= share && r.settled.IsZero() {
			share = 100
		}
		return share, minutes(&bake)
	case types.DeploymentStrategyLinear:
		step, bake := 10.0, int32(6)
		if c := r.config.LinearConfiguration; c != nil {
			step, bake = or(c.StepPercent, step), or(c.StepBakeTimeInMinutes, bake)
		}
		return min(now+step, 100), minutes(&bake)
	default:
		return 100, 0
	}
}

func or[T cmp.Ordered](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// sendTraffic gives a deployment its share of production traffic and the one that serves the rest.
func (s *Service) sendTraffic(r *rollout, d *deployment, percent float64) {
	if d.weight == percent {
		return
	}
	d.weight = percent
	var other *deployment
	for _, x := range r.service.live {
		if x == d {
			continue
		}
		x.weight = 0
		if other == nil || len(r.source) > 0 && x == r.source[0] {
			other = x
		}
	}
	if other != nil {
		other.weight = 100 - percent
	}
	for i, lb := range d.rev.balancers {
		if a := lb.AdvancedConfiguration; a != nil {
			s.setRule(a.ProductionListenerRule, lb, d.group(i), percent)
		}
	}
}

// sendTest gives a deployment all test traffic.
func (s *Service) sendTest(d *deployment) {
	for i, lb := range d.rev.balancers {
		if a := lb.AdvancedConfiguration; a != nil && a.TestListenerRule != nil {
			s.setRule(a.TestListenerRule, lb, d.group(i), 100)
		}
	}
}

// group is the target group that the deployment uses for its i-th load balancer, or empty.
func (d *deployment) group(i int) string {
	if d == nil || i >= len(d.rev.groups) {
		return ""
	}
	return d.rev.groups[i]
}

// setRule gives a target group its percent of a rule's traffic and the other one of the pair the rest. Load balancers know
// whole weights up to 999: a share with a fraction is scaled.
func (s *Service) setRule(rule *string, lb types.LoadBalancer, group string, percent float64) {
	if s.Balancer == nil || rule == nil {
		return
	}
	scale := 1.0
	if percent != math.Trunc(percent) {
		scale = 9
	}
	var groups []elbtypes.TargetGroupTuple
	for _, arn := range []string{aws.ToString(lb.TargetGroupArn), aws.ToString(lb.AdvancedConfiguration.AlternateTargetGroupArn)} {
		share := 100 - percent
		if arn == group {
			share = percent
		}
		groups = append(groups, elbtypes.TargetGroupTuple{
			TargetGroupArn: aws.String(arn), Weight: aws.Int32(int32(math.Round(share * scale))),
		})
	}
	_, _ = s.Balancer.ModifyRule(s.ctx, &elb.ModifyRuleInput{RuleArn: rule, Actions: []elbtypes.Action{{
		Type: elbtypes.ActionTypeEnumForward, ForwardConfig: &elbtypes.ForwardActionConfig{TargetGroups: groups},
	}}}) // checked when the service was set up
}
