package ecsdeploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	aastypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"

	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

const (
	arnPrefix   = "arn:aws:ecs:eu-west-1:123456789012:"
	clusterARN  = arnPrefix + "cluster/shop"
	digestA     = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB     = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	servingFile = `{"family":"web","containerDefinitions":[{"name":"web","image":"registry.example/web@` + digestA + `",
		"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"/web","awslogs-stream-prefix":"ecs"}}}]}`
)

// course is what ECS does with a deployment: it changes what a look at a given
// time after the start shows.
type course func(elapsed time.Duration, d *types.ServiceDeployment)

// fakeAWS answers as AWS would for services of one cluster. Time is that of
// the test's bubble.
type fakeAWS struct {
	mu          sync.Mutex
	calls       []string
	definitions map[string]*taskdef.Document
	inactive    map[string]bool
	services    []*types.Service
	deployments []*fakeDeployment
	course      map[string]course // by service name
	tasks       []types.Task
	logs        map[string][]string
	health      []elbtypes.TargetHealth
	refuse      map[string]error // by operation
	ran         []*ecs.RunTaskInput
	runTask     types.Task
	targets     []aastypes.ScalableTarget
	policies    []aastypes.ScalingPolicy
	alarms      []cwtypes.MetricAlarm
	noSecrets   []string
	roles       map[string]bool
	images      map[string]Image
	updates     []*ecs.UpdateServiceInput
	onCall      func(operation string)
}

type fakeDeployment struct {
	d        types.ServiceDeployment
	service  *types.Service
	td       string
	before   string
	began    time.Time
	stopped  time.Time // when a rollback was asked for
	newer    bool
	answered map[string]bool
}

func newFake(t testing.TB) *fakeAWS {
	t.Helper()
	f := &fakeAWS{
		definitions: map[string]*taskdef.Document{}, inactive: map[string]bool{}, course: map[string]course{}, refuse: map[string]error{},
		logs: map[string][]string{}, roles: map[string]bool{}, images: map[string]Image{},
	}
	f.define(t, servingFile)
	f.addService("web", 2)
	f.images["registry.example/web:2"] = Image{Ref: "registry.example/web@" + digestB, Digest: digestB, Platforms: []string{"linux/amd64"}, Revision: "c0ffee2"}
	f.images["registry.example/web@"+digestA] = Image{Ref: "registry.example/web@" + digestA, Digest: digestA, Revision: "c0ffee1"}
	return f
}

func (f *fakeAWS) clients() *Clients {
	return &Clients{
		TaskDefinitions: f, Services: f, Deployments: f, Tasks: f, Logs: f, Targets: f, Parameters: f, Secrets: f,
		Roles: f, Alarms: f, Autoscaling: f, Images: f, Region: "eu-west-1", Account: "123456789012",
		Caller: "arn:aws:sts::123456789012:assumed-role/deploy/session",
	}
}

func (f *fakeAWS) define(t testing.TB, file string) string {
	t.Helper()
	d, err := taskdef.Parse("task.json", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return f.store(d)
}

func (f *fakeAWS) store(d *taskdef.Document) string {
	arn := fmt.Sprintf("%stask-definition/%s:%d", arnPrefix, d.Family(), len(f.definitions)+1)
	f.definitions[arn] = d
	return arn
}

func (f *fakeAWS) addService(name string, desired int32) *types.Service {
	s := &types.Service{
		ServiceName: aws.String(name), ServiceArn: aws.String(arnPrefix + "service/shop/" + name), ClusterArn: aws.String(clusterARN),
		Status: aws.String("ACTIVE"), DesiredCount: desired, RunningCount: desired, TaskDefinition: aws.String(arnPrefix + "task-definition/web:1"),
		Deployments: []types.Deployment{{
			Id: aws.String("ecs-svc/0" + name), Status: aws.String("PRIMARY"), DesiredCount: desired, RunningCount: desired,
			TaskDefinition: aws.String(arnPrefix + "task-definition/web:1"), RolloutState: types.DeploymentRolloutStateCompleted,
		}},
	}
	f.services = append(f.services, s)
	return s
}

// call counts a call and answers with the refusal set for it.
func (f *fakeAWS) call(name string) error {
	if f.onCall != nil {
		f.onCall(name)
	}
	f.calls = append(f.calls, name)
	return f.refuse[name]
}

func (f *fakeAWS) count(name string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, call := range f.calls {
		if call == name {
			n++
		}
	}
	return n
}

func apiError(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message}
}

