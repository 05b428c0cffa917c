package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/environment/store"
	"github.com/org/shipkit/pkg/namespace"
)

var shared = namespace.Namespace{Customer: "xy", Project: "0146", Environment: namespace.Shared}

func start(t *testing.T) *localaws.Server {
	t.Helper()
	server, err := localaws.Start(t.Context(), localaws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func pr(t *testing.T, number int) namespace.Namespace {
	t.Helper()
	n, err := shared.PullRequest(number)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func record(n namespace.Namespace, pull int) environment.Record {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	return environment.Record{
		Namespace: n.String(), Repository: "acme/shop", Pull: pull, State: environment.Ready, Hourly: 0.05,
		URL: "https://pr1.example.com", Created: now, Expires: now.Add(72 * time.Hour),
	}
}

func TestRecords(t *testing.T) {
	server := start(t)
	records := store.Records{SSM: ssm.NewFromConfig(server.Config()), Tagging: tagging.NewFromConfig(server.Config())}
	n := pr(t, 1)
	if got, err := records.Get(t.Context(), n); got != nil || err != nil {
		t.Fatalf("get before put: %+v, %v", got, err)
	}
	r := record(n, 1)
	for _, state := range []environment.State{environment.Creating, environment.Ready} {
		r.State = state
		if err := records.Put(t.Context(), n, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := records.Put(t.Context(), pr(t, 2), environment.Record{Repository: "acme/other"}); err != nil {
		t.Fatal(err)
	}
	got, err := records.Get(t.Context(), n)
	if err != nil || cmp.Diff(&r, got) != "" {
		t.Errorf("get: %v\n%s", err, cmp.Diff(&r, got))
	}
	list, err := records.List(t.Context(), "acme/shop")
	if err != nil || cmp.Diff([]environment.Record{r}, list) != "" {
		t.Errorf("list: %v\n%s", err, cmp.Diff([]environment.Record{r}, list))
	}
	for range 2 {
		if err := records.Delete(t.Context(), n); err != nil {
			t.Error(err)
		}
	}
	if got, err := records.Get(t.Context(), n); got != nil || err != nil {
		t.Errorf("get after delete: %+v, %v", got, err)
	}
}

// 500 environments are listed in few calls.
func TestListOfManyTakesFewCalls(t *testing.T) {
	server := start(t)
	records := store.Records{SSM: ssm.NewFromConfig(server.Config()), Tagging: tagging.NewFromConfig(server.Config())}
	for i := range 500 {
		n := pr(t, i+1)
		if err := records.Put(t.Context(), n, record(n, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	before := len(server.Calls())
	list, err := records.List(t.Context(), "acme/shop")
	if calls := len(server.Calls()) - before; err != nil || len(list) != 500 || calls > 6 {
		t.Errorf("%d environments in %d calls, %v", len(list), calls, err)
	}
}

func TestSlots(t *testing.T) {
	server := start(t)
	slots := store.Slots{SSM: ssm.NewFromConfig(server.Config()), Shared: shared}
	results := make(chan error)
	for i := range 5 {
		go func() { results <- slots.Claim(t.Context(), fmt.Sprint("pr", i), 3) }()
	}
	full := 0
	for range 5 {
		err := <-results
		var fullError *environment.FullError
		switch {
		case errors.As(err, &fullError):
			full++
		case err != nil:
			t.Error(err)
		}
	}
	if full != 2 {
		t.Errorf("%d of 5 were refused for 3 slots", full)
	}
	for i := range 5 {
		if err := slots.Release(t.Context(), fmt.Sprint("pr", i)); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if err := slots.Claim(t.Context(), "pr9", 1); err != nil {
			t.Errorf("a claim of what is ours: %v", err)
		}
	}
}

func TestEnds(t *testing.T) {
	server := start(t)
	client := scheduler.NewFromConfig(server.Config())
	n := pr(t, 1)
	ends := store.Ends{Scheduler: client, RoleARN: "arn:aws:iam::123456789012:role/ttl", Target: func(n namespace.Namespace) store.Target {
		return store.Target{ARN: "arn:aws:scheduler:::aws-sdk:cloudformation:deleteStack", Input: `{"StackName":"` + n.Stack("app") + `"}`}
	}}
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	for _, moment := range []time.Time{at, at.Add(time.Hour)} { // arranged, then moved
		if err := ends.Arrange(t.Context(), n, moment); err != nil {
			t.Fatal(err)
		}
	}
	name := n.Schedule("ttl")
	got, err := client.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: &name})
	if err != nil || *got.ScheduleExpression != "at("+at.Add(time.Hour).Format("2006-01-02T15:04:05")+")" || got.ActionAfterCompletion != "DELETE" {
		t.Errorf("schedule: %+v, %v", got, err)
	}
	for range 2 {
		if err := ends.Cancel(t.Context(), n); err != nil {
			t.Error(err)
		}
	}
}

// A schedule that repeats goes with its environment, also if nobody drops it.
func TestScheduleThatRepeatsUntil(t *testing.T) {
	server := start(t)
	client := scheduler.NewFromConfig(server.Config())
	until := time.Now().Add(72 * time.Hour).UTC().Truncate(time.Second)
	for range 2 { // put, then changed
		err := store.Put(t.Context(), client, store.Schedule{
			Name: "on", Expression: "rate(1 hour)", Zone: "UTC", RoleARN: "arn:aws:iam::123456789012:role/ttl", Until: until,
			Target: store.Target{ARN: "arn:aws:scheduler:::aws-sdk:ecs:updateService", Input: "{}"},
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := client.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: new("on")})
		if err != nil || got.EndDate == nil || !got.EndDate.Equal(until) || got.ActionAfterCompletion != "DELETE" {
			t.Errorf("schedule: %+v, %v", got, err)
		}
		until = until.Add(time.Hour)
	}
}
