package e2e

import (
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/org/shipkit/internal/acttest"
	"github.com/org/shipkit/internal/githubtest"
)

const pullRequest = `
on:
  pull_request:
    types: [opened, reopened, synchronize, labeled]
  pull_request_target:
    types: [closed]
permissions: {contents: read, id-token: write, pull-requests: write, deployments: write, statuses: write}
jobs:
  environment:
    uses: org/shipkit/.github/workflows/pull-request-environment.yml@v1
    with:
      environment: staging
`

// pullSettings take the image out of a registry instead of a build.
const pullSettings = `
customer: xy
project: "0146"
environments:
  staging:
    region: eu-west-1
    image: ${REPOSITORY}
    cluster: xy-0146-staging
    inputs:
      build-image: {source: "registry:${SOURCE}"}
      ephemeral-env:
        schedule-role-arn: arn:aws:iam::111122223333:role/shipkit-scheduler
        url: ${STAGING_URL}
        template-parameters: |
          ListenerArn=${LISTENER}
          Host=127.0.0.1
          VpcId=vpc-local
          Subnets=subnet-0146dev
          SecurityGroups=sg-0146dev
`

// TestAPullRequestThroughTheWorkflow opens, changes and closes a pull request
// with a token, and looks at what GitHub was told and what is left.
func TestAPullRequestThroughTheWorkflow(t *testing.T) {
	t.Parallel()
	const sha = "1111111111111111111111111111111111111111"
	hub := githubtest.New(t, "example/app")
	hub.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	c := startChain(t, "v1", "v2")
	c.forPulls()

	c.pull(hub, "opened", "v1", false)
	if got := c.serves(); got != "v1" {
		t.Errorf("the environment answers as %s", got)
	}
	c.pull(hub, "synchronize", "v2", false)
	if got := c.serves(); got != "v2" {
		t.Errorf("after a push the environment answers as %s", got)
	}
	comments := hub.Comments(7)
	if len(comments) != 1 || !strings.Contains(comments[0].Body, c.url) {
		t.Errorf("comments %v", comments)
	}
	if len(hub.Deployments) == 0 || hub.Deployments[0].URL != c.url || len(hub.Statuses) == 0 {
		t.Errorf("deployments %v, statuses %v", hub.Deployments, hub.Statuses)
	}

	hub.Pulls[0].State = "closed"
	c.pull(hub, "closed", "v2", false)
	if got := c.serves(); got != "v0" {
		t.Errorf("after the close %s answers", got)
	}
	if after := hub.Comments(7); len(after) != 1 || after[0].ID != comments[0].ID || after[0].Body == comments[0].Body {
		t.Errorf("comments after the close %v", after)
	}
	c.nothingLeft()
}

// TestAForkGetsNoEnvironment: its run is skipped, since it has neither role nor
// token.
func TestAForkGetsNoEnvironment(t *testing.T) {
	t.Parallel()
	hub := githubtest.New(t, "example/app")
	hub.ReadOnly = true
	hub.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: "1", Head: "stranger/app"}}
	c := startChain(t, "v1")
	c.forPulls()
	before := len(c.aws.Calls())
	for _, event := range []string{"opened", "closed"} {
		result := c.pull(hub, event, "v1", true)
		if len(result.Steps) > 0 {
			t.Errorf("%s by a fork runs %v", event, result.Steps)
		}
	}
	if len(hub.Calls) > 0 || len(hub.Comments(7)) > 0 || c.serves() != "v0" {
		t.Errorf("GitHub was called: %v", hub.Calls)
	}
	for _, call := range c.aws.Calls()[before:] {
		if !call.InProcess {
			t.Errorf("AWS was called: %+v", call)
		}
	}
}

// forPulls makes what pullSettings name.
func (c *chain) forPulls() {
	c.Helper()
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"scheduler.amazonaws.com"}}]}`
	if _, err := c.aws.IAM.CreateRole(c.Context(), &iam.CreateRoleInput{RoleName: new("shipkit-scheduler"), AssumeRolePolicyDocument: &trust}); err != nil {
		c.Fatal(err)
	}
	balancers, err := c.aws.ELB.DescribeLoadBalancers(c.Context(), &elb.DescribeLoadBalancersInput{})
	if err != nil {
		c.Fatal(err)
	}
	listeners, err := c.aws.ELB.DescribeListeners(c.Context(), &elb.DescribeListenersInput{LoadBalancerArn: balancers.LoadBalancers[0].LoadBalancerArn})
	if err != nil {
		c.Fatal(err)
	}
	c.env["LISTENER"] = *listeners.Listeners[0].ListenerArn
	c.env["REPOSITORY"] = c.aws.ECR.Host() + "/web"
}

func (c *chain) pull(hub *githubtest.Server, event, version string, fork bool) acttest.Result {
	c.Helper()
	env := maps.Clone(c.env)
	env["SOURCE"] = c.images[version]
	repository := map[string]any{"fork": fork, "full_name": map[bool]string{false: "example/app", true: "stranger/app"}[fork]}
	head := map[string]any{"sha": "1111111111111111111111111111111111111111", "repo": repository}
	trigger := "pull_request"
	if event == "closed" {
		trigger = "pull_request_target"
	}
	result := acttest.Run(c, acttest.Workflow{
		YAML: pullRequest, Env: env, Stubs: acttest.OfOthers, Files: map[string]string{".shipkit.yml": pullSettings},
		Event: trigger, Payload: map[string]any{"action": event, "number": 7, "pull_request": map[string]any{"number": 7, "head": head}},
		Secrets:   map[string]string{"GITHUB_TOKEN": "token"},
		ActionEnv: map[string]map[string]string{"ephemeral-env": {"GITHUB_API_URL": hub.URL}},
	})
	if result.ExitCode != 0 {
		c.Errorf("%s: %v\n%s\n%s", event, result.Annotations, result.Log, result.Stderr)
	}
	return result
}

// nothingLeft looks for what an environment is made of.
func (c *chain) nothingLeft() {
	c.Helper()
	stacks, err := cloudformation.NewFromConfig(c.aws.Config()).DescribeStacks(c.Context(), &cloudformation.DescribeStacksInput{})
	if err != nil {
		c.Fatal(err)
	}
	for _, stack := range stacks.Stacks {
		if stack.StackStatus != "DELETE_COMPLETE" {
			c.Errorf("stack %s is %s", *stack.StackName, stack.StackStatus)
		}
	}
	schedules, err := scheduler.NewFromConfig(c.aws.Config()).ListSchedules(c.Context(), &scheduler.ListSchedulesInput{})
	if err != nil || len(schedules.Schedules) > 0 {
		c.Errorf("schedules are left: %v, %v", schedules, err)
	}
}
