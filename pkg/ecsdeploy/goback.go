package ecsdeploy

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

// Previous stands for the last revision that was deployed successfully and is
// not the current one.
const Previous = "previous"

// NewRollbackPlan works out how the services go back: a deployment in progress
// is stopped with a rollback; otherwise the target revision is deployed. The
// target is Previous, a revision number, family:revision or an ARN. It only
// reads; revisions are never deregistered.
func NewRollbackPlan(ctx context.Context, c *Clients, req Request, target string) (*Plan, error) {
	p := newPlanner(c, req)
	for _, service := range p.services(ctx) {
		p.back(ctx, service, target)
	}
	p.credentials()
	if err := p.problems.Err(); err != nil {
		return nil, append(p.problems, p.plan.Warnings...)
	}
	return p.plan, nil
}

func (p *planner) back(ctx context.Context, service types.Service, target string) {
	s := newServicePlan(service)
	p.plan.Services = append(p.plan.Services, s)
	if target == Previous {
		target = p.previous(ctx, s)
	} else if _, err := strconv.Atoi(target); err == nil {
		family, _, _ := strings.Cut(shortARN(s.Before), ":")
		target = family + ":" + target
	}
	if target == "" {
		return // a deployment is stopped, or the problems say why not
	}
	document, arn, err := Revision(ctx, p.c.TaskDefinitions, target)
	if err != nil {
		p.fail(err)
		return
	}
	if p.plan.TaskDefinition != "" && p.plan.TaskDefinition != arn {
		p.problems.Errorf("roll the services back one by one, or name one revision in rollback-to",
			"the services have different previous revisions: %s and %s", shortARN(p.plan.TaskDefinition), shortARN(arn))
		return
	}
	p.plan.TaskDefinition, p.plan.Target = arn, document
	current, err := p.describe(ctx, s.Before)
	if err != nil {
		p.plan.Warnings.Add(unchecked("what changes in service "+s.Name, "ecs:DescribeTaskDefinition", "*", err))
	}
	s.Changes = taskdef.Diff(current, document)
	if byCodeDeploy(service) {
		if arn != s.Before || p.req.Rollout.Force {
			p.codeDeploy(ctx, s)
		}
		return
	}
	p.inFlight(ctx, s, false)
	if arn != s.Before || p.req.Rollout.Force {
		s.Action, s.update = ActionUpdate, p.updateInput(service)
		// Going back must not wait for anybody.
		if slices.ContainsFunc(deref(service.DeploymentConfiguration).LifecycleHooks, isPause) {
			s.update.DeploymentConfiguration = deploymentConfiguration(service, Rollout{NoPause: true})
		}
	}
}

// previous is the last good revision of a service: "" where a deployment in
// progress is stopped instead, or where none is known.
func (p *planner) previous(ctx context.Context, s *ServicePlan) string {
	if byCodeDeploy(s.service) {
		p.problems.Errorf("name the revision to go back to in rollback-to",
			"service %q is deployed by CodeDeploy: ECS does not know what it ran before", s.Name)
		return ""
	}
	history, err := history(ctx, p.c, s)
	if err != nil {
		p.fail(err)
		return ""
	}
	if p.interrupt(ctx, s, history) {
		return ""
	}
	good := lastGood(history, s.Before)
	if good == "" {
		p.problems.Errorf("name a revision in rollback-to",
			"service %q has no earlier successful deployment within the 90 days that ECS remembers", s.Name)
	}
	return good
}

// interrupt plans to stop a deployment in progress, if there is one.
func (p *planner) interrupt(ctx context.Context, s *ServicePlan, history []Past) bool {
	i := slices.IndexFunc(history, func(past Past) bool { return slices.Contains(underWay, past.Status) })
	if i < 0 {
		return false
	}
	d, err := describeDeployment(ctx, p.c, history[i].Deployment)
	if err != nil {
		p.fail(err)
		return true
	}
	s.Action, s.deployment, s.hook = ActionStop, history[i].Deployment, snapshotOf(d).Hook.ID
	if s.hook != "" {
		s.Action = ActionRefuse
	}
	s.Before = history[i].TaskDefinition
	p.plan.TaskDefinition = firstNonEmpty(sourceDefinition(ctx, p.c, d, ""), lastGood(history, s.Before))
	return true
}

