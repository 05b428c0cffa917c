package ecsdeploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
	"github.com/org/shipkit/pkg/progress"
)

// OneOff is a task that runs once to its end, such as a migration or a test.
type OneOff struct {
	RunTask
	Cluster string
	// Definition is what Revision, an ARN, says.
	Definition *taskdef.Document
	Revision   string
	// Beside is a service whose network it gets, unless RunTask names another.
	// Nil is no service.
	Beside *types.Service
	// ManagedTags has ECS tag it with the cluster's name.
	ManagedTags bool
	// Name is what its progress is called.
	Name string
	// Timeout bounds the wait, Poll is the time between two looks.
	Timeout, Poll time.Duration
}

// TaskOutcome is how a one-off task ended.
type TaskOutcome struct {
	// Failure is nil if all essential containers exited with 0.
	Failure *Cause
	// Log are the last lines of its containers.
	Log []string
}

// logKept is how many lines a TaskOutcome keeps.
const logKept = 30

// ErrUnended says that a task has not ended in time. It goes on.
var ErrUnended = errors.New("it has not ended in time")

// Start runs the task and returns it.
func (o OneOff) Start(ctx context.Context, tasks Tasks) (types.Task, error) {
	out, err := tasks.RunTask(ctx, o.input())
	if err != nil {
		return types.Task{}, fmt.Errorf("run task %s: %w", shortARN(o.Revision), err)
	}
	if len(out.Tasks) == 0 {
		return types.Task{}, o.notPlaced(out.Failures)
	}
	return out.Tasks[0], nil
}

func (o OneOff) notPlaced(failures []types.Failure) error {
	reasons := make([]string, 0, len(failures))
	for _, failure := range failures {
		reasons = append(reasons, strings.TrimSpace(aws.ToString(failure.Reason)+" "+aws.ToString(failure.Detail)))
	}
	return &diag.Diagnostic{
		Summary: fmt.Sprintf("run task %s: ECS could not place it: %s", shortARN(o.Revision), strings.Join(reasons, "; ")),
		Try:     "add capacity to the cluster, or lower cpu and memory",
	}
}

// input takes the network from the service where the user set none: the task
// must reach what the service reaches. It runs on Fargate if it can, else where
// the service runs.
func (o OneOff) input() *ecs.RunTaskInput {
	in := &ecs.RunTaskInput{
		Cluster: &o.Cluster, TaskDefinition: &o.Revision, StartedBy: aws.String(o.StartedBy),
		CapacityProviderStrategy: o.Capacity, LaunchType: o.LaunchType, Tags: o.Tags, VolumeConfigurations: o.Volumes,
		EnableECSManagedTags: o.ManagedTags,
	}
	if o.Token != "" {
		in.ClientToken = &o.Token
	}
	if len(o.Overrides) > 0 {
		in.Overrides = &types.TaskOverride{ContainerOverrides: o.Overrides}
	}
	if len(o.Subnets)+len(o.Groups) > 0 {
		in.NetworkConfiguration = &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
			Subnets: o.Subnets, SecurityGroups: o.Groups, AssignPublicIp: o.PublicIP,
		}}
	}
	if o.Beside != nil {
		if in.NetworkConfiguration == nil {
			in.NetworkConfiguration = o.Beside.NetworkConfiguration
		}
		if in.LaunchType == "" && len(in.CapacityProviderStrategy) == 0 && !o.Definition.Fargate() {
			in.CapacityProviderStrategy, in.LaunchType = o.Beside.CapacityProviderStrategy, o.Beside.LaunchType
		}
	}
	if len(in.CapacityProviderStrategy) > 0 {
		in.LaunchType = ""
	} else if in.LaunchType == "" {
		in.LaunchType = types.LaunchTypeFargate
	}
	return in
}

