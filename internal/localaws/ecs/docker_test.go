package ecs_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	awselb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/container"
	"github.com/org/shipkit/internal/localaws/ecr"
	"github.com/org/shipkit/internal/localaws/ecs"
	"github.com/org/shipkit/internal/localaws/elb"
	"github.com/org/shipkit/internal/localaws/registry"
)

// machine is ECS on containers of this machine, 60 times as fast as time, with its registry and a load balancer in
// front of the service web: production at url, test traffic at testURL.
type machine struct {
	world
	ecr                *ecr.Service
	elb                *elb.Service
	url, testURL       string
	blue, green        string
	production, tester string
}

// onDocker is a machine whose containers run on the Docker engine.
func onDocker(t *testing.T) *machine {
	t.Helper()
	return newMachine(t, func(r container.Registry) (container.Engine, error) {
		engine, err := container.NewDocker(t.Context(), r)
		if err != nil {
			return nil, fmt.Errorf("this test needs a Docker engine (Debian: apt-get install docker.io; then dockerd): %w", err)
		}
		return engine, nil
	})
}

// newMachine is a machine whose containers run on another engine.
func newMachine(t *testing.T, start func(container.Registry) (container.Engine, error)) *machine {
	t.Helper()
	c := clock.New(60)
	t.Cleanup(c.Close)
	m := &machine{ecr: ecr.New(c.Now), elb: elb.New(c)}
	r := must(registry.Start(t.Context(), registry.Options{Auth: m.ecr.Auth(), Policy: m.ecr}))
	t.Cleanup(func() { _ = r.Close() })
	m.ecr.Attach(r)
	engine, err := start(m.ecr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { _ = m.elb.Close() })
	m.t, m.step, m.logs = t, 20*time.Millisecond, &logs{lines: map[string][]string{}}
	m.Service = ecs.New(ecs.Deps{Clock: c, Engine: engine, Balancer: m.elb, Logs: m.logs, Parameters: values{"/shop/key": "from-ssm"}})
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	must(m.CreateCluster(t.Context(), &awsecs.CreateClusterInput{ClusterName: aws.String("shop")}))
	must(m.ecr.CreateRepository(t.Context(), &awsecr.CreateRepositoryInput{RepositoryName: aws.String("web")}))
	m.balance()
	return m
}

// balance makes a load balancer with two target groups and two listeners.
func (m *machine) balance() {
	ctx := m.t.Context()
	lb := must(m.elb.CreateLoadBalancer(ctx, &awselb.CreateLoadBalancerInput{Name: aws.String("shop")})).LoadBalancers[0]
	for name, arn := range map[string]*string{"blue": &m.blue, "green": &m.green} {
		group := must(m.elb.CreateTargetGroup(ctx, &awselb.CreateTargetGroupInput{
			Name: aws.String(name), TargetType: elbtypes.TargetTypeEnumIp, Port: aws.Int32(8080),
			HealthCheckPath: aws.String("/healthz"), HealthCheckIntervalSeconds: aws.Int32(5),
		})).TargetGroups[0]
		*arn = *group.TargetGroupArn
	}
	listen := func(port int32, group string) (url, rule string) {
		l := must(m.elb.CreateListener(ctx, &awselb.CreateListenerInput{
			LoadBalancerArn: lb.LoadBalancerArn, Port: aws.Int32(port), Protocol: elbtypes.ProtocolEnumHttp,
			DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: aws.String(group)}},
		})).Listeners[0]
		rules := must(m.elb.DescribeRules(ctx, &awselb.DescribeRulesInput{ListenerArn: l.ListenerArn})).Rules
		return m.elb.ListenerURL(*l.ListenerArn), *rules[0].RuleArn
	}
	m.url, m.production = listen(80, m.blue)
	m.testURL, m.tester = listen(8080, m.green)
}

