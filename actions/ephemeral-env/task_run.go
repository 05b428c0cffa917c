package ephemeralenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy"
	"github.com/org/shipkit/pkg/environment"
	cfn "github.com/org/shipkit/pkg/environment/cloudformation"
	"github.com/org/shipkit/pkg/environment/store"
)

// place finds the cluster and the network of the environment: those of its
// service.
func (j *job) place(ctx context.Context, o *ecsdeploy.OneOff) error {
	service := ""
	if b, ok := j.inner().(*cfn.Backend); ok {
		arns, err := b.ServiceARNs(ctx, j.subject.env)
		if err != nil {
			return err //nolint:wrapcheck // it names the stack
		}
		if len(arns) > 0 {
			service, o.Cluster = arns[0], path.Base(path.Dir(arns[0]))
		}
	} else if len(j.in.Services) > 0 {
		service = j.subject.replace(j.in.Services[0])
	}
	if o.Cluster == "" {
		return &diag.Diagnostic{Summary: "input cluster: nothing given, and the environment has no ECS service", Try: "the cluster in which test-task runs"}
	}
	if service == "" {
		return placed(*o)
	}
	out, err := j.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &o.Cluster, Services: []string{service}})
	if err != nil {
		return fmt.Errorf("describe service %s: %w", service, err)
	}
	if len(out.Services) > 0 {
		o.Beside = &out.Services[0]
	}
	return placed(*o)
}

// runTask runs the test that is a task, to its end.
func (j *job) runTask(ctx context.Context, record environment.Record) (outcome check) {
	began := time.Now()
	outcome = check{What: "task", Shown: j.subject.replace(j.in.TestTask)}
	defer func() { outcome.Took = time.Since(began) }()
	o, err := j.oneOff(ctx, record)
	if err == nil {
		err = j.place(ctx, &o)
	}
	if err != nil {
		outcome.Err = err
		return outcome
	}
	outcome.Shown = path.Base(o.Revision)
	ended, err := j.follow(ctx, o, record.Expires)
	outcome.Output = strings.Join(ended.Log, "\n")
	switch {
	case err == nil && ended.Failure != nil:
		err = &diag.Diagnostic{
			Summary: fmt.Sprintf("test-task %s: %s", outcome.Shown, ended.Failure.Sentence), Detail: ended.Failure.Detail(), Try: ended.Failure.Try,
		}
	case errors.Is(err, ecsdeploy.ErrUnended):
		err = &diag.Diagnostic{
			Summary: fmt.Sprintf("test-task %s has not ended within %s: it is stopped", outcome.Shown, o.Timeout), Err: err,
			Try: "raise test-wait, or see why it takes so long",
		}
	}
	outcome.Err = err
	return outcome
}

// follow starts the task, unless a run before has, and waits for its end. It
// ends with its time, with the environment's, and with this step.
func (j *job) follow(ctx context.Context, o ecsdeploy.OneOff, expires time.Time) (ecsdeploy.TaskOutcome, error) {
	n := j.subject.env
	text, err := json.Marshal(o.RunTask)
	if err != nil {
		return ecsdeploy.TaskOutcome{}, fmt.Errorf("test of environment %s: %w", n, err)
	}
	sum := sha256.Sum256(append(text, o.Revision...))
	noted, err := j.trials.begin(ctx, n, trial{Cluster: o.Cluster, Asked: hex.EncodeToString(sum[:8])})
	if err != nil {
		return ecsdeploy.TaskOutcome{}, err
	}
	o.Token = noted.Token
	run, err := o.Start(ctx, j.ecs)
	if err != nil {
		return ecsdeploy.TaskOutcome{}, err //nolint:wrapcheck // it names the task definition
	}
	task := aws.ToString(run.TaskArn)
	j.rt.Progress().Milestone("test", "task "+path.Base(task)+" runs "+path.Base(o.Revision))
	end := aws.ToTime(run.CreatedAt) // by AWS's clock, which schedules go by
	if now := time.Now(); now.After(end) {
		end = now // it is a dead run's, or this runner's clock is ahead
	}
	end = end.Add(o.Timeout + 5*time.Minute) // the run itself stops it before
	if end.After(expires) {
		end = expires
	}
	outcome, err := ecsdeploy.TaskOutcome{}, j.bound(ctx, o.Cluster, task, end)
	if err == nil {
		outcome, err = o.Follow(ctx, j.ecs, cloudwatchlogs.NewFromConfig(j.cfg), task, j.rt.Progress())
	}
	if err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		err = errors.Join(err, j.trials.end(stop, n))
	}
	return outcome, err
}

// bound has AWS stop the task if nobody is left to.
func (j *job) bound(ctx context.Context, cluster, task string, at time.Time) error {
	if j.in.ScheduleRole == "" {
		return nil // Terraform: reap and down do
	}
	return store.Put(ctx, j.scheduler, store.Schedule{ //nolint:wrapcheck // it names the schedule
		Name: j.subject.env.Schedule("test"), Expression: "at(" + at.UTC().Format("2006-01-02T15:04:05") + ")", Zone: "UTC", Once: true,
		About: "stops the test of " + j.subject.env.String(), RoleARN: j.in.ScheduleRole,
		Target: store.Target{ARN: targetStopTask, Input: input("Cluster", cluster, "Task", task, "Reason", "its time is over")},
	})
}

// inner is the backend itself.
func (j *job) inner() environment.Backend {
	b, ok := j.manager.Backend.(tested)
	if !ok {
		return j.manager.Backend
	}
	return b.Backend
}
