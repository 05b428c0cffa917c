package ecsdeploy

import (
	"context"
	"sync"
)

// undo makes it all or nothing: services that took the new revision go back
// when another could not.
func undo(ctx context.Context, followers []*follower, verdicts []Verdict) []Verdict {
	if verdicts == nil {
		verdicts = make([]Verdict, len(followers))
		for i, f := range followers {
			verdicts[i] = f.verdict(Started)
		}
	}
	var group sync.WaitGroup
	for i, f := range followers {
		took := verdicts[i].Outcome == Succeeded || verdicts[i].Outcome == Started || verdicts[i].Outcome == Paused
		deploys := f.s.Action == ActionUpdate || f.s.Action == ActionJoin || f.s.Action == ActionCodeDeploy
		if !took || !f.wait.Rollback || !deploys || f.s.Before == f.definition {
			continue
		}
		group.Go(func() { verdicts[i] = f.takeBack(ctx, verdicts[i]) })
	}
	group.Wait()
	return verdicts
}

// takeBack rolls one good service back for the sake of the others.
func (f *follower) takeBack(ctx context.Context, v Verdict) Verdict {
	v.Reason, v.By = "another service of this deployment failed", "this step"
	if ctx.Err() != nil {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
		defer cancel()
		if err := f.requestTakeBack(grace); err == nil {
			v.RollbackRequested = true
		}
		v.Outcome = Cancelled
		return v
	}
	if f.s.Action == ActionCodeDeploy {
		return f.takeBackCodeDeploy(ctx, v)
	}
	if v.Outcome == Paused {
		_ = requestRollback(ctx, f.c, v.Deployment, v.Hook) // redeploy below covers a refusal
	}
	v.Outcome = RolledBack
	if f.watcher == nil {
		f.watcher = &serviceWatcher{c: f.c, s: f.s, id: f.deploymentID}
	}
	return f.redeploy(ctx, v)
}

// requestTakeBack asks for the old revision with one call.
func (f *follower) requestTakeBack(ctx context.Context) error {
	if f.s.Action == ActionCodeDeploy {
		return f.stopCodeDeploy(ctx)
	}
	return redeployBefore(ctx, f.c, f.s)
}