// push pushes an image and registers a revision of the task definition web with it.
func (m *machine) push(version string, w image.Web, change func(*types.ContainerDefinition)) {
	m.t.Helper()
	token := must(m.ecr.GetAuthorizationToken(m.t.Context(), &awsecr.GetAuthorizationTokenInput{})).AuthorizationData[0]
	user, password, _ := strings.Cut(string(must(base64.StdEncoding.DecodeString(*token.AuthorizationToken))), ":")
	w.Version = version
	ref := m.ecr.Host() + "/web:" + version
	if _, err := image.Push(m.t.Context(), ref, w, remote.WithAuth(&authn.Basic{Username: user, Password: password})); err != nil {
		m.t.Fatal(err)
	}
	m.register(version, func(d *types.ContainerDefinition) {
		d.Image, d.HealthCheck = aws.String(ref), nil
		d.LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
			"awslogs-group": "/shop", "awslogs-stream-prefix": "web", "awslogs-region": "eu-west-1",
		}}
		if change != nil {
			change(d)
		}
	})
}

// serve makes the service web of 2 tasks behind the load balancer.
func (m *machine) serve(change func(c *types.DeploymentConfiguration)) {
	m.t.Helper()
	m.create(func(in *awsecs.CreateServiceInput) {
		behind(in)
		lb := &in.LoadBalancers[0]
		lb.TargetGroupArn, lb.AdvancedConfiguration.AlternateTargetGroupArn = aws.String(m.blue), aws.String(m.green)
		lb.AdvancedConfiguration.ProductionListenerRule = aws.String(m.production)
		lb.AdvancedConfiguration.TestListenerRule = aws.String(m.tester)
		if change != nil {
			change(in.DeploymentConfiguration)
		}
	})
}

func get(ctx context.Context, url string) (int, string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(body))
}

