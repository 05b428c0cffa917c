package ephemeralenv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/environment"
	cfn "github.com/org/shipkit/pkg/environment/cloudformation"
	"github.com/org/shipkit/pkg/environment/store"
	"github.com/org/shipkit/pkg/environment/terraform"
	"github.com/org/shipkit/pkg/github"
	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot/database"
	"github.com/org/shipkit/pkg/stack"
)

// job is everything that the commands need.
type job struct {
	in      inputs
	subject subject
	manager *environment.Manager
	rt      *action.Runtime
	// github is nil without a token or outside of a repository.
	github    *github.Client
	scheduler *scheduler.Client
	databases database.Instances
	ecs       *ecs.Client
	trials    trials
	cfg       aws.Config
	// template is CloudFormation's, the user's or shipkit's.
	template string
}

// connection loads the configuration of AWS.
type connection func(context.Context, inputs) (aws.Config, error)

func connect(ctx context.Context, in inputs) (aws.Config, error) {
	return awsclient.Load(ctx, awsclient.Options{Region: in.Region, ExpectedAccountID: in.ExpectedAccount}) //nolint:wrapcheck // it says what fails
}

func newJob(ctx context.Context, rt *action.Runtime, in inputs, connect connection) (*job, error) {
	s, err := in.subject(rt.GitHub())
	if err != nil {
		return nil, action.BadInput(err)
	}
	if in.Backend == "terraform" && in.Command != "off-hours" && s.clock != nil {
		rt.Progress().Warn("hours", "they are ignored: nothing switches what Terraform makes")
		s.clock = nil // nor is it cheaper
	}
	cfg, err := connect(ctx, in)
	if err != nil {
		return nil, err
	}
	j := &job{
		in: in, subject: s, rt: rt, cfg: cfg, scheduler: scheduler.NewFromConfig(cfg),
		databases: database.NewInstances(rds.NewFromConfig(cfg)), ecs: ecs.NewFromConfig(cfg),
	}
	gh := rt.GitHub()
	if in.Token != "" && gh.Repository != "" {
		client := &http.Client{Timeout: time.Minute}
		if j.github, err = github.New(client, in.Token, gh.APIURL, gh.Repository); err != nil {
			return nil, err
		}
	}
	backend, err := j.backend()
	if err != nil {
		return nil, err
	}
	parameters := ssm.NewFromConfig(cfg)
	j.trials = trials{notes{parameters, "test"}, j.ecs, j.scheduler}
	j.manager = &environment.Manager{
		Repository: gh.Repository, RunURL: gh.RunURL, Parameters: parameters,
		Records: store.Records{SSM: parameters, Tagging: tagging.NewFromConfig(cfg)},
		Slots:   store.Slots{SSM: parameters, Shared: s.base.Shared()},
		Ends:    testedEnds{j.ends(), j.trials}, Backend: tested{backend, j.trials}, Kind: in.Backend,
		Holder:   saga.Holder{ID: rt.RunKey(), RunURL: gh.RunURL},
		Progress: rt.Progress(), Patience: in.Wait, Rest: rest, Answers: j.answers(),
		Options: saga.Options{Transient: transient, Progress: rt.Progress()},
	}
	return j, nil
}

// rest is for tests, whose AWS lives faster.
var rest = environment.ReuseAfter

// transient tells errors after which a later run goes on.
func transient(err error) bool {
	return awsclient.Transient(err) || errors.Is(err, terraform.ErrLocked)
}

func (j *job) backend() (environment.Backend, error) {
	if j.in.Backend == "terraform" {
		return j.terraform()
	}
	client := cloudformation.NewFromConfig(j.cfg)
	j.template = cfn.Template
	if j.in.Template != "" {
		text, err := os.ReadFile(string(j.in.Template))
		if err != nil {
			return nil, fmt.Errorf("read template: %w", err)
		}
		j.template = string(text)
	}
	return &cfn.Backend{
		Driver:   &stack.Driver{Client: client, Progress: j.rt.Progress(), RoleARN: j.in.StackRole, Poll: 2 * time.Second},
		Template: j.template, Capabilities: j.in.Capabilities, Resources: client, Services: j.ecs,
		Instances: j.databases, Clusters: database.NewClusters(j.databases.Client),
	}, nil
}

func (j *job) terraform() (environment.Backend, error) {
	binary := j.in.Binary
	if binary == "" {
		var err error
		if binary, err = terraform.Find(exec.LookPath); err != nil {
			return nil, err
		}
	}
	b := &terraform.Backend{
		Binary: binary, Dir: j.in.Dir, Env: os.Environ(), Patience: j.in.Wait, Progress: j.rt.Progress(), Notes: notes{ssm.NewFromConfig(j.cfg), "terraform"},
		ShowPlan: func(text string) { j.rt.Infof("%s", strings.TrimSpace(text)) },
	}
	if j.in.Configure != "" {
		b.Configure = []string{"sh", "-c", j.in.Configure}
	}
	return b, nil
}

// answers asks the environment's URL until it does not fail.
func (j *job) answers() func(context.Context, string) (bool, error) {
	deadline := time.Now().Add(j.in.Wait)
	client := &http.Client{Timeout: 10 * time.Second}
	return func(ctx context.Context, url string) (bool, error) {
		if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
			return true, nil // nothing that could be asked
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, fmt.Errorf("ask %s: %w", url, err)
		}
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode < http.StatusInternalServerError && response.StatusCode != http.StatusNotFound {
				return true, nil
			}
			err = fmt.Errorf("it answers %s", response.Status)
		}
		if time.Now().After(deadline) {
			return false, fmt.Errorf("%s does not serve within %s: %w", url, j.in.Wait, err)
		}
		return false, nil
	}
}
