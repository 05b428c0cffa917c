package ephemeralenv

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/policytest"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/action/actiontest"
	"github.com/org/shipkit/pkg/awsclient"
	cfn "github.com/org/shipkit/pkg/environment/cloudformation"
	"github.com/org/shipkit/pkg/saga"
)

const repository = "acme/shop"

// world is a local AWS with what the project shares: a cluster and a load
// balancer, and two images of the service; and a GitHub.
type world struct {
	*localaws.Server
	key      string // the action's access key
	github   *githubtest.Server
	images   map[string]string
	listener string
	url      string
	run      int
	event    string        // the payload of the event, if it matters
	ahead    time.Duration // by how much AWS's clock is ahead of the runner's
	as       string        // the repository whose runs these are, if not the usual one
}

func start(t testing.TB) *world {
	t.Helper()
	return startWith(t, localaws.Options{Factor: 20, NoData: true})
}

func startWith(t testing.TB, options localaws.Options) *world {
	t.Helper()
	server, err := localaws.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	key, env := server.SessionEnv("action")
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
	w := &world{Server: server, key: key, github: githubtest.New(t, repository), images: map[string]string{}}
	w.share(t)
	return w
}

func (w *world) share(t testing.TB) {
	t.Helper()
	ctx := t.Context()
	if _, err := w.ECR.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: new("web")}); err != nil {
		t.Fatal(err)
	}
	user, secret := w.ECR.Credentials()
	for _, version := range []string{"v1", "v2"} {
		w.images[version] = w.ECR.Host() + "/web:" + version
		if _, err := image.Push(ctx, w.images[version], image.Web{Version: version}, remote.WithAuth(&authn.Basic{Username: user, Password: secret})); err != nil {
			t.Fatal(err)
		}
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"scheduler.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	if _, err := w.IAM.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("ttl"), AssumeRolePolicyDocument: &trust}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ECS.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: new("shared")}); err != nil {
		t.Fatal(err)
	}
	balancer, err := w.ELB.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: new("shared"), Subnets: []string{"subnet-1"}})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := w.ELB.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: balancer.LoadBalancers[0].LoadBalancerArn, Port: new(int32(80)), Protocol: elbtypes.ProtocolEnumHttp,
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbtypes.FixedResponseActionConfig{StatusCode: new("503")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.listener = *listener.Listeners[0].ListenerArn
	w.url = w.ELB.ListenerURL(w.listener)
}

// step runs the action for pull request 7 as a run of its own.
func (w *world) step(t testing.TB, with map[string]string) actiontest.Result {
	t.Helper()
	return w.stepOf(t, w.spec(), with)
}

// hasty is the action for environments of which nothing takes real time: it
// moves the clock of local AWS instead of waiting.
func (w *world) hasty() action.Spec {
	return action.Define("ephemeral-env", metadata, func(ctx context.Context, rt *action.Runtime, in inputs) error {
		job, err := newJob(ctx, rt, in, connect)
		if err != nil {
			return awsclient.Explain(err)
		}
		job.hurry(leap{w.Clock})
		return awsclient.Explain(job.perform(ctx))
	})
}

func (j *job) hurry(clock saga.Clock) {
	j.manager.Options.Clock = clock
	if backend, ok := j.inner().(*cfn.Backend); ok {
		backend.Driver.Poll = time.Millisecond
	}
}

func (w *world) stepOf(t testing.TB, spec action.Spec, with map[string]string) actiontest.Result {
	t.Helper()
	w.run++
	all := map[string]string{
		"namespace": "xy-0146-dev", "pr": "7", "github-token": "token", "schedule-role-arn": "arn:aws:iam::123456789012:role/ttl",
		"cluster": "shared", "url": w.url, "wait": "2m", "template-parameters": strings.Join([]string{
			"VpcId=vpc-1", "Subnets=subnet-1", "SecurityGroups=sg-1", "ListenerArn=" + w.listener, "Host=127.0.0.1",
		}, "\n"),
	}
	for name, value := range with {
		all[name] = value
	}
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(cmp.Or(w.event, "{}")), 0o600); err != nil {
		t.Fatal(err)
	}
	return actiontest.Run(t.Context(), t, actiontest.Step{Spec: spec, With: all, Env: map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": event,
		"GITHUB_REPOSITORY": cmp.Or(w.as, repository), "GITHUB_API_URL": w.github.URL, "GITHUB_SERVER_URL": "https://github.com",
		"GITHUB_RUN_ID": strings.Repeat("1", w.run), "GITHUB_JOB": "environment", "GITHUB_ACTOR": "ada",
	}})
}

// covers holds the README's policy against the calls that were made.
func (w *world) covers(t *testing.T) {
	t.Helper()
	policytest.Covers(t, w.Calls(), w.key, "README.md")
}

// left counts what is there of environments.
func (w *world) left(t *testing.T) (stacks, parameters, schedules int) {
	t.Helper()
	cfg := w.Config()
	found, err := cloudformation.NewFromConfig(cfg).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range found.Stacks {
		if s.StackStatus != "DELETE_COMPLETE" {
			stacks++
		}
	}
	known, err := ssm.NewFromConfig(cfg).GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{Path: new("/"), Recursive: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range known.Parameters {
		if !strings.Contains(*p.Name, "/env/slot/") || !strings.Contains(*p.Value, `"freed"`) { // a free slot stays
			parameters++
		}
	}
	return stacks, parameters, w.schedules(t)
}
