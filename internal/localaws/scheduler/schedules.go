package scheduler

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/org/shipkit/internal/localaws/page"
	"github.com/org/shipkit/internal/localaws/timetable"
	"github.com/org/shipkit/internal/localaws/wire"
)

var validName = regexp.MustCompile(`^[0-9a-zA-Z_.-]{1,64}$`)

func key(id wire.Identity, group, name string) string { return id.Scope() + " " + group + "/" + name }

func groupName(g *string) string {
	if aws.ToString(g) == "" {
		return "default"
	}
	return *g
}

func (x *schedule) arn() string { return x.Owner.Resource("scheduler", "schedule/"+x.Group+"/"+x.Name) }

// parse checks the expression, with the time zone that it is meant in.
func (v *settings) parse(created time.Time) (timetable.Expression, error) {
	zone, err := time.LoadLocation(v.Zone)
	if err != nil {
		return nil, invalid("Invalid Schedule Expression Timezone %s.", v.Zone)
	}
	start := created
	if v.Start != nil {
		start = *v.Start
	}
	e, err := timetable.Parse(v.Expression, zone, start)
	if err != nil {
		return nil, invalid("Invalid Schedule Expression %s. %v", v.Expression, err)
	}
	return e, nil
}

func (s *Service) check(v *settings) error {
	switch {
	case v.Window == nil || v.Window.Mode == "":
		return invalid("FlexibleTimeWindow is required.")
	case v.Window.Mode == types.FlexibleTimeWindowModeOff && v.Window.MaximumWindowInMinutes != nil:
		return invalid("MaximumWindowInMinutes must not be set when the mode is OFF.")
	case v.Window.Mode == types.FlexibleTimeWindowModeFlexible && v.Window.MaximumWindowInMinutes == nil:
		return invalid("MaximumWindowInMinutes is required when the mode is FLEXIBLE.")
	case v.Start != nil && v.End != nil && !v.Start.Before(*v.End):
		return invalid("The StartDate must be before the EndDate.")
	}
	return s.checkTarget(v.Target)
}

func orElse[T ~string](v, otherwise T) T {
	if v == "" {
		return otherwise
	}
	return v
}

// CreateSchedule makes a schedule, which fires from now on.
func (s *Service) CreateSchedule(ctx context.Context, in *scheduler.CreateScheduleInput) (*scheduler.CreateScheduleOutput, error) {
	v := settings{Expression: aws.ToString(in.ScheduleExpression), Description: in.Description,
		Zone: orElse(aws.ToString(in.ScheduleExpressionTimezone), "UTC"), Start: in.StartDate, End: in.EndDate,
		State: orElse(in.State, types.ScheduleStateEnabled), Window: in.FlexibleTimeWindow, Target: in.Target,
		After: orElse(in.ActionAfterCompletion, types.ActionAfterCompletionNone), KMSKey: in.KmsKeyArn}
	id, name, group := wire.Caller(ctx), aws.ToString(in.Name), groupName(in.GroupName)
	if !validName.MatchString(name) {
		return nil, invalid("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$", name)
	}
	if err := s.check(&v); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if group != "default" && s.groups[id.Scope()+" "+group] == nil {
		return nil, notFound("Schedule group", group)
	}
	if old := s.schedules[key(id, group, name)]; old != nil {
		return nil, wire.Errorf("ConflictException", 409, "Schedule %s already exists.", name)
	}
	now := s.clock.Now()
	x := &schedule{Owner: id, Name: name, Group: group, Created: now, Changed: now, Settings: v}
	if err := s.put(x); err != nil {
		return nil, err
	}
	return &scheduler.CreateScheduleOutput{ScheduleArn: aws.String(x.arn())}, nil
}

// put parses, stores and arms. The lock is held.
func (s *Service) put(x *schedule) error {
	var err error
	if x.expression, err = x.Settings.parse(x.Created); err != nil {
		return err
	}
	k := key(x.Owner, x.Group, x.Name)
	s.schedules[k] = x
	s.arm(k, x)
	return nil
}

