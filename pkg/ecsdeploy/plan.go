package ecsdeploy

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	codedeploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

// Plan is what Apply will do, for people and for Apply.
type Plan struct {
	Request Request
	// Target is the task definition that is to serve.
	Target *taskdef.Document
	// TaskDefinition is the ARN of Target if it is registered already; "" lets
	// Apply register it.
	TaskDefinition string
	// Images are the images of Target, by container.
	Images   map[string]Image
	Services []*ServicePlan
	// Warnings are findings that do not stop the deployment.
	Warnings diag.List
}

// ServicePlan is what happens to one service.
type ServicePlan struct {
	Name, ARN, Cluster string
	// Before is the ARN of the revision that the service runs.
	Before string
	// Action is what Apply will do.
	Action Action
	// Changes lead from the task definition of Before to Target.
	Changes []taskdef.Change
	// Commits tell which commits are behind changed images.
	Commits []CommitChange
	// Settings are changes of the service itself, in plain words.
	Settings []string
	// Scaling are changes of Application Auto Scaling, in plain words.
	Scaling []string
	// Pauses are the stages at which the deployment will wait for a promotion.
	Pauses []string
	// Desired is the number of tasks that is to run.
	Desired int32

	update     *ecs.UpdateServiceInput
	deployment string // the service deployment in progress, to stop or to join
	hook       string // the hook to answer, for a rollback of a paused one
	service    types.Service
	scale      scalingPlan
	group      codedeploytypes.DeploymentGroupInfo // of CodeDeploy
}

// CommitChange names the commits behind the old and the new image.
type CommitChange struct{ Container, Old, New string }

// Action is what Apply does to a service.
type Action string

// The actions.
const (
	ActionNone       Action = "none"        // it runs what is wanted already
	ActionUpdate     Action = "update"      // UpdateService
	ActionStop       Action = "stop"        // StopServiceDeployment with a rollback
	ActionRefuse     Action = "refuse"      // ContinueServiceDeployment with a rollback
	ActionJoin       Action = "join"        // nothing: a deployment of the revision is under way
	ActionCodeDeploy Action = "code-deploy" // CreateDeployment of CodeDeploy
)

// Changed tells whether Apply would start or steer a deployment, or change the
// scaling.
func (p *Plan) Changed() bool {
	if len(p.Services) == 0 || p.Request.RegisterOnly {
		return p.TaskDefinition == ""
	}
	for _, s := range p.Services {
		if s.Action != ActionNone || len(s.Scaling) > 0 {
			return true
		}
	}
	return false
}

// NewPlan works out a deployment. It only reads. The error is a diag.List with
// all problems, found before anything is registered.
func NewPlan(ctx context.Context, c *Clients, req Request) (*Plan, error) {
	p := newPlanner(c, req)
	services := p.services(ctx)
	p.source(ctx, services)
	if p.plan.Target != nil {
		p.images(ctx)
		p.preflight(ctx)
		for _, service := range services {
			if req.RegisterOnly { // it lends its network to the one-off task
				p.plan.Services = append(p.plan.Services, newServicePlan(service))
				continue
			}
			p.service(ctx, service)
		}
	}
	p.credentials()
	if err := p.problems.Err(); err != nil {
		return nil, append(p.problems, p.plan.Warnings...)
	}
	if p.plan.TaskDefinition == "" && !p.updates() && (!p.inactive[p.before()] || !p.plan.Changed()) {
		p.plan.TaskDefinition = p.before()
	}
	return p.plan, nil
}

// planner gathers a plan and its problems.
type planner struct {
	c        *Clients
	req      Request
	plan     *Plan
	problems diag.List
	current  map[string]*taskdef.Document // by ARN
	inactive map[string]bool              // those of them that were deregistered
}

func newPlanner(c *Clients, req Request) *planner {
	return &planner{
		c: c, req: req, plan: &Plan{Request: req, Images: map[string]Image{}},
		current: map[string]*taskdef.Document{}, inactive: map[string]bool{},
	}
}

// updates tells whether any service needs a new revision.
func (p *planner) updates() bool {
	if len(p.plan.Services) == 0 || p.req.RegisterOnly {
		return true
	}
	for _, s := range p.plan.Services {
		if len(s.Changes) > 0 {
			return true
		}
	}
	return false
}

