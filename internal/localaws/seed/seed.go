// Package seed fills a local AWS with a demo: a network's names, a repository with an image, a load balancer, a cluster
// with a service behind it, and a database with rows. It is what `shipkit-local up` shows a newcomer.
package seed

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/org/shipkit/internal/localaws"
)

// The demo's names: a customer's project in its development environment.
const (
	Namespace = "xy-0146-dev"
	Service   = "web"
	Vpc       = "vpc-0146dev"
	Subnet    = "subnet-0146dev"
	Group     = "sg-0146dev"
)

// Demo says where the seeded things are.
type Demo struct {
	ServiceURL string // answers through the load balancer; empty without a service
	Repository string // host:port/web
	Database   string // host:port
}

// Run seeds the demo and waits until all of it runs. A server that has it already, out of its folder, is left as it is.
func Run(ctx context.Context, s *localaws.Server, version string) (Demo, error) {
	seeded, err := s.ECS.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{Namespace}})
	if err != nil {
		return Demo{}, fmt.Errorf("look for the demo: %w", err)
	}
	if len(seeded.Clusters) > 0 {
		return Demo{}, nil
	}
	if err := account(ctx, s); err != nil {
		return Demo{}, err
	}
	endpoint, err := database(ctx, s)
	if err != nil {
		return Demo{}, fmt.Errorf("seed the database: %w", err)
	}
	image, err := push(ctx, s, version)
	if err != nil {
		return Demo{}, fmt.Errorf("seed the image: %w", err)
	}
	url, err := service(ctx, s, image)
	if err != nil {
		return Demo{}, fmt.Errorf("seed the service: %w", err)
	}
	return Demo{ServiceURL: url, Repository: s.ECR.Host() + "/" + Service, Database: endpoint}, nil
}

// account makes the roles and the log group that the rest refers to.
func account(ctx context.Context, s *localaws.Server) error {
	for role, principal := range map[string]string{
		"ecsTaskExecutionRole": "ecs-tasks.amazonaws.com", "shipkit-scheduler": "scheduler.amazonaws.com",
	} {
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + principal +
			`"},"Action":"sts:AssumeRole"}]}`
		in := &iam.CreateRoleInput{RoleName: aws.String(role), AssumeRolePolicyDocument: &trust}
		if _, err := s.IAM.CreateRole(ctx, in); err != nil {
			return fmt.Errorf("seed the role %s: %w", role, err)
		}
	}
	in := &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/" + Namespace + "/" + Service)}
	if _, err := s.Logs.CreateLogGroup(ctx, in); err != nil {
		return fmt.Errorf("seed the log group: %w", err)
	}
	return nil
}