// UpdateSchedule replaces all settings: what is not given falls back to its default, as AWS does.
func (s *Service) UpdateSchedule(ctx context.Context, in *scheduler.UpdateScheduleInput) (*scheduler.UpdateScheduleOutput, error) {
	v := settings{Expression: aws.ToString(in.ScheduleExpression), Description: in.Description,
		Zone: orElse(aws.ToString(in.ScheduleExpressionTimezone), "UTC"), Start: in.StartDate, End: in.EndDate,
		State: orElse(in.State, types.ScheduleStateEnabled), Window: in.FlexibleTimeWindow, Target: in.Target,
		After: orElse(in.ActionAfterCompletion, types.ActionAfterCompletionNone), KMSKey: in.KmsKeyArn}
	if err := s.check(&v); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.find(ctx, in.GroupName, in.Name)
	if err != nil {
		return nil, err
	}
	fresh := &schedule{Owner: old.Owner, Name: old.Name, Group: old.Group, Created: old.Created, Changed: s.clock.Now(),
		Settings: v}
	if err := s.put(fresh); err != nil {
		return nil, err
	}
	old.disarm()
	return &scheduler.UpdateScheduleOutput{ScheduleArn: aws.String(fresh.arn())}, nil
}

func (s *Service) find(ctx context.Context, group, name *string) (*schedule, error) {
	x := s.schedules[key(wire.Caller(ctx), groupName(group), aws.ToString(name))]
	if x == nil {
		return nil, notFound("Schedule", aws.ToString(name))
	}
	return x, nil
}

// GetSchedule returns one schedule.
func (s *Service) GetSchedule(ctx context.Context, in *scheduler.GetScheduleInput) (*scheduler.GetScheduleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.find(ctx, in.GroupName, in.Name)
	if err != nil {
		return nil, err
	}
	v := x.Settings
	return &scheduler.GetScheduleOutput{Arn: aws.String(x.arn()), Name: &x.Name, GroupName: &x.Group, CreationDate: &x.Created,
		LastModificationDate: &x.Changed, ScheduleExpression: &v.Expression, ScheduleExpressionTimezone: &v.Zone,
		Description: v.Description, StartDate: v.Start, EndDate: v.End, State: v.State, FlexibleTimeWindow: v.Window,
		Target: v.Target, ActionAfterCompletion: v.After, KmsKeyArn: v.KMSKey}, nil
}

// DeleteSchedule removes a schedule. What is firing goes on.
func (s *Service) DeleteSchedule(ctx context.Context, in *scheduler.DeleteScheduleInput) (*scheduler.DeleteScheduleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.find(ctx, in.GroupName, in.Name)
	if err != nil {
		return nil, err
	}
	x.disarm()
	delete(s.schedules, key(x.Owner, x.Group, x.Name))
	return &scheduler.DeleteScheduleOutput{}, nil
}

// ListSchedules lists by group, name prefix and state.
func (s *Service) ListSchedules(ctx context.Context, in *scheduler.ListSchedulesInput) (*scheduler.ListSchedulesOutput, error) {
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []types.ScheduleSummary{}
	for _, x := range s.schedules {
		mine := x.Owner.Scope() == id.Scope() && (in.GroupName == nil || *in.GroupName == x.Group)
		if mine && strings.HasPrefix(x.Name, aws.ToString(in.NamePrefix)) && (in.State == "" || in.State == x.Settings.State) {
			found = append(found, types.ScheduleSummary{Arn: aws.String(x.arn()), Name: &x.Name, GroupName: &x.Group,
				State: x.Settings.State, CreationDate: &x.Created, LastModificationDate: &x.Changed,
				Target: &types.TargetSummary{Arn: x.Settings.Target.Arn}})
		}
	}
	slices.SortFunc(found, func(a, b types.ScheduleSummary) int { return strings.Compare(*a.Arn, *b.Arn) })
	items, next, err := page.Cut(found, in.NextToken, page.Size(in.MaxResults, 100), "ValidationException")
	if err != nil {
		return nil, err
	}
	return &scheduler.ListSchedulesOutput{Schedules: items, NextToken: next}, nil
}