// underLoad sends requests until the returned function is called, which tells how many were answered, and how many not with 200.
func underLoad(t *testing.T, url string) (stop func() (answered, failed int64)) {
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var answered, failed atomic.Int64
	for range 2 {
		group.Go(func() {
			for ctx.Err() == nil {
				if status, _ := get(t.Context(), url); status != http.StatusOK {
					failed.Add(1)
				}
				answered.Add(1)
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	return func() (int64, int64) {
		cancel()
		group.Wait()
		return answered.Load(), failed.Load()
	}
}

// TestRollingOnDocker replaces two containers behind the load balancer without a failed request.
func TestRollingOnDocker(t *testing.T) {
	m := onDocker(t)
	m.push("v1", image.Web{}, func(d *types.ContainerDefinition) {
		d.Secrets = []types.Secret{{Name: aws.String("KEY"), ValueFrom: aws.String("/shop/key")}}
	})
	m.push("v2", image.Web{}, nil)
	m.serve(nil)
	if _, body := get(t.Context(), m.url+"/env?name=KEY"); body != "from-ssm" {
		t.Errorf("the secret is %q", body)
	}
	stop := underLoad(t, m.url+"/version")
	m.deploy(2)
	d := m.await(types.ServiceDeploymentStatusSuccessful)
	answered, failed := stop()
	if failed != 0 || answered == 0 {
		t.Errorf("%d of %d requests failed", failed, answered)
	}
	t.Logf("%d requests during a rolling update that took %s of simulated time", answered, d.FinishedAt.Sub(*d.StartedAt))
	if _, body := get(t.Context(), m.url+"/version"); body != `{"version":"v2"}` {
		t.Errorf("version %s", body)
	}
	task := m.stopped()[0]
	stream := "web/web/" + (*task.TaskArn)[strings.LastIndex(*task.TaskArn, "/")+1:]
	m.logs.mu.Lock()
	lines := strings.Join(m.logs.lines[stream], "\n")
	m.logs.mu.Unlock()
	contains(t, lines, "web v1 starts, mode ok", "stopping")
	if *task.Containers[0].ExitCode != 0 {
		t.Errorf("a container that finished its requests ended with %d", *task.Containers[0].ExitCode)
	}
}

// TestCanaryOnDocker measures the canary's share of requests.
func TestCanaryOnDocker(t *testing.T) {
	m := onDocker(t)
	m.push("v1", image.Web{}, nil)
	m.push("v2", image.Web{}, nil)
	m.serve(func(c *types.DeploymentConfiguration) {
		c.Strategy, c.BakeTimeInMinutes = types.DeploymentStrategyCanary, aws.Int32(1)
		c.CanaryConfiguration = &types.CanaryConfiguration{CanaryPercent: aws.Float64(20), CanaryBakeTimeInMinutes: aws.Int32(3)}
	})
	stop := underLoad(t, m.url+"/version")
	m.deploy(2)
	m.until(func(d types.ServiceDeployment) bool {
		return *d.TargetServiceRevision.RequestedProductionTrafficWeight == 20
	})
	counts := map[string]int{}
	for range 200 {
		_, body := get(t.Context(), m.url+"/version")
		counts[body]++
	}
	if n := counts[`{"version":"v2"}`]; n < 30 || n > 50 {
		t.Errorf("a canary of 20 percent got %v of 200 requests", counts)
	}
	if _, body := get(t.Context(), m.testURL+"/version"); body != `{"version":"v2"}` {
		t.Errorf("test traffic goes to %s", body)
	}
	m.await(types.ServiceDeploymentStatusSuccessful)
	if answered, failed := stop(); failed != 0 || answered == 0 {
		t.Errorf("%d of %d requests failed", failed, answered)
	}
	if _, body := get(t.Context(), m.url+"/version"); body != `{"version":"v2"}` {
		t.Errorf("version %s", body)
	}
}

// TestFailuresOnDocker deploys images that fail in their own ways; production is answered all the time.
func TestFailuresOnDocker(t *testing.T) {
	m := onDocker(t)
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	m.push("v1", image.Web{}, nil)
	cases := []struct {
		name   string
		web    image.Web
		reason string
		exit   int32
	}{
		{"exit", image.Web{Mode: "exit:3"}, "^Essential container in task exited$", 3},
		{"oom", image.Web{Mode: "oom"}, "^Essential container in task exited$", 137},
		{"mute", image.Web{Mode: "mute"}, `^Task failed ELB health checks in \(target-group arn:`, -1},
		{"arch", image.Web{Platform: "linux/" + other},
			"^CannotPullContainerError: .*does not contain descriptor matching platform 'linux/" + runtime.GOARCH + "'$", -1},
		{"foreign", image.Web{Platform: "linux/" + runtime.GOARCH, Arch: other}, "^Essential container in task exited$", 1},
	}
	for _, c := range cases {
		m.push(c.name, c.web, func(d *types.ContainerDefinition) { d.Memory = aws.Int32(64) })
	}
	m.serve(func(c *types.DeploymentConfiguration) {
		c.DeploymentCircuitBreaker.ThresholdConfiguration = &types.ThresholdConfiguration{Type: types.ThresholdTypeCount, Value: 2}
	})
	stop := underLoad(t, m.url+"/version")
	for i, c := range cases {
		m.deploy(i + 2)
		m.await(types.ServiceDeploymentStatusRollbackSuccessful)
		failed := types.Task{}
		for _, task := range m.stopped() {
			if strings.HasSuffix(*task.TaskDefinitionArn, fmt.Sprintf("web:%d", i+2)) && !strings.HasPrefix(*task.StoppedReason, "Scaling") {
				failed = task
			}
		}
		contains(t, *failed.StoppedReason, c.reason)
		if code := failed.Containers[0].ExitCode; c.exit >= 0 && (code == nil || *code != c.exit) {
			t.Errorf("%s: exit code %v, want %d", c.name, code, c.exit)
		}
	}
	if answered, failed := stop(); failed != 0 || answered == 0 {
		t.Errorf("%d of %d requests failed", failed, answered)
	}
}
