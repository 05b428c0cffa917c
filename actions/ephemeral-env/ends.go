package ephemeralenv

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/org/shipkit/pkg/environment"
	cfn "github.com/org/shipkit/pkg/environment/cloudformation"
	"github.com/org/shipkit/pkg/environment/hours"
	"github.com/org/shipkit/pkg/environment/store"
	"github.com/org/shipkit/pkg/namespace"
)

// Universal targets of EventBridge Scheduler
// (https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html).
const (
	targetDeleteStack = "arn:aws:scheduler:::aws-sdk:cloudformation:deleteStack"
	targetScale       = "arn:aws:scheduler:::aws-sdk:ecs:updateService"
	targetStop        = "arn:aws:scheduler:::aws-sdk:rds:stopDBInstance"
	targetStart       = "arn:aws:scheduler:::aws-sdk:rds:startDBInstance"
)

// ends keeps the environment's schedules: the one that ends it, and those of
// its hours.
type ends struct {
	store.Ends
	hours func(namespace.Namespace) []store.Schedule
}

var _ environment.Ends = ends{}

// Arrange implements environment.Ends.
func (e ends) Arrange(ctx context.Context, n namespace.Namespace, at time.Time) error {
	if err := e.Ends.Arrange(ctx, n, at); err != nil {
		return err //nolint:wrapcheck // it names the schedule
	}
	for _, schedule := range e.hours(n) {
		schedule.Until = at // so that nothing is left if nobody comes by
		if err := store.Put(ctx, e.Scheduler, schedule); err != nil {
			return err //nolint:wrapcheck // it names the schedule
		}
	}
	return nil
}

// Cancel implements environment.Ends.
func (e ends) Cancel(ctx context.Context, n namespace.Namespace) error {
	for _, name := range []string{"app-on", "app-off", "db-on", "db-off"} {
		if err := store.Drop(ctx, e.Scheduler, n.Schedule(name)); err != nil {
			return err //nolint:wrapcheck // it names the schedule
		}
	}
	return e.Ends.Cancel(ctx, n) //nolint:wrapcheck // it names the schedule
}

// reapOnly arranges nothing on AWS: nothing there can run Terraform.
type reapOnly struct{ warn func(string) }

func (r reapOnly) Arrange(_ context.Context, n namespace.Namespace, at time.Time) error {
	r.warn(fmt.Sprintf("%s ends at %s only if a job with command: reap runs then", n, at.Format(time.RFC3339)))
	return nil
}

func (reapOnly) Cancel(context.Context, namespace.Namespace) error { return nil }

// leaveOthers warns of overdue environments that another backend made, which
// this one does not see.
func (j *job) leaveOthers(records []environment.Record) {
	for _, r := range records {
		if r.Repository == j.manager.Repository && !j.manager.Owns(r) && time.Now().After(r.Expires) {
			j.rt.Progress().Warn("reap", fmt.Sprintf("%s is over, and left to a reap with backend: %s", r.Namespace, r.Kind))
		}
	}
}

func (j *job) ends() environment.Ends {
	if j.in.Backend == "terraform" {
		return reapOnly{warn: func(text string) { j.rt.Progress().Warn("ttl", text) }}
	}
	return ends{
		Ends: store.Ends{Scheduler: j.scheduler, RoleARN: j.in.ScheduleRole, Target: func(n namespace.Namespace) store.Target {
			return store.Target{ARN: targetDeleteStack, Input: input("StackName", cfn.StackName(n))}
		}},
		hours: func(n namespace.Namespace) []store.Schedule {
			if j.subject.clock == nil {
				return nil
			}
			databases := []string{}
			if j.in.DBSnapshot != "none" {
				databases = append(databases, n.String()+"-db")
			}
			return j.clockwork(n, []string{n.String()}, databases)
		},
	}
}

