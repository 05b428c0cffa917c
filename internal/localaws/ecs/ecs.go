// Package ecs is Amazon ECS on one machine: services whose tasks are real containers, rolled out as ECS does it, with
// deployments that fail, trip the circuit breaker and roll back.
//
// Simulated time drives bakes, grace periods and back-off; containers start and stop in real time. A task's platform is
// that of this machine unless its definition says otherwise.
package ecs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/org/shipkit/internal/localaws/container"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Clock is simulated time.
type Clock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error
	Real(d time.Duration) time.Duration
}

// Values resolve the secrets of containers: SSM parameters or Secrets Manager secrets.
type Values interface {
	Value(id wire.Identity, ref string) (string, error)
}

// Logs take the output of containers.
type Logs interface {
	Append(id wire.Identity, group, stream string, at time.Time, line string)
	HasGroup(id wire.Identity, group string) bool
}

// Targets are the target groups of load balancers.
type Targets interface {
	RegisterTargets(context.Context, *elb.RegisterTargetsInput) (*elb.RegisterTargetsOutput, error)
	DeregisterTargets(context.Context, *elb.DeregisterTargetsInput) (*elb.DeregisterTargetsOutput, error)
	DescribeTargetHealth(context.Context, *elb.DescribeTargetHealthInput) (*elb.DescribeTargetHealthOutput, error)
	DescribeTargetGroups(context.Context, *elb.DescribeTargetGroupsInput) (*elb.DescribeTargetGroupsOutput, error)
}

// Rules are the listener rules of load balancers.
type Rules interface {
	DescribeRules(context.Context, *elb.DescribeRulesInput) (*elb.DescribeRulesOutput, error)
	ModifyRule(context.Context, *elb.ModifyRuleInput) (*elb.ModifyRuleOutput, error)
}

// Balancer is Elastic Load Balancing.
type Balancer interface {
	Targets
	Rules
}

// Alarms is CloudWatch.
type Alarms interface {
	DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput) (*cloudwatch.DescribeAlarmsOutput, error)
}

// Deps are the parts of AWS that ECS stands on. Clock and Engine are needed; what else is nil does not exist, and a
// service or a task that asks for it fails.
type Deps struct {
	Clock      Clock
	Engine     container.Engine
	Parameters Values
	Secrets    Values
	Logs       Logs
	Balancer   Balancer
	Alarms     Alarms
}

// Service implements ECS's operations.
type Service struct {
	Deps
	ctx     context.Context //nolint:containedctx // the life of tasks and schedulers, which Close ends
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	clusters map[string]*cluster    // by ARN
	families map[string][]*revision // by account, region and family; index is the revision minus one
	faults   []*Fault
}

// New returns a service without clusters. Close ends all tasks.
func New(d Deps) *Service {
	ctx, stop := context.WithCancel(context.Background())
	return &Service{Deps: d, ctx: ctx, stop: stop, clusters: map[string]*cluster{}, families: map[string][]*revision{}}
}

// Close ends all tasks and waits until their containers are gone.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.running.Wait()
	return errors.Join()
}

// spawn runs f until it returns; Close waits for it. The caller holds the lock.
func (s *Service) spawn(f func()) {
	if s.closed {
		return
	}
	s.running.Go(f)
}

// newID is the ID of a task or an event: 32 hexadecimal digits.
func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// newNumber is the ID of a deployment or a service revision: 19 digits.
func newNumber() string {
	b := make([]byte, 19)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = '0' + b[i]%10
	}
	b[0] = '1' + b[0]%9
	return string(b)
}

// newName is the ID of a service deployment: 21 letters and digits.
func newName() string { return rand.Text()[:21] }

// Wire is the service at the endpoint.
func (s *Service) Wire() *wire.Service {
	svc := wire.NewService(wire.ServiceInfo{
		Name: "ecs", Protocol: wire.JSON11, TargetPrefix: "AmazonEC2ContainerServiceV20141113", LowerCamel: true,
	})
	wire.Handle(svc, "CreateCluster", s.CreateCluster)
	wire.Handle(svc, "DescribeClusters", s.DescribeClusters)
	wire.Handle(svc, "ListClusters", s.ListClusters)
	wire.Handle(svc, "DeleteCluster", s.DeleteCluster)
	wire.Handle(svc, "RegisterTaskDefinition", s.RegisterTaskDefinition)
	wire.Handle(svc, "DescribeTaskDefinition", s.DescribeTaskDefinition)
	wire.Handle(svc, "DeregisterTaskDefinition", s.DeregisterTaskDefinition)
	wire.Handle(svc, "ListTaskDefinitions", s.ListTaskDefinitions)
	wire.Handle(svc, "RunTask", s.RunTask)
	wire.Handle(svc, "StopTask", s.StopTask)
	wire.Handle(svc, "ListTasks", s.ListTasks)
	wire.Handle(svc, "DescribeTasks", s.DescribeTasks)
	wire.Handle(svc, "CreateService", s.CreateService)
	wire.Handle(svc, "UpdateService", s.UpdateService)
	wire.Handle(svc, "DeleteService", s.DeleteService)
	wire.Handle(svc, "DescribeServices", s.DescribeServices)
	wire.Handle(svc, "ListServices", s.ListServices)
	wire.Handle(svc, "ListServiceDeployments", s.ListServiceDeployments)
	wire.Handle(svc, "DescribeServiceDeployments", s.DescribeServiceDeployments)
	wire.Handle(svc, "DescribeServiceRevisions", s.DescribeServiceRevisions)
	wire.Handle(svc, "StopServiceDeployment", s.StopServiceDeployment)
	wire.Handle(svc, "ContinueServiceDeployment", s.ContinueServiceDeployment)
	wire.Handle(svc, "TagResource", s.TagResource)
	wire.Handle(svc, "UntagResource", s.UntagResource)
	wire.Handle(svc, "ListTagsForResource", s.ListTagsForResource)
	return svc
}
