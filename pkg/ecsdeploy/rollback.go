package ecsdeploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// verifyTime is how long the old revision may take to be seen serving.
const verifyTime = 3 * time.Minute

// giveUp ends a rollout that will not end well: it asks ECS for a rollback and
// lets the wait go on until that is done. Without rollback it is the verdict.
func (f *follower) giveUp(ctx context.Context, outcome Outcome, reason string) (Verdict, bool) {
	v := f.verdict(outcome)
	v.Reason, v.Dossier = reason, f.dossier(ctx)
	if why := v.Dossier.why(); outcome == TimedOut && why != "" {
		v.Reason += ": " + why
	}
	if !f.wait.Rollback {
		return v, true
	}
	v.By = "this step"
	f.progress.Warn(f.task(), reason+"; rolling back to "+shortARN(f.s.Before))
	if f.watcher.arn() == "" {
		return f.redeploy(ctx, v), true
	}
	if err := requestRollback(ctx, f.c, f.watcher.arn(), f.last.Hook); err != nil {
		// The deployment may have ended by itself just now, or ECS has nothing
		// completed to go back to.
		f.progress.Warn(f.task(), "rollback was not accepted: "+plainly(err))
		if now, err := f.look(ctx); err == nil && slices.Contains(underWay, now.Status) {
			return f.redeploy(ctx, v), true
		}
	}
	f.gaveUp = &v
	f.deadline = time.Now().Add(rollbackTime)
	return Verdict{}, false
}

// requestRollback asks ECS to go back to the last completed deployment. It
// works without a circuit breaker.
func requestRollback(ctx context.Context, c *Clients, deployment string, hook Hook) error {
	if hook.ID != "" {
		_, err := c.Deployments.ContinueServiceDeployment(ctx, &ecs.ContinueServiceDeploymentInput{
			ServiceDeploymentArn: aws.String(deployment), HookId: aws.String(hook.ID),
			Action: types.DeploymentLifecycleHookActionRollback,
		})
		if err == nil {
			return nil
		}
	}
	_, err := c.Deployments.StopServiceDeployment(ctx, &ecs.StopServiceDeploymentInput{
		ServiceDeploymentArn: aws.String(deployment), StopType: types.StopServiceDeploymentStopTypeRollback,
	})
	if err != nil {
		return fmt.Errorf("stop service deployment %s: %w", shortARN(deployment), err)
	}
	return nil
}

// cancelled asks for the rollback with the few seconds that a cancelled step
// has. The post phase sees it through.
func (f *follower) cancelled(ctx context.Context) Verdict {
	v := f.verdict(Cancelled)
	v.Dossier = Dossier{Causes: f.causes, Targets: f.targets, Events: f.troubles()}
	if f.gaveUp != nil {
		v.Reason, v.By, v.RollbackRequested = f.gaveUp.Reason, f.gaveUp.By, true
		return v
	}
	if goingBack(f.last.Status) {
		v.RollbackRequested = true
		return v
	}
	if !f.wait.Rollback {
		v.Reason = "the deployment goes on in ECS"
		return v
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
	defer cancel()
	if err := f.abandon(ctx); err != nil {
		v.Reason = "the rollback could not be requested: " + plainly(err)
		return v
	}
	v.RollbackRequested = true
	if f.watcher != nil {
		v.Deployment = f.watcher.arn()
	}
	return v
}

// abandon requests the rollback with one call if our deployment is known, else
// with as few as it takes.
func (f *follower) abandon(ctx context.Context) error {
	if f.watcher == nil {
		arn, err := findDeployment(ctx, f.c, f.s, f.definition, f.since)
		if err != nil {
			return redeployBefore(ctx, f.c, f.s)
		}
		f.watcher = &deploymentWatcher{c: f.c, deployment: arn}
	}
	if f.watcher.arn() == "" {
		return redeployBefore(ctx, f.c, f.s)
	}
	return requestRollback(ctx, f.c, f.watcher.arn(), f.last.Hook)
}

// redeploy puts the old revision back with an update of our own, and waits
// until it serves.
func (f *follower) redeploy(ctx context.Context, v Verdict) Verdict {
	if f.s.Before == f.definition {
		return v // there is nothing else to go back to
	}
	f.progress.Warn(f.task(), "putting "+shortARN(f.s.Before)+" back")
	if err := redeployBefore(ctx, f.c, f.s); err != nil {
		v.Reason = strings.TrimSuffix(v.Reason, ".") + "; rollback failed: " + plainly(err)
		return v
	}
	v.RollbackRequested = true
	v.Serving = f.verify(ctx)
	v.RolledBack = v.Serving == f.s.Before
	v.RollbackRequested = !v.RolledBack
	v.Took = time.Since(f.began)
	return v
}

// redeployBefore goes back in the service's own way of deploying, as it was
// before us, but never pauses on the way.
func redeployBefore(ctx context.Context, c *Clients, s *ServicePlan) error {
	in := &ecs.UpdateServiceInput{Cluster: aws.String(s.Cluster), Service: aws.String(s.ARN), TaskDefinition: aws.String(s.Before)}
	if own := s.service.DeploymentConfiguration; own != nil && (slices.ContainsFunc(own.LifecycleHooks, isPause) ||
		s.update != nil && s.update.DeploymentConfiguration != nil) {
		in.DeploymentConfiguration = deploymentConfiguration(s.service, Rollout{NoPause: true})
	}
	_, err := c.Services.UpdateService(ctx, in)
	if err != nil {
		return fmt.Errorf("update service %s to %s: %w", s.Name, shortARN(s.Before), err)
	}
	return nil
}

// verify looks until one revision serves with all its tasks, and returns its
// ARN; "" if that could not be seen in time.
func (f *follower) verify(ctx context.Context) string {
	end := time.Now().Add(verifyTime)
	if f.s.Before != "" && f.watcher.arn() == "" {
		end = time.Now().Add(rollbackTime)
	}
	for {
		service, err := describeService(ctx, f.c, f.s)
		if d := primary(service); err == nil && (aws.ToString(d.TaskDefinition) != f.definition || f.s.Before == f.definition) &&
			d.RunningCount >= d.DesiredCount {
			return aws.ToString(d.TaskDefinition)
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return ""
		}
		f.pause(ctx)
	}
}

// lost is the verdict when nothing more can be learned: the credentials ended,
// or a permission is missing.
func (f *follower) lost(ctx context.Context, err error) Verdict {
	if ctx.Err() != nil {
		return f.cancelled(ctx)
	}
	v := f.verdict(Failed)
	v.Reason = plainly(err)
	if expired(err) {
		v.Reason = "the credentials ended while waiting; the deployment goes on in ECS, unwatched: " + plainly(err)
	}
	return v
}

// followRollback follows a rollback that was asked for: that it happens is the
// success.
func (f *follower) followRollback(ctx context.Context) Verdict {
	f.gaveUp = &Verdict{Outcome: RolledBack, By: "this step"}
	v := f.follow(ctx)
	if v.Outcome == RolledBack && v.Serving != "" {
		v.Outcome, v.TaskDefinition, v.RolledBack, v.Reason = Succeeded, v.Serving, true, ""
		v.Images = f.running(ctx)
	}
	return v
}
