package ecs

import (
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// breaker is the deployment circuit breaker.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
type breaker struct{ triggered bool }

// breakerOf is an enabled circuit breaker, or nil.
func breakerOf(c *ecstypes.DeploymentConfiguration) *ecstypes.DeploymentCircuitBreaker {
	if c == nil || c.DeploymentCircuitBreaker == nil || !c.DeploymentCircuitBreaker.Enable {
		return nil
	}
	return c.DeploymentCircuitBreaker
}

// threshold is how many failures the breaker bears: half of the desired count, at least 3 and at most 200, unless it is
// configured otherwise.
func threshold(b *ecstypes.DeploymentCircuitBreaker, desired int) int {
	half := int(math.Ceil(0.5 * float64(desired)))
	if b == nil || b.ThresholdConfiguration == nil {
		return min(max(half, 3), 200)
	}
	value := float64(b.ThresholdConfiguration.Value)
	share := int(math.Ceil(value * float64(desired) / 100))
	switch b.ThresholdConfiguration.Type {
	case ecstypes.ThresholdTypeCount:
		return int(value)
	case ecstypes.ThresholdTypeUnboundedPercent:
		return max(share, 1)
	default:
		return min(max(share, 3), 200)
	}
}

// trips reports whether the deployment has failed too often.
func (b *breaker) trips(r *rollout) bool {
	enabled := breakerOf(&r.config)
	if enabled != nil && r.target.failed >= threshold(enabled, r.service.settings.desired) {
		b.triggered = true
	}
	return b.triggered
}

// rollback reports whether a tripped breaker rolls back.
func (b *breaker) rollback(r *rollout) bool {
	enabled := breakerOf(&r.config)
	return enabled != nil && enabled.Rollback
}

// describe is the breaker in DescribeServiceDeployments.
func (b *breaker) describe(r *rollout) *ecstypes.ServiceDeploymentCircuitBreaker {
	enabled := breakerOf(&r.config)
	d := &ecstypes.ServiceDeploymentCircuitBreaker{
		FailureCount: int32(r.target.failed),                                //nolint:gosec // small
		Threshold:    int32(threshold(enabled, r.service.settings.desired)), //nolint:gosec // small
		Status:       ecstypes.ServiceDeploymentRollbackMonitorsStatusMonitoring,
	}
	switch {
	case enabled == nil:
		d.Status = ecstypes.ServiceDeploymentRollbackMonitorsStatusDisabled
	case b.triggered:
		d.Status = ecstypes.ServiceDeploymentRollbackMonitorsStatusTriggered
	case !r.finished.IsZero():
		d.Status = ecstypes.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete
	}
	return d
}

// alarms are the CloudWatch alarms that a deployment watches.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html
type alarms struct {
	disabled  bool // one was in ALARM when the deployment began: ECS does not watch then
	triggered []string
}

// watchAlarms looks whether the alarms can be watched.
func (s *Service) watchAlarms(r *rollout) {
	r.alarms.disabled = r.config.Alarms == nil || !r.config.Alarms.Enable || len(s.inAlarm(r)) > 0
}

// triggered lists the alarms that went off during the deployment.
func (s *Service) triggered(r *rollout) []string {
	if !r.alarms.disabled && len(r.alarms.triggered) == 0 {
		r.alarms.triggered = s.inAlarm(r)
	}
	return r.alarms.triggered
}

// inAlarm asks CloudWatch which of the deployment's alarms are in ALARM.
func (s *Service) inAlarm(r *rollout) []string {
	if s.Alarms == nil || r.config.Alarms == nil || !r.config.Alarms.Enable {
		return nil
	}
	out, err := s.Alarms.DescribeAlarms(s.ctx, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: r.config.Alarms.AlarmNames, StateValue: types.StateValueAlarm,
	})
	if err != nil {
		return nil
	}
	var names []string
	for _, a := range out.MetricAlarms {
		names = append(names, aws.ToString(a.AlarmName))
	}
	slices.Sort(names)
	return names
}

// describe is the alarms in DescribeServiceDeployments.
func (a *alarms) describe(r *rollout) *ecstypes.ServiceDeploymentAlarms {
	d := &ecstypes.ServiceDeploymentAlarms{Status: ecstypes.ServiceDeploymentRollbackMonitorsStatusMonitoring}
	if r.config.Alarms != nil {
		d.AlarmNames = r.config.Alarms.AlarmNames
	}
	switch {
	case a.disabled:
		d.Status = ecstypes.ServiceDeploymentRollbackMonitorsStatusDisabled
	case len(a.triggered) > 0:
		d.Status, d.TriggeredAlarmNames = ecstypes.ServiceDeploymentRollbackMonitorsStatusTriggered, a.triggered
	case !r.finished.IsZero():
		d.Status = ecstypes.ServiceDeploymentRollbackMonitorsStatusMonitoringComplete
	}
	return d
}