func (f *fakeAWS) service(name string) *types.Service {
	for _, s := range f.services {
		if aws.ToString(s.ServiceName) == name || aws.ToString(s.ServiceArn) == name {
			return s
		}
	}
	return nil
}

func (f *fakeAWS) DescribeTaskDefinition(_ context.Context, in *ecs.DescribeTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("DescribeTaskDefinition"); err != nil {
		return nil, err
	}
	name := *in.TaskDefinition
	if !strings.HasPrefix(name, "arn:") {
		name = arnPrefix + "task-definition/" + name
	}
	d := f.definitions[name]
	if d == nil {
		return nil, apiError("ClientException", "Unable to describe task definition.")
	}
	register, err := d.Input()
	if err != nil {
		return nil, err
	}
	out := &types.TaskDefinition{
		TaskDefinitionArn: aws.String(name), Family: register.Family, ContainerDefinitions: register.ContainerDefinitions,
		Cpu: register.Cpu, Memory: register.Memory, ExecutionRoleArn: register.ExecutionRoleArn, TaskRoleArn: register.TaskRoleArn,
		RuntimePlatform: register.RuntimePlatform, Status: types.TaskDefinitionStatusActive,
	}
	if f.inactive[name] {
		out.Status = types.TaskDefinitionStatusInactive
	}
	return &ecs.DescribeTaskDefinitionOutput{TaskDefinition: out}, nil
}

func (f *fakeAWS) RegisterTaskDefinition(_ context.Context, in *ecs.RegisterTaskDefinitionInput, _ ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("RegisterTaskDefinition"); err != nil {
		return nil, err
	}
	arn := fmt.Sprintf("%stask-definition/%s:%d", arnPrefix, *in.Family, len(f.definitions)+1)
	d, err := taskdef.FromAPI(&types.TaskDefinition{Family: in.Family, ContainerDefinitions: in.ContainerDefinitions, Cpu: in.Cpu}, nil)
	if err != nil {
		return nil, err
	}
	f.definitions[arn] = d
	return &ecs.RegisterTaskDefinitionOutput{TaskDefinition: &types.TaskDefinition{TaskDefinitionArn: aws.String(arn)}}, nil
}

func (f *fakeAWS) DescribeClusters(_ context.Context, in *ecs.DescribeClustersInput, _ ...func(*ecs.Options)) (*ecs.DescribeClustersOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("DescribeClusters"); err != nil {
		return nil, err
	}
	if in.Clusters[0] != "shop" {
		return &ecs.DescribeClustersOutput{}, nil
	}
	return &ecs.DescribeClustersOutput{Clusters: []types.Cluster{{ClusterArn: aws.String(clusterARN), Status: aws.String("ACTIVE")}}}, nil
}

func (f *fakeAWS) DescribeServices(_ context.Context, in *ecs.DescribeServicesInput, _ ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("DescribeServices"); err != nil {
		return nil, err
	}
	out := &ecs.DescribeServicesOutput{}
	for _, name := range in.Services {
		s := f.service(name)
		if s == nil {
			out.Failures = append(out.Failures, types.Failure{Arn: aws.String(name), Reason: aws.String("MISSING")})
			continue
		}
		f.advance()
		copied := *s
		copied.Deployments = slices.Clone(s.Deployments)
		out.Services = append(out.Services, copied)
	}
	return out, nil
}

