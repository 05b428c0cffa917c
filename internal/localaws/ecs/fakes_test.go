package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/container"
	"github.com/org/shipkit/internal/localaws/ecs"
	"github.com/org/shipkit/internal/localaws/wire"
)

// engine runs containers that do what their image's tag says: "crash" exits with 1 after a second, "done" with 0, "oom" is
// killed, "missing" cannot be pulled, "broken" cannot be started, "sick" fails its health checks; all others run.
type engine struct {
	mu   sync.Mutex
	port int
	pods int
	env  map[string][]string // of the last container, by image tag
}

func (e *engine) Pull(_ context.Context, ref, _ string) (container.Image, error) {
	if strings.HasSuffix(ref, ":missing") {
		return container.Image{}, &container.PullError{Ref: ref, Reason: "failed to resolve ref " + ref + ": " + ref + ": not found"}
	}
	tag := ref[strings.LastIndexAny(ref, ":@")+1:]
	return container.Image{Ref: tag, Digest: tag}, nil
}

func (e *engine) Pod(context.Context, container.PodSpec) (container.Pod, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pods++
	e.port++
	return &pod{e, 20000 + e.port}, nil
}

func (e *engine) Close() error { return nil }

type pod struct {
	*engine
	port int
}

func (p *pod) HostPort(int) int { return p.port }

func (p *pod) Remove(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pods--
	return nil
}

func (p *pod) Start(_ context.Context, spec container.Spec) (container.Container, error) {
	if spec.Image.Ref == "broken" {
		return nil, errors.New("exec: \"/nothing\": executable file not found")
	}
	p.mu.Lock()
	if p.env == nil {
		p.env = map[string][]string{}
	}
	p.env[spec.Image.Ref] = spec.Env
	p.mu.Unlock()
	c := &fakeContainer{tag: spec.Image.Ref, ended: make(chan container.Exit, 1)}
	if spec.Log != nil {
		spec.Log("hello from " + spec.Image.Ref)
	}
	switch spec.Image.Ref {
	case "crash":
		time.AfterFunc(time.Second, func() { c.end(container.Exit{Code: 1}) })
	case "done":
		time.AfterFunc(time.Second, func() { c.end(container.Exit{}) })
	case "oom":
		time.AfterFunc(time.Second, func() { c.end(container.Exit{Code: 137, OOM: true}) })
	}
	return c, nil
}

type fakeContainer struct {
	tag   string
	once  sync.Once
	ended chan container.Exit
}

func (c *fakeContainer) ID() string { return "fake" }

func (c *fakeContainer) end(e container.Exit) { c.once.Do(func() { c.ended <- e }) }

func (c *fakeContainer) Wait(context.Context) (container.Exit, error) { return <-c.ended, nil }

func (c *fakeContainer) Exec(context.Context, []string) (int, string, error) {
	if c.tag == "sick" {
		return 1, "", nil
	}
	return 0, "", nil
}

func (c *fakeContainer) Stop(context.Context, time.Duration) error {
	c.end(container.Exit{Code: 143})
	return nil
}

// balancer keeps targets, all healthy, and the weights of rules.
type balancer struct {
	mu      sync.Mutex
	targets map[string]map[int32]bool
	weights map[string]map[string]int32
	sick    bool
}

func newBalancer() *balancer {
	return &balancer{targets: map[string]map[int32]bool{}, weights: map[string]map[string]int32{}}
}

func (b *balancer) RegisterTargets(_ context.Context, in *elb.RegisterTargetsInput) (*elb.RegisterTargetsOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.targets[*in.TargetGroupArn] == nil {
		b.targets[*in.TargetGroupArn] = map[int32]bool{}
	}
	b.targets[*in.TargetGroupArn][*in.Targets[0].Port] = true
	return &elb.RegisterTargetsOutput{}, nil
}

func (b *balancer) DeregisterTargets(_ context.Context, in *elb.DeregisterTargetsInput) (*elb.DeregisterTargetsOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.targets[*in.TargetGroupArn], *in.Targets[0].Port)
	return &elb.DeregisterTargetsOutput{}, nil
}

func (b *balancer) DescribeTargetHealth(_ context.Context, in *elb.DescribeTargetHealthInput) (*elb.DescribeTargetHealthOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	health := &elbtypes.TargetHealth{State: elbtypes.TargetHealthStateEnumUnused}
	if b.targets[*in.TargetGroupArn][*in.Targets[0].Port] {
		health.State = elbtypes.TargetHealthStateEnumHealthy
		if b.sick {
			health.State, health.Description = elbtypes.TargetHealthStateEnumUnhealthy, aws.String("Health checks failed")
		}
	}
	return &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: []elbtypes.TargetHealthDescription{{TargetHealth: health}}}, nil
}

