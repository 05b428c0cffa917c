package rollout

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/ecsdeploy"
)

// Remember returns clients that ask for a revision once: neither a task
// definition's nor a service's ever changes.
func Remember(c *ecsdeploy.Clients) *ecsdeploy.Clients {
	remembering := *c
	remembering.TaskDefinitions = &definitions{TaskDefinitions: c.TaskDefinitions, known: map[string]*ecs.DescribeTaskDefinitionOutput{}}
	remembering.Deployments = &revisions{Deployments: c.Deployments, known: map[string]types.ServiceRevision{}}
	return &remembering
}

// definitions remembers revisions of task definitions by ARN, with their tags.
type definitions struct {
	ecsdeploy.TaskDefinitions
	mu    sync.Mutex
	known map[string]*ecs.DescribeTaskDefinitionOutput
}

func (d *definitions) DescribeTaskDefinition(
	ctx context.Context, in *ecs.DescribeTaskDefinitionInput, o ...func(*ecs.Options),
) (*ecs.DescribeTaskDefinitionOutput, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.known[aws.ToString(in.TaskDefinition)]; known != nil {
		return known, nil
	}
	whole := *in
	whole.Include = []types.TaskDefinitionField{types.TaskDefinitionFieldTags}
	out, err := d.TaskDefinitions.DescribeTaskDefinition(ctx, &whole, o...)
	if err == nil { // under its ARN: what a family's name stands for changes
		d.known[aws.ToString(out.TaskDefinition.TaskDefinitionArn)] = out
	}
	return out, err //nolint:wrapcheck // as the client says it
}

func (d *definitions) RegisterTaskDefinition(
	ctx context.Context, in *ecs.RegisterTaskDefinitionInput, o ...func(*ecs.Options),
) (*ecs.RegisterTaskDefinitionOutput, error) {
	out, err := d.TaskDefinitions.RegisterTaskDefinition(ctx, in, o...)
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.known[aws.ToString(out.TaskDefinition.TaskDefinitionArn)] = &ecs.DescribeTaskDefinitionOutput{
			TaskDefinition: out.TaskDefinition, Tags: out.Tags,
		}
	}
	return out, err //nolint:wrapcheck // as the client says it
}

// revisions remembers service revisions by ARN. ECS resolves their images
// later, which a promotion has no use for.
type revisions struct {
	ecsdeploy.Deployments
	mu    sync.Mutex
	known map[string]types.ServiceRevision
}

func (r *revisions) DescribeServiceRevisions(
	ctx context.Context, in *ecs.DescribeServiceRevisionsInput, o ...func(*ecs.Options),
) (*ecs.DescribeServiceRevisionsOutput, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if list, ok := r.recall(in.ServiceRevisionArns); ok {
		return &ecs.DescribeServiceRevisionsOutput{ServiceRevisions: list}, nil
	}
	out, err := r.Deployments.DescribeServiceRevisions(ctx, in, o...)
	if err != nil {
		return nil, err //nolint:wrapcheck // as the client says it
	}
	for _, revision := range out.ServiceRevisions {
		r.known[aws.ToString(revision.ServiceRevisionArn)] = revision
	}
	return out, nil
}

// recall returns revisions if all of them are known.
func (r *revisions) recall(arns []string) (list []types.ServiceRevision, ok bool) {
	for _, arn := range arns {
		revision, ok := r.known[arn]
		if !ok {
			return nil, false
		}
		list = append(list, revision)
	}
	return list, true
}
