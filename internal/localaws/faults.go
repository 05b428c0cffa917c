package localaws

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/org/shipkit/internal/localaws/ecs"
	"github.com/org/shipkit/internal/localaws/fault"
)

// AddFault makes things go wrong as `shipkit-local --fault` takes it: a rule of package fault, or one of
//
//	task-exits:SERVICE[*N]         its tasks are killed as soon as they run: N of them, or all, which is a crash loop
//	task-unhealthy:SERVICE[*N]     their health check never passes
//	task-architecture:SERVICE[*N]  their image lacks the platform
//	task-capacity:SERVICE[*N]      they cannot be placed
//	snapshot-fails:ID              the next snapshot with that identifier fails
//	restore-fails:ID               the next restore into that identifier fails
//	alarm-fires:NAME               the alarm goes to ALARM
//
// Names are patterns of path.Match, but for the alarm's.
func (s *Server) AddFault(text string) error {
	apply, err := parseFault(text)
	if err != nil {
		return err
	}
	return apply(s)
}

// CheckFault tells whether AddFault would take a text.
func CheckFault(text string) error {
	_, err := parseFault(text)
	return err
}

func parseFault(text string) (apply func(*Server) error, err error) {
	kind, name, named := strings.Cut(text, ":")
	if strings.Contains(kind, ".") {
		rule, err := fault.Parse(text)
		return func(s *Server) error { s.Faults.Add(rule); return nil }, err //nolint:wrapcheck // names the text itself
	}
	if !named || name == "" {
		return nil, fmt.Errorf("fault %q: want service.Operation=effect, such as ecs.UpdateService=throttle, or kind:name, such as "+
			"snapshot-fails:main", text)
	}
	if _, err := path.Match(name, ""); err != nil && kind != "alarm-fires" {
		return nil, fmt.Errorf("fault %q: malformed pattern %q", text, name)
	}
	switch kind {
	case "snapshot-fails":
		return func(s *Server) error { s.RDS.FailSnapshot(name); return nil }, nil
	case "restore-fails":
		return func(s *Server) error { s.RDS.FailRestore(name); return nil }, nil
	case "alarm-fires":
		return func(s *Server) error { return s.fireAlarm(name) }, nil
	}
	f, err := taskFault(text, kind, name)
	return func(s *Server) error { s.ECS.AddFault(f); return nil }, err
}

var taskFaults = map[string]ecs.FaultKind{
	"task-exits": ecs.FaultExit, "task-unhealthy": ecs.FaultUnhealthy,
	"task-architecture": ecs.FaultArchitecture, "task-capacity": ecs.FaultCapacity,
}

func taskFault(text, kind, name string) (ecs.Fault, error) {
	f := ecs.Fault{Kind: taskFaults[kind], Match: name}
	if f.Kind == "" {
		return f, fmt.Errorf("fault %q: unknown kind %q; there are task-exits, task-unhealthy, task-architecture, task-capacity, "+
			"snapshot-fails, restore-fails, alarm-fires", text, kind)
	}
	if i := strings.LastIndex(name, "*"); i > 0 {
		n, err := strconv.Atoi(name[i+1:])
		if err == nil && n > 0 {
			f.Match, f.Times = name[:i], n
		}
	}
	return f, nil
}

// fireAlarm makes an alarm if there is none of that name, and sets it off.
func (s *Server) fireAlarm(name string) error {
	reason := "Set off by a fault of local AWS"
	set := &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: types.StateValueAlarm, StateReason: &reason}
	ctx := context.Background()
	if _, err := s.Alarms.SetAlarmState(ctx, set); err == nil {
		return nil
	}
	if _, err := s.Alarms.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{AlarmName: &name}); err != nil {
		return fmt.Errorf("make alarm %s: %w", name, err)
	}
	if _, err := s.Alarms.SetAlarmState(ctx, set); err != nil {
		return fmt.Errorf("set off alarm %s: %w", name, err)
	}
	return nil
}