// Follow waits for the end of a task that was started, and passes its log on.
// If ctx ends, or with ErrUnended the time, the task goes on.
func (o OneOff) Follow(ctx context.Context, tasks Tasks, logs Logs, arn string, send progress.Func) (TaskOutcome, error) {
	w := &taskWait{OneOff: o, tasks: tasks, cloud: logs, task: arn, send: send, tokens: map[string]*string{}}
	end := time.Now().Add(o.Timeout)
	for {
		task, err := w.look(ctx)
		if err != nil && (permanent(err) || ctx.Err() != nil) {
			return w.outcome, fmt.Errorf("wait for task %s: %w", shortARN(arn), err)
		}
		w.logs(ctx)
		if err == nil && aws.ToString(task.LastStatus) == "STOPPED" {
			w.verdict(task)
			return w.outcome, nil
		}
		if time.Now().After(end) {
			return w.outcome, fmt.Errorf("wait for task %s: %w: %s", shortARN(arn), ErrUnended, o.Timeout)
		}
		select {
		case <-ctx.Done():
			return w.outcome, fmt.Errorf("wait for task %s: %w", shortARN(arn), ctx.Err())
		case <-time.After(o.Poll):
		}
	}
}

// taskWait waits for a one-off task.
type taskWait struct {
	OneOff
	tasks   Tasks
	cloud   Logs
	task    string
	send    progress.Func
	status  string
	tokens  map[string]*string // where each container's log was left
	outcome TaskOutcome
}

func (w *taskWait) look(ctx context.Context) (types.Task, error) {
	out, err := w.tasks.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &w.Cluster, Tasks: []string{w.task}})
	if err != nil {
		return types.Task{}, fmt.Errorf("describe task %s: %w", shortARN(w.task), err)
	}
	if len(out.Tasks) == 0 {
		return types.Task{}, fmt.Errorf("describe task %s: not found yet", shortARN(w.task))
	}
	task := out.Tasks[0]
	if status := aws.ToString(task.LastStatus); status != w.status {
		w.status = status
		w.send.Milestone(w.Name, shortARN(w.task)+" is "+status)
	}
	return task, nil
}

// logs passes on what the containers wrote since the last look. A log that
// cannot be read is no reason to fail the task.
func (w *taskWait) logs(ctx context.Context) {
	for _, container := range w.Definition.Containers() {
		group, stream, region := logStream(w.Definition, container, shortARN(w.task))
		if group == "" {
			continue
		}
		out, err := w.cloud.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: aws.String(group), LogStreamName: aws.String(stream), StartFromHead: aws.Bool(true),
			NextToken: w.tokens[container],
		}, inRegion(region))
		if err != nil {
			continue
		}
		w.tokens[container] = out.NextForwardToken
		for _, event := range out.Events {
			line := strings.TrimRight(aws.ToString(event.Message), "\n")
			w.send.Milestone(w.Name+" "+container, line)
			w.outcome.Log = append(w.outcome.Log, line)
		}
	}
	w.outcome.Log = w.outcome.Log[max(0, len(w.outcome.Log)-logKept):]
}

// verdict respects the exit codes of all essential containers, as ECS's own
// users do.
func (w *taskWait) verdict(task types.Task) {
	// What somebody stops has not done its work, however its program exits.
	stopped := task.StopCode == types.TaskStopCodeUserInitiated
	for _, container := range task.Containers {
		name := aws.ToString(container.Name)
		ok := !stopped && container.ExitCode != nil && *container.ExitCode == 0
		if ok || (!stopped && container.ExitCode != nil && !w.Definition.Essential(name)) {
			continue
		}
		cause := classify(task)
		w.outcome.Failure = &cause
		return
	}
	w.send.Milestone(w.Name, shortARN(w.task)+" succeeded")
}

// Stopper finds and stops tasks.
type Stopper interface {
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	StopTask(context.Context, *ecs.StopTaskInput, ...func(*ecs.Options)) (*ecs.StopTaskOutput, error)
}

var _ Stopper = (*ecs.Client)(nil)

// StopTasks stops the tasks of a cluster that bear startedBy and have not
// stopped yet. A cluster that is gone has none.
func StopTasks(ctx context.Context, c Stopper, cluster, startedBy, reason string) error {
	pages := ecs.NewListTasksPaginator(c, &ecs.ListTasksInput{Cluster: &cluster, StartedBy: &startedBy})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if hasCode(err, "ClusterNotFoundException") {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list the tasks of cluster %s that %s has started: %w", cluster, startedBy, err)
		}
		for _, task := range page.TaskArns {
			_, err := c.StopTask(ctx, &ecs.StopTaskInput{Cluster: &cluster, Task: &task, Reason: &reason})
			if err != nil && !strings.Contains(err.Error(), "task was not found") {
				return fmt.Errorf("stop task %s: %w", shortARN(task), err)
			}
		}
	}
	return nil
}
