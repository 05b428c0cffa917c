// Package cloudwatch is the part of CloudWatch that deployments watch: alarms, whose state is set by hand.
package cloudwatch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/org/shipkit/internal/localaws/kept"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Service implements CloudWatch's operations on metric alarms.
type Service struct {
	kept.State

	now func() time.Time

	mu     sync.Mutex
	alarms map[string]types.MetricAlarm // by account, region and name
}

// New returns a service without alarms; now tells simulated time.
func New(now func() time.Time) *Service {
	s := &Service{now: now, alarms: map[string]types.MetricAlarm{}}
	s.State = kept.Of(&s.mu, &s.alarms)
	return s
}

// prefix is what the keys of the caller's alarms begin with.
func prefix(ctx context.Context) string {
	id := wire.Caller(ctx)
	return id.AccountID + "/" + id.Region + "/"
}

// PutMetricAlarm makes or changes an alarm. A new one has insufficient data: no metric is evaluated here.
func (s *Service) PutMetricAlarm(
	ctx context.Context, in *cloudwatch.PutMetricAlarmInput,
) (*cloudwatch.PutMetricAlarmOutput, error) {
	id, name, now := wire.Caller(ctx), aws.ToString(in.AlarmName), s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	alarm, had := s.alarms[prefix(ctx)+name]
	if !had {
		alarm = types.MetricAlarm{
			AlarmName: in.AlarmName, StateValue: types.StateValueInsufficientData, StateUpdatedTimestamp: &now,
			AlarmArn:    aws.String(fmt.Sprintf("arn:aws:cloudwatch:%s:%s:alarm:%s", id.Region, id.AccountID, name)),
			StateReason: aws.String("Unchecked: Initial alarm creation"),
		}
	}
	alarm.AlarmConfigurationUpdatedTimestamp = &now
	alarm.AlarmDescription, alarm.ActionsEnabled, alarm.AlarmActions = in.AlarmDescription, in.ActionsEnabled, in.AlarmActions
	alarm.MetricName, alarm.Namespace, alarm.Dimensions = in.MetricName, in.Namespace, in.Dimensions
	alarm.Statistic, alarm.Period, alarm.EvaluationPeriods = in.Statistic, in.Period, in.EvaluationPeriods
	alarm.Threshold, alarm.ComparisonOperator, alarm.TreatMissingData = in.Threshold, in.ComparisonOperator, in.TreatMissingData
	s.alarms[prefix(ctx)+name] = alarm
	return &cloudwatch.PutMetricAlarmOutput{}, nil
}

// SetAlarmState sets an alarm's state; here it stays until the next call.
func (s *Service) SetAlarmState(ctx context.Context, in *cloudwatch.SetAlarmStateInput) (*cloudwatch.SetAlarmStateOutput, error) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	key := prefix(ctx) + aws.ToString(in.AlarmName)
	alarm, ok := s.alarms[key]
	if !ok {
		return nil, &types.ResourceNotFound{Message: aws.String("Unknown alarm: " + aws.ToString(in.AlarmName))}
	}
	alarm.StateValue, alarm.StateReason, alarm.StateUpdatedTimestamp = in.StateValue, in.StateReason, &now
	s.alarms[key] = alarm
	return &cloudwatch.SetAlarmStateOutput{}, nil
}

// DescribeAlarms lists metric alarms by name, prefix and state.
func (s *Service) DescribeAlarms(
	ctx context.Context, in *cloudwatch.DescribeAlarmsInput,
) (*cloudwatch.DescribeAlarmsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &cloudwatch.DescribeAlarmsOutput{MetricAlarms: []types.MetricAlarm{}}
	for _, key := range slices.Sorted(maps.Keys(s.alarms)) {
		name, mine := strings.CutPrefix(key, prefix(ctx))
		named := len(in.AlarmNames) == 0 || slices.Contains(in.AlarmNames, name)
		state := in.StateValue == "" || in.StateValue == s.alarms[key].StateValue
		if mine && named && state && strings.HasPrefix(name, aws.ToString(in.AlarmNamePrefix)) {
			out.MetricAlarms = append(out.MetricAlarms, s.alarms[key])
		}
	}
	return out, nil
}

// DeleteAlarms removes alarms; unknown names are an error and nothing is removed.
func (s *Service) DeleteAlarms(ctx context.Context, in *cloudwatch.DeleteAlarmsInput) (*cloudwatch.DeleteAlarmsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range in.AlarmNames {
		if _, ok := s.alarms[prefix(ctx)+name]; !ok {
			return nil, &types.ResourceNotFound{Message: aws.String("Unknown alarm: " + name)}
		}
	}
	for _, name := range in.AlarmNames {
		delete(s.alarms, prefix(ctx)+name)
	}
	return &cloudwatch.DeleteAlarmsOutput{}, nil
}

// Wire is the service at the endpoint.
func (s *Service) Wire() *wire.Service {
	svc := wire.NewService(wire.ServiceInfo{
		Name: "monitoring", Protocol: wire.RPCv2, TargetPrefix: "GraniteServiceVersion20100801",
	})
	wire.Handle(svc, "PutMetricAlarm", s.PutMetricAlarm)
	wire.Handle(svc, "SetAlarmState", s.SetAlarmState)
	wire.Handle(svc, "DescribeAlarms", s.DescribeAlarms)
	wire.Handle(svc, "DeleteAlarms", s.DeleteAlarms)
	return svc
}