func (b *balancer) DescribeTargetGroups(_ context.Context, in *elb.DescribeTargetGroupsInput) (*elb.DescribeTargetGroupsOutput, error) {
	if in.TargetGroupArns[0] == "none" {
		return nil, errors.New("not found")
	}
	return &elb.DescribeTargetGroupsOutput{TargetGroups: []elbtypes.TargetGroup{{LoadBalancerArns: []string{"lb"}}}}, nil
}

func (b *balancer) DescribeRules(context.Context, *elb.DescribeRulesInput) (*elb.DescribeRulesOutput, error) {
	return &elb.DescribeRulesOutput{}, nil
}

func (b *balancer) ModifyRule(_ context.Context, in *elb.ModifyRuleInput) (*elb.ModifyRuleOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.weights[*in.RuleArn] = map[string]int32{}
	for _, t := range in.Actions[0].ForwardConfig.TargetGroups {
		b.weights[*in.RuleArn][*t.TargetGroupArn] = *t.Weight
	}
	return &elb.ModifyRuleOutput{}, nil
}

func (b *balancer) rule(arn string) map[string]int32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.weights[arn])
}

// alarms are the names of the alarms in ALARM.
type alarms struct {
	mu    sync.Mutex
	names map[string]bool
}

func (a *alarms) ring(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.names[name] = true
}

func (a *alarms) DescribeAlarms(_ context.Context, in *cloudwatch.DescribeAlarmsInput) (*cloudwatch.DescribeAlarmsOutput, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := &cloudwatch.DescribeAlarmsOutput{}
	for _, name := range in.AlarmNames {
		if a.names[name] {
			out.MetricAlarms = append(out.MetricAlarms, cwtypes.MetricAlarm{AlarmName: &name})
		}
	}
	return out, nil
}

// values are secrets.
type values map[string]string

func (v values) Value(_ wire.Identity, ref string) (string, error) {
	if value, ok := v[ref]; ok {
		return value, nil
	}
	return "", wire.Errorf("ResourceNotFoundException", 400, "Secrets Manager can't find the specified secret.")
}

// logs is one log group, /shop.
type logs struct {
	mu    sync.Mutex
	lines map[string][]string
}

func (l *logs) HasGroup(_ wire.Identity, group string) bool { return group == "/shop" }

func (l *logs) Append(_ wire.Identity, _, stream string, _ time.Time, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines[stream] = append(l.lines[stream], line)
}

// world is ECS on fakes, with a cluster "shop" and a task definition "web" whose revision n has the image tag that the n-th
// argument of in gives.
type world struct {
	*ecs.Service
	t        *testing.T
	engine   *engine
	balancer *balancer
	alarms   *alarms
	logs     *logs
	step     time.Duration // between two looks
}

// in runs a test in simulated time that costs nothing.
func in(t *testing.T, tags []string, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		w := &world{t: t, step: time.Second, engine: &engine{}, balancer: newBalancer(), alarms: &alarms{names: map[string]bool{}},
			logs: &logs{lines: map[string][]string{}}}
		w.Service = ecs.New(ecs.Deps{
			Clock: c, Engine: w.engine, Balancer: w.balancer, Alarms: w.alarms, Logs: w.logs,
			Parameters: values{"/shop/key": "from-ssm"},
			Secrets:    values{"arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf": "from-sm"},
		})
		must(w.CreateCluster(t.Context(), &awsecs.CreateClusterInput{ClusterName: aws.String("shop")}))
		for _, tag := range tags {
			w.register(tag, nil)
		}
		defer func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			if w.engine.pods != 0 {
				t.Errorf("%d pods are left", w.engine.pods)
			}
			c.Close()
		}()
		test(w)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// register adds a revision of the task definition web.
func (w *world) register(tag string, change func(*types.ContainerDefinition)) {
	d := types.ContainerDefinition{
		Name: aws.String("web"), Image: aws.String("registry/web:" + tag), Memory: aws.Int32(128),
		PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(8080)}},
		HealthCheck:  &types.HealthCheck{Command: []string{"CMD", "/web", "check"}, Interval: aws.Int32(5)},
	}
	if change != nil {
		change(&d)
	}
	must(w.RegisterTaskDefinition(w.t.Context(), &awsecs.RegisterTaskDefinitionInput{
		Family: aws.String("web"), ContainerDefinitions: []types.ContainerDefinition{d},
	}))
}

