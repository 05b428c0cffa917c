package ecsdeploy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/progress"
)

// Result is how Apply ended.
type Result struct {
	// TaskDefinition is the ARN of the revision that was deployed.
	TaskDefinition string
	Services       []Verdict
	// RunTasks are the ARNs of the one-off tasks.
	RunTasks []string
	// RunFailure is why the one-off task failed, nil if it did not.
	RunFailure *Cause
	Changed    bool
	Took       time.Duration
}

// Err returns the findings of all services that did not end well, nil if the
// step passes.
func (r *Result) Err() error {
	var list diag.List
	for _, v := range r.Services {
		if d := v.Diagnostic(); d != nil {
			list.Add(d)
		}
	}
	return list.Err()
}

// Hooks lets the caller keep what a later process needs.
type Hooks struct {
	// Started is called as soon as ECS took the change of a service, before
	// the wait: a cancelled step has no time for it later. It may be nil.
	Started  func(Handle)
	Progress progress.Func
}

// Handle is enough to see a deployment through in another process.
type Handle struct {
	Cluster, Service, Before, TaskDefinition, DeploymentID string
	Since                                                  time.Time
}

// Apply carries a plan out: it registers the revision, runs the one-off task,
// updates the services and follows them to a verdict. The Result is never nil
// and holds what was done also when there is an error; an error means that the
// change could not be made, a bad verdict is in Result.Err.
func Apply(ctx context.Context, c *Clients, p *Plan, hooks Hooks) (*Result, error) {
	began := time.Now()
	r := &Result{TaskDefinition: p.TaskDefinition, Changed: p.Changed()}
	err := apply(ctx, c, p, r, hooks)
	r.Took = time.Since(began)
	return r, inPlainWords(err)
}

func apply(ctx context.Context, c *Clients, p *Plan, r *Result, hooks Hooks) error {
	if err := unmoved(ctx, c, p); err != nil {
		return err
	}
	if r.TaskDefinition == "" {
		arn, err := register(ctx, c, p.Target)
		if err != nil {
			return err
		}
		r.TaskDefinition = arn
		hooks.Progress.Milestone("register", "registered "+shortARN(arn))
	}
	if p.Request.RunTask != nil {
		if err := runTask(ctx, c, p, r, hooks.Progress); err != nil {
			return err
		}
	}
	if p.Request.RegisterOnly {
		return nil
	}
	followers, err := update(ctx, c, p, r, hooks)
	if err != nil {
		r.Services = undo(ctx, followers, nil)
		return err
	}
	r.Services = followAll(ctx, followers)
	if r.Err() != nil {
		r.Services = undo(ctx, followers, r.Services)
		return nil
	}
	for _, s := range p.Services {
		if err := applyScaling(ctx, c, s); err != nil {
			return err
		}
	}
	return nil
}

// unmoved checks that the services are as the plan saw them.
func unmoved(ctx context.Context, c *Clients, p *Plan) error {
	for _, s := range p.Services {
		if s.Action == ActionNone {
			continue
		}
		service, err := describeService(ctx, c, s)
		if err != nil {
			return err
		}
		if now := aws.ToString(service.TaskDefinition); now != s.Before {
			return &diag.Diagnostic{
				Summary: fmt.Sprintf("service %s changed since the plan: it runs %s, not %s", s.Name, shortARN(now), shortARN(s.Before)),
				Try:     "run again; a concurrency group in the workflow keeps two deployments apart",
			}
		}
	}
	return nil
}

// update starts the deployment of every service. If one is refused, those that
// were started come back for undo.
func update(ctx context.Context, c *Clients, p *Plan, r *Result, hooks Hooks) ([]*follower, error) {
	var followers []*follower
	for _, s := range p.Services {
		f := newFollower(c, s, p.Request.Wait, hooks.Progress)
		f.target, f.images, f.definition, f.codeDeploy = p.Target, p.Images, r.TaskDefinition, p.Request.CodeDeploy
		if err := f.start(ctx); err != nil {
			return followers, err
		}
		followers = append(followers, f)
		// CodeDeploy sees its own rollback through.
		if s.Action != ActionNone && s.Action != ActionCodeDeploy && hooks.Started != nil {
			hooks.Started(f.handle())
		}
	}
	return followers, nil
}

