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

	throttle throttle

	mu       sync.Mutex
	closed   bool
	clusters map[string]*cluster    // by ARN
	families map[string][]*revision // by account, region and family; index is the revision minus one
	faults   []*Fault
}

// New returns a service without clusters. Close ends all tasks.
func New(d Deps) *Service {
	ctx, stop := context.WithCancel(context.Background())
	return &Service{
		Deps: d, ctx: ctx, stop: stop, throttle: throttle{now: d.Clock.Now},
		clusters: map[string]*cluster{}, families: map[string][]*revision{},
	}
}

// Close ends all tasks and waits until their containers are gone.
func (s *Service) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.running.Wait()
	return nil
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
	t := &s.throttle
	handle(svc, t, "CreateCluster", s.CreateCluster)
	handle(svc, t, "DescribeClusters", s.DescribeClusters)
	handle(svc, t, "ListClusters", s.ListClusters)
	handle(svc, t, "DeleteCluster", s.DeleteCluster)
	handle(svc, t, "RegisterTaskDefinition", s.RegisterTaskDefinition)
	handle(svc, t, "DescribeTaskDefinition", s.DescribeTaskDefinition)
	handle(svc, t, "DeregisterTaskDefinition", s.DeregisterTaskDefinition)
	handle(svc, t, "ListTaskDefinitions", s.ListTaskDefinitions)
	handle(svc, t, "RunTask", s.RunTask)
	handle(svc, t, "StopTask", s.StopTask)
	handle(svc, t, "ListTasks", s.ListTasks)
	handle(svc, t, "DescribeTasks", s.DescribeTasks)
	handle(svc, t, "CreateService", s.CreateService)
	handle(svc, t, "UpdateService", s.UpdateService)
	handle(svc, t, "DeleteService", s.DeleteService)
	handle(svc, t, "DescribeServices", s.DescribeServices)
	handle(svc, t, "ListServices", s.ListServices)
	handle(svc, t, "ListServiceDeployments", s.ListServiceDeployments)
	handle(svc, t, "DescribeServiceDeployments", s.DescribeServiceDeployments)
	handle(svc, t, "DescribeServiceRevisions", s.DescribeServiceRevisions)
	handle(svc, t, "StopServiceDeployment", s.StopServiceDeployment)
	handle(svc, t, "ContinueServiceDeployment", s.ContinueServiceDeployment)
	handle(svc, t, "TagResource", s.TagResource)
	handle(svc, t, "UntagResource", s.UntagResource)
	handle(svc, t, "ListTagsForResource", s.ListTagsForResource)
	return svc
}
