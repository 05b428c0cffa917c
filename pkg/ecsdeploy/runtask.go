package ecsdeploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/progress"
)

// runTaskPoll is the time between two looks at a one-off task.
const runTaskPoll = 3 * time.Second

// runTask runs the one-off task with the new revision, before any service
// changes, and waits for its end if asked to.
func runTask(ctx context.Context, c *Clients, p *Plan, r *Result, send progress.Func) error {
	o := oneOff(p, r.TaskDefinition)
	run, err := o.Start(ctx, c.Tasks)
	if d, ok := errors.AsType[*diag.Diagnostic](err); ok {
		d.Try += "; no service was changed"
	}
	if err != nil {
		return err
	}
	task := aws.ToString(run.TaskArn)
	r.RunTasks = []string{task}
	send.Milestone(o.Name, "started "+shortARN(task))
	if !o.Wait {
		return nil
	}
	outcome, err := o.Follow(ctx, c.Tasks, c.Logs, task, send)
	r.RunFailure = outcome.Failure
	switch {
	case errors.Is(err, ErrUnended):
		return &diag.Diagnostic{
			Summary: fmt.Sprintf("task %s did not end within %s; it goes on, no service was changed", shortARN(task), inMinutes(o.Timeout)),
			Try:     "raise wait-for-minutes, or see why the task takes so long",
		}
	case ctx.Err() != nil:
		return fmt.Errorf("%w; the task goes on, no service was changed", err)
	case err == nil && outcome.Failure != nil:
		withLog(p, outcome)
		return &diag.Diagnostic{
			Summary: fmt.Sprintf("task %s failed before the rollout: %s; no service was changed", shortARN(task), outcome.Failure.Sentence),
			Detail:  strings.TrimPrefix(outcome.Failure.Detail(), outcome.Failure.Sentence+"\n"), Try: outcome.Failure.Try,
		}
	}
	return err
}

// withLog adds the end of the log to what a reader sees of a failure.
func withLog(p *Plan, outcome TaskOutcome) {
	cause, lines := outcome.Failure, outcome.Log
	if cause.Log = lines[max(0, len(lines)-p.Request.Wait.LogLines):]; len(cause.Log) > 0 {
		group, stream, _ := logStream(p.Target, cause.Container, cause.Task)
		cause.LogStream = group + " " + stream
	}
	refine(cause, p.Target)
}

// oneOff is the plan's one-off task, beside the first service.
func oneOff(p *Plan, revision string) OneOff {
	o := OneOff{
		RunTask: *p.Request.RunTask, Cluster: p.Request.Cluster, Definition: p.Target, Revision: revision,
		ManagedTags: deref(p.Request.Rollout.ManagedTags), Name: "run-task",
		Timeout: p.Request.Wait.Timeout, Poll: min(runTaskPoll, p.Request.Wait.poll()),
	}
	if len(p.Services) > 0 {
		o.Beside = &p.Services[0].service
	}
	return o
}