func (f *follower) handle() Handle {
	return Handle{
		Cluster: f.s.Cluster, Service: f.s.Name, Before: f.s.Before, TaskDefinition: f.definition,
		DeploymentID: f.deploymentID, Since: f.since,
	}
}

// start makes the one call that starts the change.
func (f *follower) start(ctx context.Context) error {
	switch f.s.Action {
	case ActionUpdate:
		return f.startUpdate(ctx)
	case ActionJoin:
		return f.join(ctx)
	case ActionCodeDeploy:
		return f.startCodeDeploy(ctx, f.definition)
	case ActionStop, ActionRefuse:
		f.watcher, f.definition = &deploymentWatcher{c: f.c, deployment: f.s.deployment}, f.s.Before
		return requestRollback(ctx, f.c, f.s.deployment, Hook{ID: f.s.hook})
	default:
		return nil
	}
}

func (f *follower) startUpdate(ctx context.Context) error {
	in := *f.s.update
	in.TaskDefinition = aws.String(f.definition)
	old := aws.ToString(primary(f.s.service).Id)
	service, err := f.send(ctx, &in)
	if err != nil {
		return fmt.Errorf("update service %s to %s: %w", f.s.Name, shortARN(f.definition), err)
	}
	d := primary(service)
	f.deploymentID, f.since = aws.ToString(d.Id), deref(d.CreatedAt)
	config := f.s.service.DeploymentConfiguration
	if in.DeploymentConfiguration != nil {
		config = in.DeploymentConfiguration
	}
	f.bake = bakeTime(config)
	f.deadline = time.Now().Add(f.wait.Timeout + f.bake)
	if f.deploymentID != "" && f.deploymentID == old {
		// ECS only changes a number: no deployment to follow.
		f.watcher = &serviceWatcher{c: f.c, s: f.s, id: f.deploymentID, scalesInPlace: true}
	}
	f.progress.Milestone(f.task(), "started "+shortARN(f.definition)+" in place of "+shortARN(f.s.Before))
	return nil
}

// send updates the service. When the answer is lost, on a bad link or in a
// cancelled step, the change may still have been made: then a look tells.
func (f *follower) send(ctx context.Context, in *ecs.UpdateServiceInput) (types.Service, error) {
	out, err := f.c.Services.UpdateService(ctx, in)
	if err == nil {
		return deref(out.Service), nil
	}
	if _, answered := errors.AsType[smithy.APIError](err); answered {
		return types.Service{}, err //nolint:wrapcheck // wrapped by the caller
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace/2)
	defer cancel()
	service, lookErr := describeService(grace, f.c, f.s)
	if lookErr == nil && aws.ToString(primary(service).Id) != aws.ToString(primary(f.s.service).Id) &&
		aws.ToString(service.TaskDefinition) == aws.ToString(in.TaskDefinition) {
		return service, nil
	}
	return types.Service{}, err //nolint:wrapcheck // wrapped by the caller
}

// join follows a deployment of the wanted revision that is under way already.
func (f *follower) join(ctx context.Context) error {
	d, err := describeDeployment(ctx, f.c, f.s.deployment)
	if err != nil {
		return err
	}
	f.watcher = &deploymentWatcher{c: f.c, deployment: f.s.deployment}
	f.s.Before = sourceDefinition(ctx, f.c, d, f.s.Before)
	f.identify(ctx)
	f.bake = bakeTime(d.DeploymentConfiguration)
	f.deadline = f.deadline.Add(f.bake)
	f.progress.Milestone(f.task(), "following the deployment of "+shortARN(f.definition)+" that is under way")
	return nil
}

// followAll follows every service at once.
func followAll(ctx context.Context, followers []*follower) []Verdict {
	verdicts := make([]Verdict, len(followers))
	var group sync.WaitGroup
	for i, f := range followers {
		switch {
		case f.s.Action == ActionNone:
			verdicts[i] = f.verdict(Unchanged)
			verdicts[i].Serving = f.s.Before
		case f.wait.Until == UntilStarted:
			verdicts[i] = f.verdict(Started)
		default:
			group.Go(func() { verdicts[i] = f.followToEnd(ctx) })
		}
	}
	group.Wait()
	return verdicts
}

func (f *follower) followToEnd(ctx context.Context) Verdict {
	switch f.s.Action {
	case ActionCodeDeploy:
		return f.followCodeDeploy(ctx)
	case ActionStop, ActionRefuse:
		return f.followRollback(ctx)
	default:
		return f.follow(ctx)
	}
}
