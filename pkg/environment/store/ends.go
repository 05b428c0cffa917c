package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/namespace"
)

// Target is what a schedule calls.
type Target struct {
	// ARN is a universal target, such as
	// arn:aws:scheduler:::aws-sdk:cloudformation:deleteStack
	// (https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html).
	ARN string
	// Input is the call's JSON.
	Input string
}

// Ends keeps a one-time schedule <namespace>-ttl for each environment.
type Ends struct {
	Scheduler *scheduler.Client
	// RoleARN is the role that the schedule assumes.
	RoleARN string
	// Target says what ends an environment.
	Target func(namespace.Namespace) Target
}

var _ environment.Ends = Ends{}

// Arrange implements environment.Ends.
func (s Ends) Arrange(ctx context.Context, n namespace.Namespace, at time.Time) error {
	target := s.Target(n)
	return Put(ctx, s.Scheduler, Schedule{
		Name: n.Schedule("ttl"), Expression: "at(" + at.UTC().Format("2006-01-02T15:04:05") + ")", Zone: "UTC",
		About: "ends environment " + n.String(), Once: true, Target: target, RoleARN: s.RoleARN,
	})
}

// Cancel implements environment.Ends.
func (s Ends) Cancel(ctx context.Context, n namespace.Namespace) error {
	return Drop(ctx, s.Scheduler, n.Schedule("ttl"))
}

// Schedule is an EventBridge schedule.
type Schedule struct {
	Name, Expression, Zone, About string
	// Once deletes it after it has fired. One that repeats is deleted at Until,
	// unless that is zero.
	Once    bool
	Until   time.Time
	Target  Target
	RoleARN string
}

// Put creates a schedule or changes the one of that name.
func Put(ctx context.Context, client *scheduler.Client, s Schedule) error {
	after := types.ActionAfterCompletionNone
	if s.Once || !s.Until.IsZero() {
		after = types.ActionAfterCompletionDelete
	}
	in := &scheduler.CreateScheduleInput{
		Name: &s.Name, ScheduleExpression: &s.Expression, ScheduleExpressionTimezone: &s.Zone, Description: &s.About,
		ActionAfterCompletion: after, FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{
			Arn: &s.Target.ARN, Input: &s.Target.Input, RoleArn: &s.RoleARN,
			// A target that is busy is tried again for a day.
			RetryPolicy: &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(86400), MaximumRetryAttempts: aws.Int32(185)},
		},
	}
	if !s.Until.IsZero() {
		in.EndDate = &s.Until
	}
	_, err := client.CreateSchedule(ctx, in)
	var conflict *types.ConflictException
	if errors.As(err, &conflict) {
		_, err = client.UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{
			Name: in.Name, ScheduleExpression: in.ScheduleExpression, ScheduleExpressionTimezone: in.ScheduleExpressionTimezone,
			EndDate: in.EndDate, Description: in.Description, ActionAfterCompletion: in.ActionAfterCompletion,
			FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target,
		})
	}
	if err != nil {
		return fmt.Errorf("put schedule %s: %w", s.Name, err)
	}
	return nil
}

// Drop deletes a schedule; one that is gone is no error.
func Drop(ctx context.Context, client *scheduler.Client, name string) error {
	_, err := client.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: &name})
	var missing *types.ResourceNotFoundException
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("delete schedule %s: %w", name, err)
	}
	return nil
}