func (f *fakeAWS) UpdateService(_ context.Context, in *ecs.UpdateServiceInput, _ ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("UpdateService"); err != nil {
		return nil, err
	}
	s := f.service(*in.Service)
	if err := f.refuse["UpdateService "+*s.ServiceName]; err != nil {
		return nil, err
	}
	f.updates = append(f.updates, in)
	before := *s.TaskDefinition
	for _, other := range f.deployments {
		if other.service == s {
			other.newer = true
		}
	}
	if in.DeploymentConfiguration != nil {
		s.DeploymentConfiguration = in.DeploymentConfiguration
	}
	n := len(f.deployments) + 1
	d := &fakeDeployment{service: s, td: *in.TaskDefinition, before: before, began: time.Now(), answered: map[string]bool{}}
	d.d = types.ServiceDeployment{
		ServiceDeploymentArn: aws.String(fmt.Sprintf("%sservice-deployment/shop/%s/d%d", arnPrefix, *s.ServiceName, n)),
		ServiceArn:           s.ServiceArn, CreatedAt: aws.Time(time.Now()), Status: types.ServiceDeploymentStatusInProgress,
		TargetServiceRevision:  &types.ServiceRevisionSummary{Arn: aws.String(fmt.Sprintf("rev%d", n)), RequestedTaskCount: s.DesiredCount},
		SourceServiceRevisions: []types.ServiceRevisionSummary{{Arn: aws.String("rev-before"), RunningTaskCount: s.DesiredCount}},
	}
	f.deployments = append(f.deployments, d)
	s.TaskDefinition = in.TaskDefinition
	s.Deployments = []types.Deployment{
		{Id: aws.String(fmt.Sprintf("ecs-svc/%d", n)), Status: aws.String("PRIMARY"), TaskDefinition: in.TaskDefinition, CreatedAt: aws.Time(time.Now()), DesiredCount: s.DesiredCount, RolloutState: types.DeploymentRolloutStateInProgress},
		{Id: s.Deployments[0].Id, Status: aws.String("ACTIVE"), TaskDefinition: aws.String(before), RunningCount: s.DesiredCount, DesiredCount: s.DesiredCount},
	}
	copied := *s
	copied.Deployments = slices.Clone(s.Deployments)
	return &ecs.UpdateServiceOutput{Service: &copied}, nil
}

// rollbackLasts is how long the fake takes to roll back.
const rollbackLasts = 20 * time.Second

// advance brings every deployment to the present.
func (f *fakeAWS) advance() {
	for _, d := range f.deployments {
		switch {
		case d.newer:
			if d.d.Status == types.ServiceDeploymentStatusInProgress {
				d.d.Status = types.ServiceDeploymentStatusStopped
			}
			continue
		case !d.stopped.IsZero():
			d.d.Status = types.ServiceDeploymentStatusRollbackInProgress
			if time.Since(d.stopped) >= rollbackLasts {
				d.d.Status = types.ServiceDeploymentStatusRollbackSuccessful
			}
		default:
			if c := f.course[*d.service.ServiceName]; c != nil && d.td != arnPrefix+"task-definition/web:1" {
				c(time.Since(d.began), &d.d)
			} else if time.Since(d.began) > 10*time.Second {
				d.d.Status = types.ServiceDeploymentStatusSuccessful
			}
		}
		p := &d.service.Deployments[0]
		p.RunningCount = d.d.TargetServiceRevision.RunningTaskCount
		switch d.d.Status {
		case types.ServiceDeploymentStatusRollbackSuccessful:
			d.service.TaskDefinition, p.TaskDefinition = aws.String(d.before), aws.String(d.before)
			p.RunningCount = p.DesiredCount
		case types.ServiceDeploymentStatusSuccessful:
			p.RunningCount, p.RolloutState = p.DesiredCount, types.DeploymentRolloutStateCompleted
		}
	}
}

func (f *fakeAWS) deployment(arn string) *fakeDeployment {
	for _, d := range f.deployments {
		if *d.d.ServiceDeploymentArn == arn {
			return d
		}
	}
	return nil
}