// Past is one deployment of a service.
type Past struct {
	Deployment, TaskDefinition string
	Status                     types.ServiceDeploymentStatus
	Brief                      types.ServiceDeploymentBrief
}

// history returns what ECS remembers, newest first: at most the 100 newest
// deployments of 90 days.
func history(ctx context.Context, c *Clients, s *ServicePlan) ([]Past, error) {
	out, err := c.Deployments.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{
		Cluster: aws.String(s.Cluster), Service: aws.String(s.ARN), MaxResults: aws.Int32(100),
	})
	if err != nil {
		return nil, fmt.Errorf("list deployments of service %s: %w", s.Name, err)
	}
	list := out.ServiceDeployments
	slices.SortStableFunc(list, func(a, b types.ServiceDeploymentBrief) int {
		return deref(b.CreatedAt).Compare(deref(a.CreatedAt))
	})
	definitions, err := revisions(ctx, c, list)
	if err != nil {
		return nil, err
	}
	past := make([]Past, 0, len(list))
	for _, d := range list {
		past = append(past, Past{
			Deployment: aws.ToString(d.ServiceDeploymentArn), Status: d.Status, Brief: d,
			TaskDefinition: definitions[aws.ToString(d.TargetServiceRevisionArn)],
		})
	}
	return past, nil
}

// lastGood is the newest successful revision other than the current one that
// nobody has gone back from. ECS calls a deployment successful although a smoke
// test found it bad and an older revision was deployed again after it: such a
// revision is not good. History is newest first.
func lastGood(history []Past, current string) string {
	var revisions []string
	for _, past := range history {
		if past.Status == types.ServiceDeploymentStatusSuccessful && past.TaskDefinition != "" {
			revisions = append(revisions, past.TaskDefinition)
		}
	}
	left := map[string]bool{}
	for i := 1; i < len(revisions); i++ {
		if revisions[i] != revisions[i-1] && slices.Contains(revisions[i+1:], revisions[i-1]) {
			left[revisions[i]] = true
		}
	}
	for _, revision := range revisions {
		if revision != current && !left[revision] {
			return revision
		}
	}
	return ""
}

// Report is what a service runs now and what it ran before.
type Report struct {
	Service, Cluster, TaskDefinition string
	Desired, Running, Pending        int
	// Snapshot is the newest deployment, if ECS lists any.
	Snapshot Snapshot
	// History is newest first.
	History []Past
	// Images are those of the newest deployment, as repository@digest by
	// container.
	Images map[string]string
}

// Newest is the ARN of the newest deployment, "" if ECS lists none.
func (r Report) Newest() string {
	if len(r.History) == 0 {
		return ""
	}
	return r.History[0].Deployment
}

// Read returns the state of every service. It changes nothing.
func Read(ctx context.Context, c *Clients, cluster string, names []string) ([]Report, error) {
	services, problems := activeServices(ctx, c, cluster, names)
	var reports []Report
	for _, service := range services {
		s := newServicePlan(service)
		report := Report{
			Service: s.Name, Cluster: shortARN(s.Cluster), TaskDefinition: s.Before,
			Desired: int(service.DesiredCount), Running: int(service.RunningCount), Pending: int(service.PendingCount),
		}
		past, err := history(ctx, c, s)
		if err == nil && len(past) > 0 {
			var d types.ServiceDeployment
			if d, err = describeDeployment(ctx, c, past[0].Deployment); err == nil {
				report.History, report.Snapshot = past, snapshotOf(d)
				report.Images = running(ctx, c, deref(d.TargetServiceRevision).Arn)
			}
		}
		if err != nil {
			problems.Add(unchecked("the deployments of service "+s.Name, "ecs:ListServiceDeployments", s.ARN, err))
		}
		reports = append(reports, report)
	}
	if problems.HasErrors() {
		return reports, problems
	}
	return reports, nil
}
