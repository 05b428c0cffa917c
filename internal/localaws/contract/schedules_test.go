package contract

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

func stopDatabase() *types.Target {
	return &types.Target{Arn: aws.String("arn:aws:scheduler:::aws-sdk:rds:stopDBInstance"),
		RoleArn: aws.String("arn:aws:iam::111122223333:role/scheduler"), Input: aws.String(`{"DbInstanceIdentifier":"a"}`)}
}

// https://docs.aws.amazon.com/scheduler/latest/APIReference/
var schedules = []contract{
	{"scheduler", "the life of a schedule", func(r *run) {
		c := scheduler.NewFromConfig(r.cfg)
		off := &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff}
		in := &scheduler.CreateScheduleInput{Name: aws.String("stop"), ScheduleExpression: aws.String("cron(0 18 ? * MON-FRI *)"),
			ScheduleExpressionTimezone: aws.String("Africa/Lagos"), FlexibleTimeWindow: off, Target: stopDatabase()}
		_, err := c.CreateSchedule(r, in)
		r.ok("create", err)
		_, err = c.CreateSchedule(r, in)
		r.fails("create twice", err, "ConflictException")
		got, err := c.GetSchedule(r, &scheduler.GetScheduleInput{Name: in.Name})
		if r.ok("get", err) {
			r.equal("state", got.State, "ENABLED")
			r.equal("group", got.GroupName, "default")
			r.equal("zone", got.ScheduleExpressionTimezone, "Africa/Lagos")
		}
		_, err = c.UpdateSchedule(r, &scheduler.UpdateScheduleInput{Name: in.Name, ScheduleExpression: aws.String("rate(1 day)"),
			State: types.ScheduleStateDisabled, FlexibleTimeWindow: off, Target: stopDatabase()})
		r.ok("update", err)
		got, err = c.GetSchedule(r, &scheduler.GetScheduleInput{Name: in.Name})
		if r.ok("get again", err) {
			r.equal("state", got.State, "DISABLED")
			r.equal("expression", got.ScheduleExpression, "rate(1 day)")
		}
		list, err := c.ListSchedules(r, &scheduler.ListSchedulesInput{GroupName: aws.String("default")})
		if r.ok("list", err) {
			r.equal("schedules", len(list.Schedules), 1)
		}
		_, err = c.DeleteSchedule(r, &scheduler.DeleteScheduleInput{Name: in.Name})
		r.ok("delete", err)
		_, err = c.GetSchedule(r, &scheduler.GetScheduleInput{Name: in.Name})
		r.fails("get what is gone", err, "ResourceNotFoundException")
		_, err = c.DeleteSchedule(r, &scheduler.DeleteScheduleInput{Name: in.Name})
		r.fails("delete twice", err, "ResourceNotFoundException")
	}},
	{"scheduler", "groups", func(r *run) {
		c := scheduler.NewFromConfig(r.cfg)
		name := aws.String("previews")
		made, err := c.CreateScheduleGroup(r, &scheduler.CreateScheduleGroupInput{Name: name,
			Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}})
		if !r.ok("create", err) {
			return
		}
		_, err = c.CreateScheduleGroup(r, &scheduler.CreateScheduleGroupInput{Name: name})
		r.fails("create twice", err, "ConflictException")
		got, err := c.GetScheduleGroup(r, &scheduler.GetScheduleGroupInput{Name: name})
		if r.ok("get", err) {
			r.equal("state", got.State, "ACTIVE")
		}
		_, err = c.TagResource(r, &scheduler.TagResourceInput{ResourceArn: made.ScheduleGroupArn,
			Tags: []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}}})
		r.ok("tag", err)
		_, err = c.UntagResource(r, &scheduler.UntagResourceInput{ResourceArn: made.ScheduleGroupArn, TagKeys: []string{"a"}})
		r.ok("untag", err)
		tags, err := c.ListTagsForResource(r, &scheduler.ListTagsForResourceInput{ResourceArn: made.ScheduleGroupArn})
		if r.ok("list tags", err) {
			r.equal("tags", len(tags.Tags), 1)
		}
		_, err = c.CreateSchedule(r, &scheduler.CreateScheduleInput{Name: aws.String("x"), GroupName: name,
			ScheduleExpression: aws.String("rate(1 day)"), Target: stopDatabase(),
			FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff}})
		r.ok("create a schedule in it", err)
		list, err := c.ListScheduleGroups(r, &scheduler.ListScheduleGroupsInput{})
		if r.ok("list", err) {
			r.equal("groups with default", len(list.ScheduleGroups), 2)
		}
		_, err = c.DeleteScheduleGroup(r, &scheduler.DeleteScheduleGroupInput{Name: name})
		r.ok("delete", err)
		_, err = c.GetScheduleGroup(r, &scheduler.GetScheduleGroupInput{Name: name})
		r.fails("get what is gone", err, "ResourceNotFoundException")
	}},
	{"scheduler", "expressions that are none", func(r *run) {
		c := scheduler.NewFromConfig(r.cfg)
		for i, expression := range []string{"every day", "cron(0 8 * * * *)", "rate(0 days)", "at(tomorrow)"} {
			_, err := c.CreateSchedule(r, &scheduler.CreateScheduleInput{Name: aws.String(fmt.Sprint("none-", i)), ScheduleExpression: &expression,
				Target: stopDatabase(), FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff}})
			r.fails(expression, err, "ValidationException")
		}
	}},
}