// clockwork are the schedules that switch services and databases by the clock.
// The evening's comes every day: RDS starts what it finds stopped for seven
// days.
func (j *job) clockwork(n namespace.Namespace, services, databases []string) []store.Schedule {
	clock := *j.subject.clock
	evening := clock
	evening.Days = [7]bool{true, true, true, true, true, true, true}
	var schedules []store.Schedule
	add := func(name, cron, target, text string) {
		schedules = append(schedules, store.Schedule{
			Name: n.Schedule(name), Expression: cron, Zone: clock.Zone.String(), RoleARN: j.in.ScheduleRole,
			About: "hours of " + n.String(), Target: store.Target{ARN: target, Input: text},
		})
	}
	for i, service := range services {
		add("app-on"+suffix(i), clock.Start(), targetScale, input("Cluster", j.in.Cluster, "Service", service, "DesiredCount", 1))
		add("app-off"+suffix(i), clock.Stop(), targetScale, input("Cluster", j.in.Cluster, "Service", service, "DesiredCount", 0))
	}
	for i, id := range databases {
		add("db-on"+suffix(i), early(clock).Start(), targetStart, input("DbInstanceIdentifier", id))
		add("db-off"+suffix(i), evening.Stop(), targetStop, input("DbInstanceIdentifier", id))
	}
	return schedules
}

// early lets a database start before the services that need it.
func early(h hours.Hours) hours.Hours {
	if h.From >= 15*time.Minute {
		h.From -= 15 * time.Minute
	}
	return h
}

func suffix(i int) string {
	if i == 0 {
		return ""
	}
	return fmt.Sprintf("-%d", i)
}

// input is a call's JSON from names and values in turn.
func input(pairs ...any) string {
	fields := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		fields[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return "{}" // texts and numbers always marshal
	}
	return string(text)
}

// holidays are one-time schedules that take the mornings of holidays back. A
// recurring one knows no exceptions.
func (j *job) holidays(n namespace.Namespace, services, databases []string, now time.Time) []store.Schedule {
	clock := *j.subject.clock
	var schedules []store.Schedule
	for _, date := range slices.Sorted(maps.Keys(clock.Holidays)) {
		day, err := time.ParseInLocation(time.DateOnly, date, clock.Zone)
		if err != nil || !clock.Days[day.Weekday()] || day.Add(clock.From).Before(now) {
			continue
		}
		add := func(name string, after time.Duration, target, text string) {
			at := time.Date(day.Year(), day.Month(), day.Day(), 0, int((clock.From + after).Minutes()), 0, 0, clock.Zone)
			schedules = append(schedules, store.Schedule{
				Name: n.Schedule(name), Expression: "at(" + at.Format("2006-01-02T15:04:05") + ")", Zone: clock.Zone.String(), Once: true,
				RoleARN: j.in.ScheduleRole, About: "holiday of " + n.String(), Target: store.Target{ARN: target, Input: text},
			})
		}
		short := day.Format("20060102")
		for i, service := range services {
			add("app-off-"+short+suffix(i), 5*time.Minute, targetScale, input("Cluster", j.in.Cluster, "Service", service, "DesiredCount", 0))
		}
		for i, id := range databases { // which takes a while to start, and cannot stop before
			add("db-off-"+short+suffix(i), 30*time.Minute, targetStop, input("DbInstanceIdentifier", id))
		}
	}
	return schedules
}

// offHours installs the schedules of a standing environment.
func (j *job) offHours(ctx context.Context) error {
	schedules := j.clockwork(j.subject.env, j.in.Services, j.in.Databases)
	schedules = append(schedules, j.holidays(j.subject.env, j.in.Services, j.in.Databases, time.Now())...)
	j.rt.Summary(hoursView(j.subject.env.String(), *j.subject.clock, schedules))
	if j.in.dry() {
		return nil
	}
	for _, schedule := range schedules {
		if err := store.Put(ctx, j.scheduler, schedule); err != nil {
			return err //nolint:wrapcheck // it names the schedule
		}
	}
	j.rt.SetOutput("environment", j.subject.env.String())
	j.rt.SetOutput("changed", "true")
	return nil
}
