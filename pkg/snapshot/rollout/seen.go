package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/pkg/ecsdeploy"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
	"github.com/org/shipkit/pkg/namespace"
)

// seen is a service right before it is deployed. A plan made from it need not
// ask for that again; applying it looks anew whether the service has changed.
type seen struct {
	service  *ecs.DescribeServicesOutput
	document *taskdef.Document
	facts    string // the path of the version's parameters, which are there
}

// look reads what a service runs now.
func (s Services) look(ctx context.Context, name string, ts namespace.Timestamp) (*seen, error) {
	out, err := s.Clients.Services.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &s.Cluster, Services: []string{name}})
	if err != nil {
		return nil, fmt.Errorf("describe it: %w", err)
	}
	if len(out.Services) == 0 {
		return nil, fmt.Errorf("it is not in cluster %s", s.Cluster)
	}
	document, err := s.document(ctx, aws.ToString(out.Services[0].TaskDefinition))
	return &seen{service: out, document: document, facts: s.Namespace.Version(ts, "")}, err
}

// clients answers from what was seen, and asks for the rest.
func (s *seen) clients(c *ecsdeploy.Clients) *ecsdeploy.Clients {
	answering := *c
	answering.Services = seenService{c.Services, s}
	answering.Parameters = seenFacts{c.Parameters, s}
	return &answering
}

type seenService struct {
	ecsdeploy.Services
	seen *seen
}

// DescribeServices answers for the one service that the plan is for.
func (s seenService) DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error) {
	return s.seen.service, nil
}

// DescribeClusters answers for the cluster that has the service.
func (s seenService) DescribeClusters(context.Context, *ecs.DescribeClustersInput, ...func(*ecs.Options)) (*ecs.DescribeClustersOutput, error) {
	return &ecs.DescribeClustersOutput{Clusters: []types.Cluster{{
		ClusterArn: s.seen.service.Services[0].ClusterArn, Status: aws.String("ACTIVE"),
	}}}, nil
}

type seenFacts struct {
	ecsdeploy.Parameters
	seen *seen
}

// GetParameters asks for those that are not the version's.
func (s seenFacts) GetParameters(ctx context.Context, in *ssm.GetParametersInput, o ...func(*ssm.Options)) (*ssm.GetParametersOutput, error) {
	rest := *in
	rest.Names = slices.DeleteFunc(slices.Clone(in.Names), func(name string) bool { return strings.HasPrefix(name, s.seen.facts) })
	if len(rest.Names) == 0 {
		return &ssm.GetParametersOutput{}, nil
	}
	return s.Parameters.GetParameters(ctx, &rest, o...) //nolint:wrapcheck // as the client says it
}
