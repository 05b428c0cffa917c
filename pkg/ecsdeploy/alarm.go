package ecsdeploy

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// alarmCause says which alarms ended the deployment, and by which measurement.
func (f *follower) alarmCause(ctx context.Context) (Cause, error) {
	names := f.last.Alarms
	c := Cause{
		Kind: KindAlarm, Sentence: "alarm " + strings.Join(names, ", ") + " went off during the deployment",
		Try: "find in the new revision what the alarm measures; the tasks themselves started",
	}
	out, err := f.c.Alarms.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: names})
	if err != nil {
		return c, fmt.Errorf("describe alarms %s: %w", strings.Join(names, ", "), err)
	}
	for _, alarm := range out.MetricAlarms {
		if reason := aws.ToString(alarm.StateReason); alarm.StateValue == cwtypes.StateValueAlarm && reason != "" {
			c.Reason = strings.TrimSpace(c.Reason + " " + reason)
		}
	}
	return c, nil
}
