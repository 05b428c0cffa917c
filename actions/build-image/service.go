package buildimage

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/org/shipkit/pkg/awsclient"
)

// services reads what ECS services run.
type services interface {
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
}

var _ services = (*ecs.Client)(nil)

// openServices returns a client for the region of the AWS configuration.
func openServices(ctx context.Context) (services, error) {
	cfg, err := awsclient.Load(ctx, awsclient.Options{})
	if err != nil {
		return nil, err
	}
	return ecs.NewFromConfig(cfg), nil
}

// service names an ECS service.
type service struct{ cluster, name string }

// parseService reads cluster/service.
func parseService(text string) (service, error) {
	cluster, name, ok := strings.Cut(text, "/")
	if !ok || cluster == "" || name == "" || strings.Contains(name, "/") {
		return service{}, fmt.Errorf("%q is no cluster/service", text)
	}
	return service{cluster, name}, nil
}

func (s service) String() string { return s.cluster + "/" + s.name }

// image returns the image in repo that the service runs, nil if there is none.
func (s service) image(ctx context.Context, client services, repo name.Repository) (name.Reference, error) {
	out, err := client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &s.cluster, Services: []string{s.name}})
	if err != nil {
		return nil, fmt.Errorf("describe service %s: %w", s, awsclient.Explain(err))
	}
	if len(out.Services) == 0 {
		return nil, nil
	}
	definition, err := client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: out.Services[0].TaskDefinition})
	if err != nil {
		return nil, fmt.Errorf("describe the task definition of service %s: %w", s, awsclient.Explain(err))
	}
	return imageIn(repo, definition.TaskDefinition.ContainerDefinitions), nil
}

// imageIn returns the image of the first container whose image is in repo.
func imageIn(repo name.Repository, containers []types.ContainerDefinition) name.Reference {
	for _, container := range containers {
		ref, err := name.ParseReference(aws.ToString(container.Image))
		if err == nil && ref.Context() == repo {
			return ref
		}
	}
	return nil
}
