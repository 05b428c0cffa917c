package ecsdeploy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// find waits until ECS lists our service deployment. A caller who may not list
// them follows the service itself.
func (f *follower) find(ctx context.Context) error {
	if f.watcher != nil {
		return nil
	}
	// ECS does not list it at once, and runs that start together must not ask
	// together.
	wait(ctx, min(time.Second+rand.N(time.Second), f.wait.poll())) //nolint:gosec // jitter, not a secret
	for {
		arn, err := findDeployment(ctx, f.c, f.s, f.definition, f.since)
		switch {
		case err == nil:
			f.watcher = &deploymentWatcher{c: f.c, deployment: arn}
			return nil
		case denied(err):
			f.withoutDeployments("ecs:ListServiceDeployments", err)
			return nil
		case ctx.Err() != nil:
			return ctx.Err() //nolint:wrapcheck // recognised by the caller
		case !errors.Is(err, errNotListed) && permanent(err):
			return err
		case time.Now().After(f.deadline):
			return fmt.Errorf("find the deployment of service %s: %w", f.s.Name, err)
		}
		f.pause(ctx)
	}
}

// withoutDeployments follows the service itself, for a caller who may not read
// its deployments.
func (f *follower) withoutDeployments(action string, err error) {
	f.progress.Warn(f.task(), unchecked("the service deployment", action, f.s.ARN, err).Error())
	f.watcher = &serviceWatcher{c: f.c, s: f.s, id: f.deploymentID}
}

// identify finds the ID that the tasks of the deployment carry, for a process
// that did not start it.
func (f *follower) identify(ctx context.Context) {
	service, err := describeService(ctx, f.c, f.s)
	if err != nil {
		return // failed tasks are then told apart by their task definition
	}
	for _, d := range service.Deployments {
		if aws.ToString(d.TaskDefinition) == f.definition {
			f.deploymentID, f.since = aws.ToString(d.Id), deref(d.CreatedAt)
			return
		}
	}
}
