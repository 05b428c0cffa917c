// Package seed fills a local AWS with a demo: a network's names, a repository with an image, a load balancer, a cluster
// with a service behind it, and a database with rows. It is what `shipkit-local up` shows a newcomer.
package seed

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/ec2"
	"github.com/org/shipkit/internal/localaws/wire"
)

// The demo's names: a customer's project in its development environment.
const (
	Namespace = "xy-0146-dev"
	Service   = "web"
	Vpc       = ec2.VPC
	Subnet    = "subnet-0146dev"
	Group     = "sg-0146dev"
)

// Demo says where the seeded things are.
type Demo struct {
	ServiceURL string // answers through the load balancer; empty without a service
	Repository string // host:port/web
	Database   string // host:port
}

// done is the parameter that is put when all of the demo stands.
const done = "/" + Namespace + "/demo"

// Run seeds the demo and waits until all of it runs. A server that has it already, out of its folder, is left as it is.
func Run(ctx context.Context, s *localaws.Server, version string) (Demo, error) {
	if _, err := s.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(done)}); err == nil {
		return Demo{}, nil
	}
	if _, err := s.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(executionRole)}); err == nil {
		return Demo{}, errors.New("the folder holds a demo that was cut off while it was seeded: remove the folder, or do not seed")
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
	url, err := RunService(ctx, s, Namespace, image)
	if err != nil {
		return Demo{}, fmt.Errorf("seed the service: %w", err)
	}
	in := &ssm.PutParameterInput{Name: aws.String(done), Value: &version, Type: "String"}
	if _, err := s.SSM.PutParameter(ctx, in); err != nil {
		return Demo{}, fmt.Errorf("note that the demo stands: %w", err)
	}
	return Demo{ServiceURL: url, Repository: s.ECR.Host() + "/" + Service, Database: endpoint}, nil
}

const executionRole = "ecsTaskExecutionRole"

// account makes the security group and the roles that the rest refers to.
func account(ctx context.Context, s *localaws.Server) error {
	s.EC2.Seed(wire.DefaultAccount, wire.DefaultRegion, Group, Vpc)
	for role, principal := range map[string]string{
		executionRole: "ecs-tasks.amazonaws.com", "shipkit-scheduler": "scheduler.amazonaws.com",
	} {
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + principal +
			`"},"Action":"sts:AssumeRole"}]}`
		in := &iam.CreateRoleInput{RoleName: aws.String(role), AssumeRolePolicyDocument: &trust}
		if _, err := s.IAM.CreateRole(ctx, in); err != nil {
			return fmt.Errorf("seed the role %s: %w", role, err)
		}
	}
	return nil
}

func logGroup(ctx context.Context, s *localaws.Server, namespace string) error {
	in := &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/" + namespace + "/" + Service)}
	if _, err := s.Logs.CreateLogGroup(ctx, in); err != nil {
		return fmt.Errorf("seed the log group: %w", err)
	}
	return nil
}
