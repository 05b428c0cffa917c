package cloudwatch_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/org/shipkit/internal/localaws/cloudwatch"
)

func TestAlarms(t *testing.T) {
	s := cloudwatch.New(time.Now)
	ctx := t.Context()
	for _, name := range []string{"errors", "latency"} {
		if _, err := s.PutMetricAlarm(ctx, &awscw.PutMetricAlarmInput{AlarmName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	state, err := s.Save()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetAlarmState(ctx, &awscw.SetAlarmStateInput{
		AlarmName: aws.String("errors"), StateValue: types.StateValueAlarm, StateReason: aws.String("test"),
	}); err != nil {
		t.Fatal(err)
	}
	ringing := func(s *cloudwatch.Service) int {
		out, err := s.DescribeAlarms(ctx, &awscw.DescribeAlarmsInput{
			AlarmNames: []string{"errors", "latency"}, StateValue: types.StateValueAlarm,
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.MetricAlarms)
	}
	if n := ringing(s); n != 1 {
		t.Errorf("%d alarms ring", n)
	}
	var missing *types.ResourceNotFound
	if _, err := s.SetAlarmState(ctx, &awscw.SetAlarmStateInput{AlarmName: aws.String("none")}); !errors.As(err, &missing) {
		t.Errorf("an unknown alarm: %v", err)
	}
	if _, err := s.DeleteAlarms(ctx, &awscw.DeleteAlarmsInput{AlarmNames: []string{"errors", "none"}}); !errors.As(err, &missing) {
		t.Errorf("deleted an unknown alarm: %v", err)
	}
	fresh := cloudwatch.New(time.Now)
	if err := fresh.Load(state); err != nil {
		t.Fatal(err)
	}
	if n := ringing(fresh); n != 0 {
		t.Errorf("%d alarms ring after a restart", n)
	}
}
