// Package cloudformation makes environments from a CloudFormation template: a
// stack for each.
package cloudformation

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/stack"
)

// Template is shipkit's own: a service behind a shared load balancer, with a
// database if a snapshot is named.
//
//go:embed template.yml
var Template string

// tagVersion is the request's fingerprint. CloudFormation rolls tags back
// together with everything else.
const tagVersion = "shipkit:version"

// Resources lists what a stack consists of.
type Resources interface {
	ListStackResources(context.Context, *cloudformation.ListStackResourcesInput, ...func(*cloudformation.Options)) (*cloudformation.ListStackResourcesOutput, error)
}

// Services scales services.
type Services interface {
	UpdateService(context.Context, *ecs.UpdateServiceInput, ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error)
}

// Databases stops and starts databases.
type Databases interface {
	Stop(ctx context.Context, id string) error
	Start(ctx context.Context, id string) error
}

var (
	_ Resources = (*cloudformation.Client)(nil)
	_ Services  = (*ecs.Client)(nil)
)

// Backend is a template.
type Backend struct {
	Driver *stack.Driver
	// Template is the body; Capabilities what it may create.
	Template     string
	Capabilities []string
	Resources    Resources
	Services     Services
	Instances    Databases
	// Clusters are Aurora's.
	Clusters Databases
}

var _ environment.Backend = (*Backend)(nil)

// StackName is the name of an environment's stack.
func StackName(n namespace.Namespace) string { return n.Stack("app") }

// Look implements environment.Backend.
func (b *Backend) Look(ctx context.Context, n namespace.Namespace) (*environment.Status, error) {
	s, err := b.Driver.Look(ctx, StackName(n))
	if err != nil || s == nil {
		return nil, err //nolint:wrapcheck // it names the stack
	}
	status := &environment.Status{
		Ready: s.Ready(), Busy: s.Busy() && !s.Deleting(), Deleting: s.Deleting(), Version: s.Tags[tagVersion],
		URL: s.Outputs["Url"], Outputs: s.Outputs,
	}
	if s.Failed() {
		status.Failed, err = b.Driver.Why(ctx, s)
	}
	return status, err //nolint:wrapcheck // it names the stack
}

// Apply implements environment.Backend.
func (b *Backend) Apply(ctx context.Context, n namespace.Namespace, r environment.Request) error {
	tags := maps.Clone(r.Tags)
	tags[tagVersion] = r.Fingerprint()
	_, err := b.Driver.Start(ctx, stack.Request{
		Name: StackName(n), Template: b.Template, Parameters: r.Parameters, Tags: tags, Capabilities: b.Capabilities,
		Recreate: true, Owner: map[string]string{namespace.TagNamespace: n.String()},
	})
	return err //nolint:wrapcheck // it names the stack
}

// Destroy implements environment.Backend.
func (b *Backend) Destroy(ctx context.Context, n namespace.Namespace) error {
	s, err := b.Driver.Look(ctx, StackName(n))
	if err != nil || s == nil {
		return err //nolint:wrapcheck // it names the stack
	}
	if s.Tags[namespace.TagNamespace] != n.String() && !s.Proposed() {
		return fmt.Errorf("stack %s is not ours by its tags: it is left alone", s.Name)
	}
	return b.Driver.BeginDelete(ctx, s.ID) //nolint:wrapcheck // it names the stack
}

// Power implements environment.Backend: services scale to none or to one,
// databases stop or start.
func (b *Backend) Power(ctx context.Context, n namespace.Namespace, on bool) error {
	return b.each(ctx, n, func(kind, id string) error { return b.power(ctx, kind, id, on) })
}

// ServiceARNs lists the ECS services of an environment.
func (b *Backend) ServiceARNs(ctx context.Context, n namespace.Namespace) ([]string, error) {
	var arns []string
	err := b.each(ctx, n, func(kind, id string) error {
		if kind == kindService {
			arns = append(arns, id)
		}
		return nil
	})
	return arns, err
}

// each does something with all resources of an environment.
func (b *Backend) each(ctx context.Context, n namespace.Namespace, do func(kind, id string) error) error {
	pages := cloudformation.NewListStackResourcesPaginator(b.Resources, &cloudformation.ListStackResourcesInput{
		StackName: aws.String(StackName(n)),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the resources of stack %s: %w", StackName(n), err)
		}
		for _, resource := range page.StackResourceSummaries {
			if err := do(aws.ToString(resource.ResourceType), aws.ToString(resource.PhysicalResourceId)); err != nil {
				return err
			}
		}
	}
	return nil
}

const kindService = "AWS::ECS::Service"

func (b *Backend) power(ctx context.Context, kind, id string, on bool) error {
	switch kind {
	case kindService:
		return b.scale(ctx, id, on)
	case "AWS::RDS::DBInstance":
		return flip(ctx, b.Instances, id, on)
	case "AWS::RDS::DBCluster":
		return flip(ctx, b.Clusters, id, on)
	default:
		return nil
	}
}

// scale works on a service's ARN …:service/<cluster>/<name>.
func (b *Backend) scale(ctx context.Context, arn string, on bool) error {
	desired := int32(0)
	if on {
		desired = 1
	}
	cluster := path.Base(path.Dir(arn))
	_, err := b.Services.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &cluster, Service: &arn, DesiredCount: &desired})
	if err != nil {
		return fmt.Errorf("scale service %s to %d: %w", arn, desired, err)
	}
	return nil
}

func flip(ctx context.Context, databases Databases, id string, on bool) error {
	if on {
		return databases.Start(ctx, id) //nolint:wrapcheck // it names the database
	}
	return databases.Stop(ctx, id) //nolint:wrapcheck // it names the database
}
