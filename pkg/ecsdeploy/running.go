package ecsdeploy

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// running reads the images of a service revision as ECS resolved them. What
// cannot be read is left out: it is only for people and later steps.
func running(ctx context.Context, c *Clients, revision *string) map[string]string {
	if revision == nil {
		return nil
	}
	out, err := c.Deployments.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: []string{*revision}})
	if err != nil || len(out.ServiceRevisions) == 0 {
		return nil
	}
	images := map[string]string{}
	for _, image := range out.ServiceRevisions[0].ContainerImages {
		if ref := pinned(image); ref != "" {
			images[aws.ToString(image.ContainerName)] = ref
		}
	}
	return images
}

// pinned is an image as repository@digest, "" if ECS has not resolved it yet.
func pinned(image types.ContainerImage) string {
	repository, digest, _ := strings.Cut(aws.ToString(image.Image), "@")
	if resolved := aws.ToString(image.ImageDigest); resolved != "" {
		digest = resolved
	}
	if digest == "" {
		return ""
	}
	name, slash := repository, strings.LastIndex(repository, "/")
	if colon := strings.LastIndex(repository, ":"); colon > slash { // a tag, not a port
		name = repository[:colon]
	}
	return name + "@" + digest
}

// running reads the images that the followed deployment brings, or went back
// to.
func (f *follower) running(ctx context.Context) map[string]string {
	if f.watcher.arn() == "" {
		return nil
	}
	d, err := describeDeployment(ctx, f.c, f.watcher.arn())
	if err != nil {
		return nil
	}
	if d.Status == types.ServiceDeploymentStatusRollbackSuccessful {
		return running(ctx, f.c, deref(d.Rollback).ServiceRevisionArn)
	}
	return running(ctx, f.c, deref(d.TargetServiceRevision).Arn)
}
