package ecsdeploy

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// stopped is the verdict of a deployment that ended as STOPPED: a newer one
// took over, the service was deleted, somebody stopped it, or ECS gave up
// without rolling back.
func (f *follower) stopped(ctx context.Context) Verdict {
	if v, ok := f.superseded(ctx); ok {
		return v
	}
	if v, ok := f.deleted(ctx); ok {
		return v
	}
	v := f.verdict(Failed)
	v.Dossier = f.dossier(ctx)
	v.Reason = firstNonEmpty(v.Dossier.why(), f.last.Reason, "ECS stopped the deployment")
	if f.gaveUp != nil {
		v.Outcome, v.Reason = f.gaveUp.Outcome, f.gaveUp.Reason
	}
	if !f.wait.Rollback {
		return v
	}
	v.By = "this step"
	return f.redeploy(ctx, v)
}

// superseded is the verdict of a deployment that a newer one took over.
func (f *follower) superseded(ctx context.Context) (Verdict, bool) {
	service, err := describeService(ctx, f.c, f.s)
	newer := aws.ToString(primary(service).Id)
	if f.watcher.arn() != "" {
		newer, err = newerDeployment(ctx, f.c, f.s, f.watcher.arn())
	}
	if err != nil || newer == "" || newer == f.deploymentID {
		return Verdict{}, false
	}
	v := f.verdict(Superseded)
	v.SupersededBy, v.SupersededTo = newer, aws.ToString(primary(service).TaskDefinition)
	f.progress.Warn(f.task(), v.Headline())
	return v, true
}

// overtaken tells whether ECS works towards a deployment that is younger than
// ours. A rollback works towards an older one.
func (f *follower) overtaken(service types.Service) bool {
	now := primary(service)
	return f.deploymentID != "" && aws.ToString(now.Id) != f.deploymentID && deref(now.CreatedAt).After(f.since)
}

// deleted is the verdict of a deployment whose service is gone, and with it
// what ECS knew of the deployment:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html.
func (f *follower) deleted(ctx context.Context) (Verdict, bool) {
	service, err := describeService(ctx, f.c, f.s)
	status := aws.ToString(service.Status)
	if err == nil && status == "ACTIVE" || err != nil && !errors.Is(err, errGone) {
		return Verdict{}, false
	}
	v := f.verdict(Failed)
	v.Reason = "service " + f.s.Name + " was deleted during the deployment"
	if status != "" {
		v.Reason += " (it is " + status + ")"
	}
	return v, true
}
