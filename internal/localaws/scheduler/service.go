// Package scheduler is EventBridge Scheduler, and it fires: one-time, rate and cron schedules in any time zone call their
// targets inside local AWS, on simulated time. https://docs.aws.amazon.com/scheduler/latest/APIReference/
package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/org/shipkit/internal/localaws/timetable"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Clock is the simulated time.
type Clock interface {
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func())
}

// Invoker calls an operation of another local service.
type Invoker interface {
	Invoke(ctx context.Context, service, operation string, input []byte, spell func(owner, field string) string) (any, error)
	Check(service, operation string, input []byte, spell func(owner, field string) string) error
}

// Service is EventBridge Scheduler.
type Service struct {
	clock   Clock
	invoker Invoker
	ctx     context.Context //nolint:containedctx // ends with Close; what fires, fires under it
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex
	groups    map[string]*group    // by account/region and name
	schedules map[string]*schedule // by account/region, group and name
	fired     []Invocation
}

type group struct {
	Name             string
	Created, Changed time.Time
	Tags             map[string]string
}

type schedule struct {
	Owner            wire.Identity
	Name, Group      string
	Created, Changed time.Time
	Settings         settings
	Fired            time.Time // the last moment that it was due

	expression timetable.Expression
	stop       func()
}

// settings are what CreateSchedule and UpdateSchedule share.
type settings struct {
	Expression, Zone string
	Description      *string
	Start, End       *time.Time
	State            types.ScheduleState
	Window           *types.FlexibleTimeWindow
	Target           *types.Target
	After            types.ActionAfterCompletion
	KMSKey           *string
}

// Invocation is one firing, for tests and for status.
type Invocation struct {
	Schedule string // group/name
	Target   string // ARN
	At       time.Time
	Attempts int
	Err      error // of the last attempt
}

// New returns a service that calls targets through the invoker.
func New(c Clock, invoker Invoker) *Service {
	ctx, cancel := context.WithCancel(context.Background())
	return &Service{clock: c, invoker: invoker, ctx: ctx, cancel: cancel,
		groups: map[string]*group{}, schedules: map[string]*schedule{}}
}

// Wire puts the service on the wire.
func (s *Service) Wire() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "scheduler", Protocol: wire.RESTJSON})
	route := func(method, path string, query map[string]string) wire.Route {
		return wire.Route{Method: method, Path: path, Query: query}
	}
	group := map[string]string{"GroupName": "groupName"}
	wire.HandleREST(w, "CreateSchedule", route("POST", "/schedules/{Name}", nil), s.CreateSchedule)
	wire.HandleREST(w, "UpdateSchedule", route("PUT", "/schedules/{Name}", nil), s.UpdateSchedule)
	wire.HandleREST(w, "GetSchedule", route("GET", "/schedules/{Name}", group), s.GetSchedule)
	wire.HandleREST(w, "DeleteSchedule", route("DELETE", "/schedules/{Name}", group), s.DeleteSchedule)
	wire.HandleREST(w, "ListSchedules", route("GET", "/schedules", map[string]string{"GroupName": "ScheduleGroup",
		"MaxResults": "MaxResults", "NamePrefix": "NamePrefix", "NextToken": "NextToken", "State": "State"}), s.ListSchedules)
	wire.HandleREST(w, "CreateScheduleGroup", route("POST", "/schedule-groups/{Name}", nil), s.CreateScheduleGroup)
	wire.HandleREST(w, "GetScheduleGroup", route("GET", "/schedule-groups/{Name}", nil), s.GetScheduleGroup)
	wire.HandleREST(w, "DeleteScheduleGroup", route("DELETE", "/schedule-groups/{Name}", nil), s.DeleteScheduleGroup)
	wire.HandleREST(w, "ListScheduleGroups", route("GET", "/schedule-groups", map[string]string{
		"MaxResults": "MaxResults", "NamePrefix": "NamePrefix", "NextToken": "NextToken"}), s.ListScheduleGroups)
	wire.HandleREST(w, "TagResource", route("POST", "/tags/{ResourceArn}", nil), s.TagResource)
	wire.HandleREST(w, "UntagResource", route("DELETE", "/tags/{ResourceArn}", map[string]string{"TagKeys": "TagKeys"}),
		s.UntagResource)
	wire.HandleREST(w, "ListTagsForResource", route("GET", "/tags/{ResourceArn}", nil), s.ListTagsForResource)
	return w
}

// Close stops all schedules and waits for what is firing.
func (s *Service) Close() error {
	s.cancel()
	s.mu.Lock()
	for _, x := range s.schedules {
		x.disarm()
	}
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// Invocations returns what has fired, oldest first.
func (s *Service) Invocations() []Invocation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Invocation(nil), s.fired...)
}

type saved struct {
	Groups    map[string]*group
	Schedules map[string]*schedule
}

// Save implements persistence.
func (s *Service) Save() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := json.Marshal(saved{s.groups, s.schedules})
	if err != nil {
		return nil, fmt.Errorf("save schedules: %w", err)
	}
	return out, nil
}

// Load implements persistence. One-time schedules that came due meanwhile fire at once, the others go on.
func (s *Service) Load(state []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := saved{s.groups, s.schedules}
	if err := json.Unmarshal(state, &old); err != nil {
		return fmt.Errorf("load schedules: %w", err)
	}
	s.groups, s.schedules = old.Groups, old.Schedules
	for k, x := range s.schedules {
		var err error
		if x.expression, err = x.Settings.parse(x.Created); err != nil {
			return fmt.Errorf("load schedule %s: %w", x.Name, err)
		}
		s.arm(k, x)
		s.complete(k, x) // the attempts of what had fired are over
	}
	return nil
}

func notFound(kind, name string) error {
	return wire.Errorf("ResourceNotFoundException", 404, "%s %s does not exist.", kind, name)
}

func invalid(format string, args ...any) error {
	return wire.Errorf("ValidationException", 400, format, args...)
}
