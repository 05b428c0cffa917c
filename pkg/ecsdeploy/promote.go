package ecsdeploy

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/diag"
)

// Promotion is a paused deployment that can go on.
type Promotion struct {
	Service *ServicePlan
	// Deployment is the ARN of the service deployment, Definition what it brings.
	Deployment, Definition string
	Hook                   Hook
	// Images are what it brings, as repository@digest by container.
	Images map[string]string
}

// FindPromotions reads the paused deployment of every service. A service
// without one is a problem: promoting nothing must not pass for a promotion.
func FindPromotions(ctx context.Context, c *Clients, cluster string, names []string) ([]Promotion, error) {
	services, problems := activeServices(ctx, c, cluster, names)
	var found []Promotion
	for _, service := range services {
		s := newServicePlan(service)
		promotion, err := findPromotion(ctx, c, s)
		if err != nil {
			problems.Add(diag.From(inPlainWords(err))...)
			continue
		}
		found = append(found, promotion)
	}
	return found, problems.Err()
}

func findPromotion(ctx context.Context, c *Clients, s *ServicePlan) (Promotion, error) {
	list, err := c.Deployments.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{
		Cluster: aws.String(s.Cluster), Service: aws.String(s.ARN), Status: underWay,
	})
	if err != nil {
		return Promotion{}, fmt.Errorf("list deployments of service %s: %w", s.Name, err)
	}
	definitions, err := revisions(ctx, c, list.ServiceDeployments)
	if err != nil {
		return Promotion{}, err
	}
	for _, brief := range list.ServiceDeployments {
		d, err := describeDeployment(ctx, c, aws.ToString(brief.ServiceDeploymentArn))
		if err != nil {
			return Promotion{}, err
		}
		if hook := snapshotOf(d).Hook; hook.ID != "" {
			s.Before = sourceDefinition(ctx, c, d, s.Before)
			return Promotion{
				Service: s, Deployment: aws.ToString(d.ServiceDeploymentArn), Hook: hook,
				Definition: definitions[aws.ToString(brief.TargetServiceRevisionArn)],
				Images:     running(ctx, c, brief.TargetServiceRevisionArn),
			}, nil
		}
	}
	return Promotion{}, &diag.Diagnostic{
		Summary: fmt.Sprintf("service %s has no paused deployment to promote", s.Name),
		Try:     "run this job after one that deploys with pause-at; a pause ends by itself after its timeout",
	}
}

// sourceDefinition is the task definition that a deployment replaces.
func sourceDefinition(ctx context.Context, c *Clients, d ecstypes.ServiceDeployment, otherwise string) string {
	if len(d.SourceServiceRevisions) == 0 {
		return otherwise
	}
	arn := d.SourceServiceRevisions[0].Arn
	definitions, err := revisions(ctx, c, []ecstypes.ServiceDeploymentBrief{{TargetServiceRevisionArn: arn}})
	if err != nil || definitions[aws.ToString(arn)] == "" {
		return otherwise
	}
	return definitions[aws.ToString(arn)]
}

// Promote lets paused deployments go on and follows them to a verdict, which
// may be the next pause.
func Promote(ctx context.Context, c *Clients, promotions []Promotion, wait Wait, hooks Hooks) (*Result, error) {
	r := &Result{Changed: true}
	var followers []*follower
	var refused error // those that were promoted before it are followed
	for _, p := range promotions {
		f := newFollower(c, p.Service, wait, hooks.Progress)
		f.watcher, f.definition, f.answered = &deploymentWatcher{c: c, deployment: p.Deployment}, p.Definition, p.Hook.ID
		f.bake = bakeTime(p.Service.service.DeploymentConfiguration)
		f.deadline = f.deadline.Add(f.bake)
		f.s.Action = ActionUpdate
		r.TaskDefinition = p.Definition
		_, err := c.Deployments.ContinueServiceDeployment(ctx, &ecs.ContinueServiceDeploymentInput{
			ServiceDeploymentArn: aws.String(p.Deployment), HookId: aws.String(p.Hook.ID),
			Action: ecstypes.DeploymentLifecycleHookActionContinue,
		})
		if err != nil {
			refused = inPlainWords(fmt.Errorf("continue deployment %s of service %s: %w", shortARN(p.Deployment), p.Service.Name, err))
			break
		}
		f.identify(ctx)
		hooks.Progress.Milestone(f.task(), "promoted past "+Stage(p.Hook.Stage))
		if hooks.Started != nil {
			hooks.Started(f.handle())
		}
		followers = append(followers, f)
	}
	r.Services = followAll(ctx, followers)
	return r, refused
}
