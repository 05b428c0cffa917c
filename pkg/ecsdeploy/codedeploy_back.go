package ecsdeploy

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// rollbackLooks is how often to look for the rollback that CodeDeploy starts
// when a deployment has ended.
const rollbackLooks = 3

// codeDeployBack sees that the old revision serves after a deployment that did
// not end well: by CodeDeploy's own rollback, else by a deployment of ours.
func (f *follower) codeDeployBack(ctx context.Context, v Verdict) Verdict {
	own := f.gaveUp == nil // CodeDeploy ended it
	f.gaveUp, f.deadline = &v, time.Now().Add(rollbackTime)
	if id := f.codeDeployRollback(ctx); id != "" {
		v.RollbackRequested = true
		if own {
			v.Outcome, v.By = RolledBack, "CodeDeploy"
		}
		f.progress.Warn(f.task(), "CodeDeploy rolls back with "+id)
		_, _ = f.awaitCodeDeploy(ctx, id) // what serves tells how it ended
	}
	v = f.codeDeployServes(ctx, v)
	if !v.RolledBack && f.wait.Rollback && ctx.Err() == nil {
		v = f.redeployCodeDeploy(ctx, v)
	}
	return v
}

// codeDeployRollback is the ID of the deployment that CodeDeploy rolls back
// with, "" if there is none.
func (f *follower) codeDeployRollback(ctx context.Context) string {
	for range rollbackLooks {
		info, err := f.codeDeployment(ctx, f.codeDeployID)
		if id := aws.ToString(deref(info.RollbackInfo).RollbackDeploymentId); err == nil && id != "" {
			return id
		}
		if err == nil && !deref(info.AutoRollbackConfiguration).Enabled && f.gaveUp.By == "" {
			return ""
		}
		f.pause(ctx)
	}
	return ""
}

// redeployCodeDeploy puts the old revision back with a deployment of our own.
func (f *follower) redeployCodeDeploy(ctx context.Context, v Verdict) Verdict {
	f.progress.Warn(f.task(), "putting "+shortARN(f.s.Before)+" back")
	v.By = "this step"
	if err := f.startCodeDeploy(ctx, f.s.Before); err != nil {
		v.Reason += "; rollback failed: " + err.Error()
		return v
	}
	v.RollbackRequested = true
	f.gaveUp = &v
	_, _ = f.awaitCodeDeploy(ctx, f.codeDeployID) // what serves tells how it ended
	return f.codeDeployServes(ctx, v)
}

// takeBackCodeDeploy stops a deployment that is under way, or deploys the old
// revision after one that has ended.
func (f *follower) takeBackCodeDeploy(ctx context.Context, v Verdict) Verdict {
	v.Outcome, f.gaveUp = RolledBack, &v
	if err := f.stopCodeDeploy(ctx); err != nil {
		return f.redeployCodeDeploy(ctx, v)
	}
	f.deadline = time.Now().Add(rollbackTime)
	_, _ = f.awaitCodeDeploy(ctx, f.codeDeployID) // what serves tells how it ended
	return f.codeDeployBack(ctx, v)
}

// codeDeployServes fills in what serves: the primary task set once all its
// tasks run.
func (f *follower) codeDeployServes(ctx context.Context, v Verdict) Verdict {
	for end := time.Now().Add(verifyTime); ; f.pause(ctx) {
		service, err := describeService(ctx, f.c, f.s)
		set := primarySet(service)
		if err == nil && set.RunningCount >= set.ComputedDesiredCount {
			v.Serving = firstNonEmpty(aws.ToString(set.TaskDefinition), aws.ToString(service.TaskDefinition))
			break
		}
		if ctx.Err() != nil || time.Now().After(end) {
			break
		}
	}
	v.RolledBack = v.Serving == f.s.Before
	v.RollbackRequested = v.RollbackRequested && !v.RolledBack
	v.Took = time.Since(f.began)
	return v
}

// primarySet is the task set that serves.
func primarySet(service types.Service) types.TaskSet {
	for _, set := range service.TaskSets {
		if aws.ToString(set.Status) == "PRIMARY" {
			return set
		}
	}
	return types.TaskSet{}
}

// replacementStarts tells whether a task set that does not serve yet lacks
// tasks.
func replacementStarts(service types.Service) bool {
	for _, set := range service.TaskSets {
		if aws.ToString(set.Status) != "PRIMARY" && set.RunningCount < set.ComputedDesiredCount {
			return true
		}
	}
	return false
}