func (f *fakeAWS) ListServiceDeployments(_ context.Context, in *ecs.ListServiceDeploymentsInput, _ ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("ListServiceDeployments"); err != nil {
		return nil, err
	}
	f.advance()
	out := &ecs.ListServiceDeploymentsOutput{}
	for _, d := range f.deployments {
		if *d.service.ServiceArn != *in.Service || len(in.Status) > 0 && !slices.Contains(in.Status, d.d.Status) ||
			in.CreatedAt != nil && in.CreatedAt.After != nil && d.d.CreatedAt.Before(*in.CreatedAt.After) {
			continue
		}
		out.ServiceDeployments = append(out.ServiceDeployments, types.ServiceDeploymentBrief{
			ServiceDeploymentArn: d.d.ServiceDeploymentArn, CreatedAt: d.d.CreatedAt, Status: d.d.Status,
			TargetServiceRevisionArn: d.d.TargetServiceRevision.Arn,
		})
	}
	return out, nil
}

func (f *fakeAWS) DescribeServiceDeployments(_ context.Context, in *ecs.DescribeServiceDeploymentsInput, _ ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("DescribeServiceDeployments"); err != nil {
		return nil, err
	}
	f.advance()
	out := &ecs.DescribeServiceDeploymentsOutput{}
	for _, arn := range in.ServiceDeploymentArns {
		if d := f.deployment(arn); d != nil {
			copied := d.d
			copied.LifecycleHookDetails = slices.DeleteFunc(slices.Clone(d.d.LifecycleHookDetails), func(h types.DeploymentLifecycleHookDetail) bool {
				return d.answered[*h.HookId]
			})
			revision := *d.d.TargetServiceRevision
			copied.TargetServiceRevision = &revision
			out.ServiceDeployments = append(out.ServiceDeployments, copied)
		}
	}
	return out, nil
}

func (f *fakeAWS) DescribeServiceRevisions(_ context.Context, in *ecs.DescribeServiceRevisionsInput, _ ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("DescribeServiceRevisions"); err != nil {
		return nil, err
	}
	out := &ecs.DescribeServiceRevisionsOutput{}
	for _, arn := range in.ServiceRevisionArns {
		definition := arnPrefix + "task-definition/web:1"
		for _, d := range f.deployments {
			if *d.d.TargetServiceRevision.Arn == arn {
				definition = d.td
			}
		}
		out.ServiceRevisions = append(out.ServiceRevisions, types.ServiceRevision{
			ServiceRevisionArn: aws.String(arn), TaskDefinition: aws.String(definition),
			ContainerImages: []types.ContainerImage{{ContainerName: aws.String("web"), ImageDigest: aws.String(digestB)}},
		})
	}
	return out, nil
}

func (f *fakeAWS) StopServiceDeployment(_ context.Context, in *ecs.StopServiceDeploymentInput, _ ...func(*ecs.Options)) (*ecs.StopServiceDeploymentOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("StopServiceDeployment"); err != nil {
		return nil, err
	}
	d := f.deployment(*in.ServiceDeploymentArn)
	if in.StopType == types.StopServiceDeploymentStopTypeRollback && d.stopped.IsZero() {
		d.stopped = time.Now()
	}
	return &ecs.StopServiceDeploymentOutput{}, nil
}

func (f *fakeAWS) ContinueServiceDeployment(_ context.Context, in *ecs.ContinueServiceDeploymentInput, _ ...func(*ecs.Options)) (*ecs.ContinueServiceDeploymentOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("ContinueServiceDeployment " + string(in.Action)); err != nil {
		return nil, err
	}
	d := f.deployment(*in.ServiceDeploymentArn)
	d.answered[*in.HookId] = true
	if in.Action == types.DeploymentLifecycleHookActionRollback {
		d.stopped = time.Now()
	} else {
		d.began = time.Now()
	}
	return &ecs.ContinueServiceDeploymentOutput{}, nil
}