// create makes the service web of 2 tasks at revision 1, and waits until it stands.
func (w *world) create(change func(*awsecs.CreateServiceInput)) {
	w.t.Helper()
	input := &awsecs.CreateServiceInput{
		Cluster: aws.String("shop"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web:1"), DesiredCount: aws.Int32(2),
		DeploymentConfiguration: &types.DeploymentConfiguration{
			DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true},
		},
	}
	if change != nil {
		change(input)
	}
	must(w.CreateService(w.t.Context(), input))
	w.await(types.ServiceDeploymentStatusSuccessful)
}

// deploy updates the service to a revision.
func (w *world) deploy(revision int) {
	w.t.Helper()
	must(w.UpdateService(w.t.Context(), &awsecs.UpdateServiceInput{
		Cluster: aws.String("shop"), Service: aws.String("web"), TaskDefinition: aws.String(fmt.Sprintf("web:%d", revision)),
	}))
}

// service describes the service web.
func (w *world) service() types.Service {
	w.t.Helper()
	return must(w.DescribeServices(w.t.Context(), &awsecs.DescribeServicesInput{
		Cluster: aws.String("shop"), Services: []string{"web"},
	})).Services[0]
}

// deployment describes the newest service deployment.
func (w *world) deployment() types.ServiceDeployment {
	w.t.Helper()
	list := must(w.ListServiceDeployments(w.t.Context(), &awsecs.ListServiceDeploymentsInput{
		Cluster: aws.String("shop"), Service: aws.String("web"),
	}))
	return must(w.DescribeServiceDeployments(w.t.Context(), &awsecs.DescribeServiceDeploymentsInput{
		ServiceDeploymentArns: []string{*list.ServiceDeployments[0].ServiceDeploymentArn},
	})).ServiceDeployments[0]
}

// await waits until the newest service deployment has a status. look is called at every step on the way.
func (w *world) await(want types.ServiceDeploymentStatus, look ...func(types.ServiceDeployment)) types.ServiceDeployment {
	w.t.Helper()
	return w.until(func(d types.ServiceDeployment) bool { return d.Status == want }, look...)
}

func (w *world) until(done func(types.ServiceDeployment) bool, look ...func(types.ServiceDeployment)) types.ServiceDeployment {
	w.t.Helper()
	var d types.ServiceDeployment
	for range 2 * 60 * 60 {
		d = w.deployment()
		for _, f := range look {
			f(d)
		}
		if done(d) {
			return d
		}
		time.Sleep(w.step)
	}
	w.t.Fatalf("after two hours the deployment is %s at %s (%s)", d.Status, d.LifecycleStage, aws.ToString(d.StatusReason))
	return d
}

// images counts the running tasks of the service by image tag.
func (w *world) images() map[string]int {
	w.t.Helper()
	list := must(w.ListTasks(w.t.Context(), &awsecs.ListTasksInput{Cluster: aws.String("shop"), ServiceName: aws.String("web")}))
	count := map[string]int{}
	if len(list.TaskArns) == 0 {
		return count
	}
	for _, t := range must(w.DescribeTasks(w.t.Context(), &awsecs.DescribeTasksInput{Cluster: aws.String("shop"), Tasks: list.TaskArns})).Tasks {
		if *t.LastStatus == "RUNNING" {
			count[strings.TrimPrefix(*t.Containers[0].Image, "registry/web:")]++
		}
	}
	return count
}

// stopped describes the stopped tasks, newest first.
func (w *world) stopped() []types.Task {
	w.t.Helper()
	list := must(w.ListTasks(w.t.Context(), &awsecs.ListTasksInput{Cluster: aws.String("shop"), DesiredStatus: types.DesiredStatusStopped}))
	if len(list.TaskArns) == 0 {
		return nil
	}
	return must(w.DescribeTasks(w.t.Context(), &awsecs.DescribeTasksInput{Cluster: aws.String("shop"), Tasks: list.TaskArns})).Tasks
}

// events are the messages of the service, oldest first.
func (w *world) events() string {
	var b strings.Builder
	events := w.service().Events
	for i := len(events) - 1; i >= 0; i-- {
		b.WriteString(*events[i].Message + "\n")
	}
	return b.String()
}
