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
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	aastypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"github.com/org/shipkit/pkg/diag"
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

func (f *fakeAWS) ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("ListTasks"); err != nil {
		return nil, err
	}
	out := &ecs.ListTasksOutput{}
	for _, task := range f.tasks {
		if !task.StoppedAt.After(time.Now()) {
			out.TaskArns = append(out.TaskArns, *task.TaskArn)
		}
	}
	return out, nil
}

func (f *fakeAWS) DescribeTasks(_ context.Context, in *ecs.DescribeTasksInput, _ ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("DescribeTasks"); err != nil {
		return nil, err
	}
	out := &ecs.DescribeTasksOutput{}
	for _, task := range append(f.tasks, f.runTask) {
		if slices.Contains(in.Tasks, aws.ToString(task.TaskArn)) {
			out.Tasks = append(out.Tasks, task)
		}
	}
	return out, nil
}

func (f *fakeAWS) RunTask(_ context.Context, in *ecs.RunTaskInput, _ ...func(*ecs.Options)) (*ecs.RunTaskOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("RunTask"); err != nil {
		return nil, err
	}
	f.ran = append(f.ran, in)
	if f.runTask.TaskArn == nil {
		return &ecs.RunTaskOutput{Failures: []types.Failure{{Reason: aws.String("RESOURCE:MEMORY")}}}, nil
	}
	return &ecs.RunTaskOutput{Tasks: []types.Task{f.runTask}}, nil
}

func (f *fakeAWS) GetLogEvents(_ context.Context, in *cloudwatchlogs.GetLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("GetLogEvents"); err != nil {
		return nil, err
	}
	lines, ok := f.logs[*in.LogStreamName]
	if !ok {
		return nil, apiError("ResourceNotFoundException", "The specified log stream does not exist.")
	}
	out := &cloudwatchlogs.GetLogEventsOutput{NextForwardToken: aws.String("end")}
	if in.NextToken == nil {
		for _, line := range lines {
			out.Events = append(out.Events, logtypes.OutputLogEvent{Message: aws.String(line)})
		}
	}
	return out, nil
}

func (f *fakeAWS) DescribeLogGroups(_ context.Context, in *cloudwatchlogs.DescribeLogGroupsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("DescribeLogGroups"); err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.DescribeLogGroupsOutput{}
	if *in.LogGroupNamePrefix == "/web" {
		out.LogGroups = []logtypes.LogGroup{{LogGroupName: aws.String("/web")}}
	}
	return out, nil
}

func (f *fakeAWS) DescribeTargetHealth(context.Context, *elasticloadbalancingv2.DescribeTargetHealthInput, ...func(*elasticloadbalancingv2.Options)) (*elasticloadbalancingv2.DescribeTargetHealthOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &elasticloadbalancingv2.DescribeTargetHealthOutput{}
	for _, h := range f.health {
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, elbtypes.TargetHealthDescription{TargetHealth: &h})
	}
	return out, f.call("DescribeTargetHealth")
}

func (f *fakeAWS) GetParameters(_ context.Context, in *ssm.GetParametersInput, _ ...func(*ssm.Options)) (*ssm.GetParametersOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &ssm.GetParametersOutput{}
	for _, name := range in.Names {
		if slices.Contains(f.noSecrets, name) {
			out.InvalidParameters = append(out.InvalidParameters, name)
		}
	}
	return out, f.call("GetParameters")
}

func (f *fakeAWS) DescribeSecret(_ context.Context, in *secretsmanager.DescribeSecretInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(f.noSecrets, *in.SecretId) {
		return nil, apiError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	return &secretsmanager.DescribeSecretOutput{}, f.call("DescribeSecret")
}

func (f *fakeAWS) GetRole(_ context.Context, in *iam.GetRoleInput, _ ...func(*iam.Options)) (*iam.GetRoleOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("GetRole"); err != nil {
		return nil, err
	}
	if _, ok := f.roles[*in.RoleName]; !ok {
		return nil, &iamtypes.NoSuchEntityException{}
	}
	return &iam.GetRoleOutput{}, nil
}

func (f *fakeAWS) SimulatePrincipalPolicy(_ context.Context, in *iam.SimulatePrincipalPolicyInput, _ ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &iam.SimulatePrincipalPolicyOutput{}
	for _, arn := range in.ResourceArns {
		decision := iamtypes.PolicyEvaluationDecisionTypeImplicitDeny
		if f.roles[shortARN(arn)] {
			decision = iamtypes.PolicyEvaluationDecisionTypeAllowed
		}
		out.EvaluationResults = append(out.EvaluationResults, iamtypes.EvaluationResult{EvalDecision: decision, EvalResourceName: aws.String(arn)})
	}
	return out, f.call("SimulatePrincipalPolicy")
}

func (f *fakeAWS) DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &cloudwatch.DescribeAlarmsOutput{MetricAlarms: f.alarms}, f.call("DescribeAlarms")
}

func (f *fakeAWS) DescribeScalableTargets(context.Context, *applicationautoscaling.DescribeScalableTargetsInput, ...func(*applicationautoscaling.Options)) (*applicationautoscaling.DescribeScalableTargetsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &applicationautoscaling.DescribeScalableTargetsOutput{ScalableTargets: f.targets}, f.call("DescribeScalableTargets")
}

func (f *fakeAWS) DescribeScalingPolicies(context.Context, *applicationautoscaling.DescribeScalingPoliciesInput, ...func(*applicationautoscaling.Options)) (*applicationautoscaling.DescribeScalingPoliciesOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &applicationautoscaling.DescribeScalingPoliciesOutput{ScalingPolicies: f.policies}, f.call("DescribeScalingPolicies")
}

func (f *fakeAWS) RegisterScalableTarget(_ context.Context, in *applicationautoscaling.RegisterScalableTargetInput, _ ...func(*applicationautoscaling.Options)) (*applicationautoscaling.RegisterScalableTargetOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.targets = []aastypes.ScalableTarget{{MinCapacity: in.MinCapacity, MaxCapacity: in.MaxCapacity}}
	return &applicationautoscaling.RegisterScalableTargetOutput{}, f.call("RegisterScalableTarget")
}

func (f *fakeAWS) PutScalingPolicy(_ context.Context, in *applicationautoscaling.PutScalingPolicyInput, _ ...func(*applicationautoscaling.Options)) (*applicationautoscaling.PutScalingPolicyOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.countLocked("PutScalingPolicy") == 0 {
		f.calls = append(f.calls, "PutScalingPolicy")
		return nil, apiError("ConcurrentUpdateException", "try again")
	}
	f.policies = append(f.policies, aastypes.ScalingPolicy{PolicyName: in.PolicyName, TargetTrackingScalingPolicyConfiguration: in.TargetTrackingScalingPolicyConfiguration})
	return &applicationautoscaling.PutScalingPolicyOutput{}, f.call("PutScalingPolicy")
}

// countLocked is count for a caller that holds the lock.
func (f *fakeAWS) countLocked(name string) (n int) {
	for _, call := range f.calls {
		if call == name {
			n++
		}
	}
	return n
}

func (f *fakeAWS) Resolve(_ context.Context, ref, _, _ string) (Image, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	image, ok := f.images[ref]
	if !ok {
		return Image{}, &diag.Diagnostic{Summary: "image " + ref + " does not exist in its registry", Try: "check the name"}
	}
	return image, f.call("Resolve")
}
