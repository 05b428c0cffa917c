package contract

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Alarms have no judge: the SDK speaks CBOR to CloudWatch, which moto 5.2.3 does not take and ministack 1.4.21 answers with
// what is none.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/
var alarms = []contract{
	{"monitoring", "an alarm that is set off", func(r *run) {
		c := cloudwatch.NewFromConfig(r.cfg)
		name := aws.String("errors")
		_, err := c.PutMetricAlarm(r, &cloudwatch.PutMetricAlarmInput{AlarmName: name, Namespace: aws.String("AWS/ApplicationELB"),
			MetricName: aws.String("HTTPCode_Target_5XX_Count"), Statistic: types.StatisticSum, Period: aws.Int32(60),
			EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold})
		r.ok("put", err)
		_, err = c.SetAlarmState(r, &cloudwatch.SetAlarmStateInput{AlarmName: name, StateValue: types.StateValueAlarm,
			StateReason: aws.String("a test")})
		r.ok("set off", err)
		found, err := c.DescribeAlarms(r, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{*name}})
		if r.ok("describe", err) && len(found.MetricAlarms) == 1 {
			r.equal("state", found.MetricAlarms[0].StateValue, "ALARM")
			r.equal("reason", found.MetricAlarms[0].StateReason, "a test")
		}
		_, err = c.DeleteAlarms(r, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{*name}})
		r.ok("delete", err)
		found, err = c.DescribeAlarms(r, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{*name}})
		if r.ok("describe what is gone", err) {
			r.equal("alarms", len(found.MetricAlarms), 0)
		}
		_, err = c.SetAlarmState(r, &cloudwatch.SetAlarmStateInput{AlarmName: name, StateValue: types.StateValueOk,
			StateReason: aws.String("a test")})
		r.fails("set what is gone", err, "ResourceNotFound", "ResourceNotFoundException")
	}},
}