func (p *planner) before() string {
	if len(p.plan.Services) == 0 {
		return ""
	}
	return p.plan.Services[0].Before
}

func (p *planner) fail(err error) { p.problems.Add(diag.From(inPlainWords(err))...) }

// service plans one service.
func (p *planner) service(ctx context.Context, service types.Service) {
	s := newServicePlan(service)
	p.plan.Services = append(p.plan.Services, s)
	current, err := p.describe(ctx, s.Before)
	if err != nil {
		p.plan.Warnings.Add(unchecked("what changes in service "+s.Name, "ecs:DescribeTaskDefinition", "*", err))
	}
	if p.inactive[s.Before] {
		p.plan.Warnings.Warnf("do not deregister the revision that a service runs",
			"service %q runs %s, which is INACTIVE: if this deployment fails, ECS may refuse to go back to it", s.Name, shortARN(s.Before))
	}
	s.Changes = taskdef.Diff(current, p.plan.Target)
	p.commits(ctx, s, current)
	s.Settings = p.settings(service, s)
	if byCodeDeploy(service) {
		p.onlyRevision(s)
	}
	force := p.req.Rollout.Force
	same := len(s.Changes) == 0 && len(s.Settings) == 0 && !force
	if !byCodeDeploy(service) {
		p.inFlight(ctx, s, same)
	}
	p.alarms(ctx, service)
	p.capacity(service, s)
	p.scaling(ctx, s)
	if same && s.deployment != "" {
		s.Action = ActionJoin
		return
	}
	if same && primary(service).RolloutState == types.DeploymentRolloutStateFailed {
		same, force = false, true
		s.Settings = append(s.Settings, "the last deployment of this revision failed: it is deployed again")
	}
	if same {
		s.Action = ActionNone
		return
	}
	if byCodeDeploy(service) {
		p.codeDeploy(ctx, s)
		return
	}
	s.Action = ActionUpdate
	s.update = p.updateInput(service)
	s.update.ForceNewDeployment = force
}

func newServicePlan(service types.Service) *ServicePlan {
	return &ServicePlan{
		Name: aws.ToString(service.ServiceName), ARN: aws.ToString(service.ServiceArn), Cluster: aws.ToString(service.ClusterArn),
		Before: aws.ToString(service.TaskDefinition), Desired: service.DesiredCount, Action: ActionNone, service: service,
	}
}

// updateInput is the one request that starts the deployment; Apply adds the
// revision. Members that are not set leave the service as it is.
func (p *planner) updateInput(service types.Service) *ecs.UpdateServiceInput {
	r := p.req.Rollout
	in := &ecs.UpdateServiceInput{
		Cluster: service.ClusterArn, Service: service.ServiceArn,
		DesiredCount: r.DesiredCount, ForceNewDeployment: r.Force, EnableECSManagedTags: r.ManagedTags,
		PropagateTags: r.PropagateTags, VolumeConfigurations: r.Volumes,
	}
	if r.changesConfiguration() {
		in.DeploymentConfiguration = deploymentConfiguration(service, r)
	}
	return in
}

// commits looks up the commits behind images that change. What cannot be read
// is left out: it is only for people.
func (p *planner) commits(ctx context.Context, s *ServicePlan, current *taskdef.Document) {
	if current == nil {
		return
	}
	for _, change := range s.Changes {
		if change.Field != "image" || change.Old == "" {
			continue
		}
		os, arch := current.Platform()
		old, err := p.c.Images.Resolve(ctx, change.Old, os, arch)
		commit := CommitChange{Container: change.Container, Old: old.Revision, New: p.plan.Images[change.Container].Revision}
		if err == nil && (commit.Old != "" || commit.New != "") {
			s.Commits = append(s.Commits, commit)
		}
	}
}

func controller(service types.Service) types.DeploymentControllerType {
	if service.DeploymentController == nil {
		return types.DeploymentControllerTypeEcs
	}
	return service.DeploymentController.Type
}

// shortARN returns what follows the last slash: web:42 of a task definition's
// ARN, the name of a cluster or the ID of a task.
func shortARN(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }
