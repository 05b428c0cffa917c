package ecsdeploy

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/org/shipkit/pkg/progress"
)

// followCodeDeploy follows the deployment to its end, and what did not end well
// back to the old revision.
func (f *follower) followCodeDeploy(ctx context.Context) Verdict {
	id := f.codeDeployID
	info, err := f.awaitCodeDeploy(ctx, id)
	v := f.verdict(Failed)
	if f.gaveUp != nil {
		v = *f.gaveUp
	}
	v.Deployment, v.Took = id, time.Since(f.began)
	switch {
	case ctx.Err() != nil:
		return f.cancelCodeDeploy(ctx, v)
	case err != nil:
		v.Reason = firstNonEmpty(v.Reason, err.Error())
		return v
	case info.Status == types.DeploymentStatusSucceeded:
		v.Outcome, v.Reason, v.By, v.Serving = Succeeded, "", "", f.definition
		f.progress.Milestone(f.task(), shortARN(f.definition)+" serves")
		return v
	}
	v.Reason = firstNonEmpty(v.Reason, aws.ToString(deref(info.ErrorInformation).Message), "CodeDeploy says "+string(info.Status))
	if v.Dossier.Empty() {
		v.Dossier = f.dossier(ctx)
	}
	return f.codeDeployBack(ctx, v)
}

// awaitCodeDeploy looks until a deployment has ended, and stops it if waiting
// is pointless.
func (f *follower) awaitCodeDeploy(ctx context.Context, id string) (types.DeploymentInfo, error) {
	for {
		info, err := f.codeDeployment(ctx, id)
		switch {
		case err != nil && (ctx.Err() != nil || permanent(err)):
			return info, err
		case err == nil && ended(info.Status):
			return info, nil
		case err == nil:
			f.progress.Send(progress.Event{Task: f.task(), Text: "CodeDeploy: " + string(info.Status)})
		}
		if outcome, reason := f.hopeless(ctx); outcome != "" {
			if err := f.giveUpCodeDeploy(ctx, outcome, reason); err != nil {
				return info, err
			}
		}
		f.pause(ctx)
	}
}

func ended(status types.DeploymentStatus) bool {
	return status == types.DeploymentStatusSucceeded || status == types.DeploymentStatusFailed || status == types.DeploymentStatusStopped
}

// codeDeployment reads a deployment, for no longer than one look may take.
func (f *follower) codeDeployment(ctx context.Context, id string) (types.DeploymentInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	out, err := f.c.CodeDeploy.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: aws.String(id)})
	if err != nil {
		return types.DeploymentInfo{}, fmt.Errorf("get CodeDeploy deployment %s: %w", id, err)
	}
	return deref(out.DeploymentInfo), nil
}

// hopeless tells why waiting is pointless, "" while it is not. CodeDeploy by
// itself gives tasks that never start an hour.
func (f *follower) hopeless(ctx context.Context) (outcome Outcome, reason string) {
	if time.Now().After(f.deadline) {
		return TimedOut, "CodeDeploy did not finish in time"
	}
	if f.looks++; f.gaveUp != nil || f.looks%eventsEvery != 0 {
		return "", ""
	}
	f.inspect(ctx, false)
	if repeated, ok := f.repeated(); ok {
		return Failed, repeated.alike()
	}
	return "", ""
}

// giveUpCodeDeploy stops a deployment that will not end well, once. Its error
// ends the wait.
func (f *follower) giveUpCodeDeploy(ctx context.Context, outcome Outcome, reason string) error {
	if f.gaveUp != nil {
		return fmt.Errorf("CodeDeploy did not go back within %s", inMinutes(rollbackTime))
	}
	v := f.verdict(outcome)
	v.Reason, v.Dossier = reason, f.dossier(ctx)
	f.gaveUp = &v
	if !f.wait.Rollback {
		return fmt.Errorf("CodeDeploy deployment %s goes on", f.codeDeployID)
	}
	v.By = "this step"
	f.progress.Warn(f.task(), reason+"; stopping "+f.codeDeployID+" with a rollback")
	if err := f.stopCodeDeploy(ctx); err != nil {
		f.progress.Warn(f.task(), err.Error()) // it may have ended just now
	}
	f.deadline = time.Now().Add(rollbackTime)
	return nil
}

func (f *follower) stopCodeDeploy(ctx context.Context) error {
	_, err := f.c.CodeDeploy.StopDeployment(ctx, &codedeploy.StopDeploymentInput{
		DeploymentId: aws.String(f.codeDeployID), AutoRollbackEnabled: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("stop CodeDeploy deployment %s: %w", f.codeDeployID, err)
	}
	return nil
}

// cancelCodeDeploy asks for the rollback with the few seconds that a cancelled
// step has; CodeDeploy sees it through.
func (f *follower) cancelCodeDeploy(ctx context.Context, v Verdict) Verdict {
	v.Outcome = Cancelled
	if !f.wait.Rollback {
		v.Reason = "the deployment goes on in CodeDeploy"
		return v
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
	defer cancel()
	if err := f.stopCodeDeploy(grace); err != nil {
		v.Reason = "the rollback could not be requested: " + err.Error()
		return v
	}
	v.RollbackRequested = true
	return v
}
