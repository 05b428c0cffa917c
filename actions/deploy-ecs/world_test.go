package deployecs_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	deployecs "github.com/org/shipkit/actions/deploy-ecs"
	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/policytest"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// world is local AWS with a service that runs v1 behind a load balancer, as
// real containers.
type world struct {
	testing.TB
	aws   *localaws.Server
	env   []string // of the action, with an access key of its own
	key   string
	ecs   *ecs.Client
	elb   *elb.Client
	auth  authn.AuthConfig
	url   string // of the load balancer
	blue  string // target groups
	green string
	rule  string
}

// newWorld starts local AWS whose clock runs factor times as fast as ours.
func newWorld(t testing.TB, factor float64) *world {
	t.Helper()
	w := start(t, localaws.Options{Factor: factor, Engine: localaws.Docker})
	w.balancer()
	return w
}

// newBareWorld has no load balancer and runs tasks as plain processes, in real
// time.
func newBareWorld(t testing.TB) *world {
	t.Helper()
	return start(t, localaws.Options{Engine: localaws.Process})
}

func start(t testing.TB, options localaws.Options) *world {
	t.Helper()
	server, err := localaws.Start(t.Context(), options)
	if err != nil {
		t.Fatalf("%v\nThis test needs a Docker engine: install docker.io and start dockerd.", err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close local AWS: %v", err)
		}
	})
	key, env := server.SessionEnv("action")
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	t.Setenv("AWS_CA_BUNDLE", "")
	t.Cleanup(func() { policytest.Covers(t, server.Calls(), key, "README.md") })
	w := &world{TB: t, aws: server, env: env, key: key, ecs: ecs.NewFromConfig(server.Config()), elb: elb.NewFromConfig(server.Config())}
	w.login()
	must(cloudwatchlogs.NewFromConfig(server.Config()).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/web")}))(t)
	must(w.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("shop")}))(t)
	return w
}

// must fails the test if a call of AWS failed, and returns its answer.
func must[T any](out T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// login makes a repository and leaves credentials where Docker's clients look.
func (w *world) login() {
	client := ecr.NewFromConfig(w.aws.Config())
	must(client.CreateRepository(w.Context(), &ecr.CreateRepositoryInput{RepositoryName: aws.String("web")}))(w)
	out := must(client.GetAuthorizationToken(w.Context(), &ecr.GetAuthorizationTokenInput{}))(w)
	token := aws.ToString(out.AuthorizationData[0].AuthorizationToken)
	pair := must(base64.StdEncoding.DecodeString(token))(w)
	w.auth.Username, w.auth.Password, _ = strings.Cut(string(pair), ":")
	config := must(json.Marshal(map[string]any{"auths": map[string]any{w.aws.Registry.Host(): map[string]string{"auth": token}}}))(w)
	dir := w.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		w.Fatal(err)
	}
	w.Setenv("DOCKER_CONFIG", dir)
}

// push makes an image and returns its reference.
func (w *world) push(tag string, web image.Web) string {
	w.Helper()
	ref := w.aws.Registry.Host() + "/web:" + tag
	if web.Version == "" {
		web.Version = tag
	}
	must(image.Push(w.Context(), ref, web, remote.WithAuth(authn.FromConfig(w.auth))))(w)
	return ref
}

