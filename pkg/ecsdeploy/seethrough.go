package ecsdeploy

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/org/shipkit/pkg/progress"
)

// SeeThrough follows the rollback that a cancelled step asked for, from the
// handle that the step saved, until the old revision serves again. A step that
// was killed could not ask: then this does.
func SeeThrough(ctx context.Context, c *Clients, h Handle, wait Wait, send progress.Func) Verdict {
	s := &ServicePlan{Name: h.Service, ARN: h.Service, Cluster: h.Cluster, Before: h.Before}
	f := newFollower(c, s, wait, send)
	f.definition, f.deploymentID, f.since = h.TaskDefinition, h.DeploymentID, h.Since
	f.gaveUp = &Verdict{Outcome: Cancelled, By: "this step"}
	service, err := describeService(ctx, c, s)
	if err != nil {
		return f.lost(ctx, err)
	}
	s.service, s.ARN, s.Desired = service, aws.ToString(service.ServiceArn), service.DesiredCount
	if err := f.find(ctx); err != nil {
		return f.lost(ctx, err)
	}
	if now, err := f.watcher.look(ctx); err == nil && slices.Contains(underWay, now.Status) {
		f.last.Hook = now.Hook
		if err := f.abandon(ctx); err != nil {
			return f.lost(ctx, err)
		}
	}
	return f.follow(ctx)
}
