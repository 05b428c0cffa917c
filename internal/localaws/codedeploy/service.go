// Package codedeploy is the part of AWS CodeDeploy that deploys ECS services: it moves a service with the deployment
// controller CODE_DEPLOY to a new task definition through the two target groups of a load balancer, calls the hooks of the
// AppSpec, and rolls back. https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-ecs.html
package codedeploy

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/org/shipkit/internal/localaws/ecs"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Clock is the simulated time.
type Clock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error
}

// Services is ECS as CodeDeploy uses it.
type Services interface {
	BeginShift(context.Context, ecs.Shift) (arn string, err error)
	DescribeServiceDeployments(context.Context, *awsecs.DescribeServiceDeploymentsInput) (*awsecs.DescribeServiceDeploymentsOutput, error)
	ContinueServiceDeployment(context.Context, *awsecs.ContinueServiceDeploymentInput) (*awsecs.ContinueServiceDeploymentOutput, error)
	StopServiceDeployment(context.Context, *awsecs.StopServiceDeploymentInput) (*awsecs.StopServiceDeploymentOutput, error)
}

// Balancer is Elastic Load Balancing as CodeDeploy uses it.
type Balancer interface {
	DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput) (*elb.DescribeTargetGroupsOutput, error)
	DescribeRules(context.Context, *elb.DescribeRulesInput) (*elb.DescribeRulesOutput, error)
}

// Service implements CodeDeploy's operations.
type Service struct {
	clock    Clock
	services Services
	balancer Balancer

	ctx     context.Context //nolint:containedctx // the life of deployments, which Close ends
	stop    context.CancelFunc
	running sync.WaitGroup

	mu           sync.Mutex
	applications map[string]*application // by account, region and name
	deployments  map[string]*deployment  // by ID
	functions    map[string]func() error
}

// application holds its deployment groups by name.
type application struct {
	Info   types.ApplicationInfo
	Groups map[string]*types.DeploymentGroupInfo
}

// New returns a service without applications. Close ends its deployments.
func New(clock Clock, services Services, balancer Balancer) *Service {
	ctx, stop := context.WithCancel(context.Background())
	return &Service{
		clock: clock, services: services, balancer: balancer, ctx: ctx, stop: stop,
		applications: map[string]*application{}, deployments: map[string]*deployment{}, functions: map[string]func() error{},
	}
}

// Close ends the deployments, wherever they stand.
func (s *Service) Close() error {
	s.stop()
	s.running.Wait()
	return nil
}

// Function has a Lambda function answer the hooks of AppSpecs that name it; local AWS runs none by itself. An error lets the
// hook fail.
func (s *Service) Function(name string, run func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.functions[name] = run
}

// newID is what the ID of a deployment looks like.
func newID() string { return "d-" + rand.Text()[:9] }

// Wire is the service at the endpoint.
func (s *Service) Wire() *wire.Service {
	svc := wire.NewService(wire.ServiceInfo{
		Name: "codedeploy", Protocol: wire.JSON11, TargetPrefix: "CodeDeploy_20141006", LowerCamel: true,
	})
	wire.Handle(svc, "CreateApplication", s.CreateApplication)
	wire.Handle(svc, "CreateDeploymentGroup", s.CreateDeploymentGroup)
	wire.Handle(svc, "GetDeploymentGroup", s.GetDeploymentGroup)
	wire.Handle(svc, "CreateDeployment", s.CreateDeployment)
	wire.Handle(svc, "GetDeployment", s.GetDeployment)
	wire.Handle(svc, "StopDeployment", s.StopDeployment)
	return svc
}