// balancer makes a load balancer with two target groups and a rule.
func (w *world) balancer() {
	ctx := w.Context()
	lb := must(w.elb.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("web"), Subnets: []string{"subnet-1"}}))(w).LoadBalancers[0]
	for _, group := range []struct {
		name string
		arn  *string
	}{{"blue", &w.blue}, {"green", &w.green}} {
		out := must(w.elb.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
			Name: aws.String(group.name), Port: aws.Int32(8080), Protocol: elbtypes.ProtocolEnumHttp, TargetType: elbtypes.TargetTypeEnumIp,
			VpcId: aws.String("vpc-1"), HealthCheckPath: aws.String("/healthz"), HealthCheckIntervalSeconds: aws.Int32(5),
			HealthCheckTimeoutSeconds: aws.Int32(2), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2),
		}))(w)
		*group.arn = *out.TargetGroups[0].TargetGroupArn
		must(w.elb.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{
			TargetGroupArn: group.arn,
			Attributes:     []elbtypes.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("10")}},
		}))(w)
	}
	forward := []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, ForwardConfig: &elbtypes.ForwardActionConfig{
		TargetGroups: []elbtypes.TargetGroupTuple{{TargetGroupArn: &w.blue, Weight: aws.Int32(100)}, {TargetGroupArn: &w.green, Weight: aws.Int32(0)}},
	}}}
	listener := must(w.elb.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancerArn, Port: aws.Int32(80), Protocol: elbtypes.ProtocolEnumHttp, DefaultActions: forward,
	}))(w)
	rule := must(w.elb.CreateRule(ctx, &elb.CreateRuleInput{
		ListenerArn: listener.Listeners[0].ListenerArn, Priority: aws.Int32(1), Actions: forward,
		Conditions: []elbtypes.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/*"}}},
	}))(w)
	w.rule = *rule.Rules[0].RuleArn
	w.url = w.aws.ELB.ListenerURL(*listener.Listeners[0].ListenerArn)
}

// run creates the service on v1 and waits until it is steady.
func (w *world) run(change func(*ecs.CreateServiceInput)) {
	w.Helper()
	w.register("web", w.push("v1", image.Web{}), nil)
	in := &ecs.CreateServiceInput{
		Cluster: aws.String("shop"), ServiceName: aws.String("web"), TaskDefinition: aws.String("web"), DesiredCount: aws.Int32(2),
		LaunchType: types.LaunchTypeFargate, NetworkConfiguration: network(),
		LoadBalancers: []types.LoadBalancer{{
			TargetGroupArn: &w.blue, ContainerName: aws.String("web"), ContainerPort: aws.Int32(8080),
			AdvancedConfiguration: &types.AdvancedConfiguration{
				AlternateTargetGroupArn: &w.green, ProductionListenerRule: &w.rule, RoleArn: aws.String("arn:aws:iam::123456789012:role/ecs"),
			},
		}},
		HealthCheckGracePeriodSeconds: aws.Int32(10),
		DeploymentConfiguration:       &types.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(100), MaximumPercent: aws.Int32(200)},
	}
	if change != nil {
		change(in)
	}
	must(w.ecs.CreateService(w.Context(), in))(w)
	w.until("the service is steady", func() bool {
		d := w.describe().Deployments
		return len(d) == 1 && d[0].RolloutState == types.DeploymentRolloutStateCompleted && d[0].RunningCount == d[0].DesiredCount
	})
}

func network() *types.NetworkConfiguration {
	return &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}}
}

func (w *world) register(family, ref string, change func(*ecs.RegisterTaskDefinitionInput)) string {
	w.Helper()
	in := &ecs.RegisterTaskDefinitionInput{
		Family: aws.String(family), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc,
		RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("web"), Image: aws.String(ref), Essential: aws.Bool(true),
			PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(8080)}},
			LogConfiguration: &types.LogConfiguration{LogDriver: types.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": "/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs",
			}},
		}},
	}
	if change != nil {
		change(in)
	}
	return *must(w.ecs.RegisterTaskDefinition(w.Context(), in))(w).TaskDefinition.TaskDefinitionArn
}

func (w *world) describe() types.Service {
	w.Helper()
	out := must(w.ecs.DescribeServices(w.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("shop"), Services: []string{"web"}}))(w)
	return out.Services[0]
}

// until waits for a state of the world, at most a minute.
func (w *world) until(what string, reached func() bool) {
	w.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if reached() {
			return
		}
	}
	w.Fatalf("%s: not within a minute", what)
}

// step runs the action with polls of a second.
func (w *world) step(ctx context.Context, with map[string]string) actiontest.Result {
	w.Helper()
	all := map[string]string{"cluster": "shop", "service": "web", "wait-max-delay-seconds": "1"}
	for name, value := range with {
		all[name] = value
	}
	return actiontest.Run(ctx, w, actiontest.Step{Spec: deployecs.Spec, With: all, Env: map[string]string{"RUNNER_TEMP": w.TempDir()}})
}
