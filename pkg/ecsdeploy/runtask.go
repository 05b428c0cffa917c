package ecsdeploy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/progress"
)

// runTaskPoll is the time between two looks at a one-off task.
const runTaskPoll = 3 * time.Second

// runTask runs the one-off task with the new revision, before any service
// changes, and waits for its end if asked to.
func runTask(ctx context.Context, c *Clients, p *Plan, r *Result, send progress.Func) error {
	in := runTaskInput(p, r.TaskDefinition)
	out, err := c.Tasks.RunTask(ctx, in)
	if err != nil {
		return fmt.Errorf("run task %s: %w", shortARN(r.TaskDefinition), err)
	}
	for _, task := range out.Tasks {
		r.RunTasks = append(r.RunTasks, aws.ToString(task.TaskArn))
	}
	if len(out.Failures) > 0 || len(out.Tasks) == 0 {
		return notPlaced(r.TaskDefinition, out.Failures)
	}
	send.Milestone("run-task", "started "+shortARN(r.RunTasks[0]))
	if !p.Request.RunTask.Wait {
		return nil
	}
	w := &taskWait{c: c, p: p, task: r.RunTasks[0], send: send, tokens: map[string]*string{}}
	return w.wait(ctx, r)
}

func notPlaced(definition string, failures []types.Failure) error {
	reasons := make([]string, 0, len(failures))
	for _, failure := range failures {
		reasons = append(reasons, strings.TrimSpace(aws.ToString(failure.Reason)+" "+aws.ToString(failure.Detail)))
	}
	return &diag.Diagnostic{
		Summary: fmt.Sprintf("run task %s: ECS could not place it: %s", shortARN(definition), strings.Join(reasons, "; ")),
		Try:     "add capacity to the cluster, or lower cpu and memory; no service was changed",
	}
}

// runTaskInput takes the network from the first service where the user set
// none: a migration must reach what the service reaches. It runs on Fargate if
// it can, else where the service runs.
func runTaskInput(p *Plan, definition string) *ecs.RunTaskInput {
	want := p.Request.RunTask
	in := &ecs.RunTaskInput{
		Cluster: aws.String(p.Request.Cluster), TaskDefinition: aws.String(definition), StartedBy: aws.String(want.StartedBy),
		CapacityProviderStrategy: want.Capacity, LaunchType: want.LaunchType, Tags: want.Tags, VolumeConfigurations: want.Volumes,
		EnableECSManagedTags: deref(p.Request.Rollout.ManagedTags),
	}
	if len(want.Overrides) > 0 {
		in.Overrides = &types.TaskOverride{ContainerOverrides: want.Overrides}
	}
	if len(want.Subnets)+len(want.Groups) > 0 {
		in.NetworkConfiguration = &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
			Subnets: want.Subnets, SecurityGroups: want.Groups, AssignPublicIp: want.PublicIP,
		}}
	}
	if len(p.Services) > 0 {
		service := p.Services[0].service
		if in.NetworkConfiguration == nil {
			in.NetworkConfiguration = service.NetworkConfiguration
		}
		if in.LaunchType == "" && len(in.CapacityProviderStrategy) == 0 && !p.Target.Fargate() {
			in.CapacityProviderStrategy, in.LaunchType = service.CapacityProviderStrategy, service.LaunchType
		}
	}
	if len(in.CapacityProviderStrategy) > 0 {
		in.LaunchType = ""
	} else if in.LaunchType == "" {
		in.LaunchType = types.LaunchTypeFargate
	}
	return in
}

// taskWait waits for a one-off task and passes its log on.
type taskWait struct {
	c      *Clients
	p      *Plan
	task   string
	send   progress.Func
	status string
	tokens map[string]*string // where each container's log was left
}

func (w *taskWait) wait(ctx context.Context, r *Result) error {
	end := time.Now().Add(w.p.Request.Wait.Timeout)
	for {
		task, err := w.look(ctx)
		if err != nil && (permanent(err) || ctx.Err() != nil) {
			return fmt.Errorf("wait for task %s: %w", shortARN(w.task), err)
		}
		if err == nil && aws.ToString(task.LastStatus) == "STOPPED" {
			w.logs(ctx)
			return w.verdict(task, r)
		}
		if time.Now().After(end) {
			return &diag.Diagnostic{
				Summary: fmt.Sprintf("task %s did not end within %s; it goes on, no service was changed", shortARN(w.task), inMinutes(w.p.Request.Wait.Timeout)),
				Try:     "raise wait-for-minutes, or see why the task takes so long",
			}
		}
		w.logs(ctx)
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for task %s: %w; the task goes on, no service was changed", shortARN(w.task), ctx.Err())
		case <-time.After(min(runTaskPoll, w.p.Request.Wait.poll())):
		}
	}
}

func (w *taskWait) look(ctx context.Context) (types.Task, error) {
	out, err := w.c.Tasks.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(w.p.Request.Cluster), Tasks: []string{w.task}})
	if err != nil {
		return types.Task{}, fmt.Errorf("describe task %s: %w", shortARN(w.task), err)
	}
	if len(out.Tasks) == 0 {
		return types.Task{}, fmt.Errorf("describe task %s: not found yet", shortARN(w.task))
	}
	task := out.Tasks[0]
	if status := aws.ToString(task.LastStatus); status != w.status {
		w.status = status
		w.send.Milestone("run-task", shortARN(w.task)+" is "+status)
	}
	return task, nil
}

// logs passes on what the containers wrote since the last look. A log that
// cannot be read is no reason to fail a migration.
func (w *taskWait) logs(ctx context.Context) {
	for _, container := range w.p.Target.Containers() {
		group, stream, region := logStream(w.p.Target, container, shortARN(w.task))
		if group == "" {
			continue
		}
		out, err := w.c.Logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: aws.String(group), LogStreamName: aws.String(stream), StartFromHead: aws.Bool(true),
			NextToken: w.tokens[container],
		}, inRegion(region))
		if err != nil {
			continue
		}
		w.tokens[container] = out.NextForwardToken
		for _, event := range out.Events {
			w.send.Milestone("run-task "+container, strings.TrimRight(aws.ToString(event.Message), "\n"))
		}
	}
}

// verdict respects the exit codes of all containers, as ECS's own users do.
func (w *taskWait) verdict(task types.Task, r *Result) error {
	for _, container := range task.Containers {
		name := aws.ToString(container.Name)
		ok := container.ExitCode != nil && *container.ExitCode == 0
		if ok || (container.ExitCode != nil && !w.p.Target.Essential(name)) {
			continue
		}
		cause := classify(task)
		r.RunFailure = &cause
		return &diag.Diagnostic{
			Summary: fmt.Sprintf("task %s failed before the rollout; no service was changed", shortARN(w.task)),
			Detail:  cause.Detail(), Try: cause.Try,
		}
	}
	w.send.Milestone("run-task", shortARN(w.task)+" succeeded")
	return nil
}
