package ecsdeploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// watcher looks at one deployment.
type watcher interface {
	look(ctx context.Context) (Snapshot, error)
	// arn is the service deployment's, "" if it cannot be known.
	arn() string
}

// deploymentWatcher reads a service deployment: the truth.
type deploymentWatcher struct {
	c          *Clients
	deployment string
}

func (w *deploymentWatcher) arn() string { return w.deployment }

func (w *deploymentWatcher) look(ctx context.Context) (Snapshot, error) {
	d, err := describeDeployment(ctx, w.c, w.deployment)
	if err != nil {
		return Snapshot{}, err
	}
	return snapshotOf(d), nil
}

func describeDeployment(ctx context.Context, c *Clients, arn string) (types.ServiceDeployment, error) {
	out, err := c.Deployments.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{arn}})
	if err != nil {
		return types.ServiceDeployment{}, fmt.Errorf("describe service deployment %s: %w", shortARN(arn), err)
	}
	if len(out.ServiceDeployments) == 0 {
		return types.ServiceDeployment{}, fmt.Errorf("describe service deployment %s: %w", shortARN(arn), errGone)
	}
	return out.ServiceDeployments[0], nil
}

func snapshotOf(d types.ServiceDeployment) Snapshot {
	s := Snapshot{
		Status: d.Status, Reason: aws.ToString(d.StatusReason), Stage: d.LifecycleStage,
		New: Side{Traffic: -1}, Old: Side{Traffic: -1},
		RollbackReason: aws.ToString(deref(d.Rollback).Reason),
		Alarms:         deref(d.Alarms).TriggeredAlarmNames,
	}
	if d.TargetServiceRevision != nil {
		s.New = sideOf(*d.TargetServiceRevision)
	}
	for _, source := range d.SourceServiceRevisions {
		side := sideOf(source)
		s.Old.Running += side.Running
		s.Old.Pending += side.Pending
		s.Old.Requested += side.Requested
		s.Old.Traffic = max(s.Old.Traffic, side.Traffic)
	}
	if breaker := deref(d.DeploymentCircuitBreaker); breaker.Status != types.ServiceDeploymentRollbackMonitorsStatusDisabled {
		s.Failures, s.Threshold = int(breaker.FailureCount), int(breaker.Threshold)
	}
	for _, hook := range d.LifecycleHookDetails {
		waits := hook.Status == types.DeploymentLifecycleHookStatusAwaitingAction
		if hook.TargetType == types.DeploymentLifecycleHookTargetTypePause && waits {
			s.Hook = Hook{ID: aws.ToString(hook.HookId), Stage: string(d.LifecycleStage), Expires: deref(hook.ExpiresAt)}
		}
	}
	return s
}

func sideOf(r types.ServiceRevisionSummary) Side {
	side := Side{Running: int(r.RunningTaskCount), Pending: int(r.PendingTaskCount), Requested: int(r.RequestedTaskCount), Traffic: -1}
	if r.RequestedProductionTrafficWeight != nil {
		side.Traffic = *r.RequestedProductionTrafficWeight
	}
	return side
}

// serviceWatcher reads the service's own list of deployments: all there is for
// a caller without permission for service deployments, and for a change that
// starts none, such as another desired count.
type serviceWatcher struct {
	c             *Clients
	s             *ServicePlan
	id            string // of types.Deployment
	scalesInPlace bool
}

func (w *serviceWatcher) arn() string { return "" }

func (w *serviceWatcher) look(ctx context.Context) (Snapshot, error) {
	service, err := describeService(ctx, w.c, w.s)
	if err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{Status: types.ServiceDeploymentStatusInProgress, New: Side{Traffic: -1}, Old: Side{Traffic: -1}}
	i := slices.IndexFunc(service.Deployments, func(d types.Deployment) bool { return aws.ToString(d.Id) == w.id })
	if i < 0 || aws.ToString(service.Deployments[i].Status) != "PRIMARY" {
		s.Status, s.Reason = types.ServiceDeploymentStatusStopped, "another deployment is the primary one"
		if aws.ToString(service.TaskDefinition) == w.s.Before {
			s.Status, s.RollbackReason = types.ServiceDeploymentStatusRollbackSuccessful, "ECS rolled back"
		}
		return s, nil
	}
	d := service.Deployments[i]
	s.New.Running, s.New.Pending, s.New.Requested = int(d.RunningCount), int(d.PendingCount), int(d.DesiredCount)
	s.Failures, s.Reason = int(d.FailedTasks), aws.ToString(d.RolloutStateReason)
	for _, other := range service.Deployments {
		if aws.ToString(other.Id) != w.id {
			s.Old.Running += int(other.RunningCount)
		}
	}
	switch d.RolloutState {
	case types.DeploymentRolloutStateCompleted:
		if !w.scalesInPlace || d.RunningCount == d.DesiredCount {
			s.Status = types.ServiceDeploymentStatusSuccessful
		}
	case types.DeploymentRolloutStateFailed:
		s.Status = types.ServiceDeploymentStatusStopped
	}
	return s, nil
}

func describeService(ctx context.Context, c *Clients, s *ServicePlan) (types.Service, error) {
	out, err := c.Services.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(s.Cluster), Services: []string{s.ARN}})
	if err != nil {
		return types.Service{}, fmt.Errorf("describe service %s: %w", s.Name, err)
	}
	if len(out.Services) == 0 {
		return types.Service{}, fmt.Errorf("describe service %s: %w", s.Name, errGone)
	}
	return out.Services[0], nil
}

// primary returns the deployment that ECS is working towards.
func primary(service types.Service) types.Deployment {
	for _, d := range service.Deployments {
		if aws.ToString(d.Status) == "PRIMARY" {
			return d
		}
	}
	return types.Deployment{}
}

var errGone = errors.New("not found")

var errNotListed = errors.New("ECS does not list the service deployment yet")

// findDeployment finds the service deployment that carries a task definition:
// CurrentServiceDeployment can be stale, so it is found by its revision. The
// list is eventually consistent; errNotListed means ask again.
func findDeployment(ctx context.Context, c *Clients, s *ServicePlan, taskDefinition string, after time.Time) (string, error) {
	in := &ecs.ListServiceDeploymentsInput{Cluster: aws.String(s.Cluster), Service: aws.String(s.ARN)}
	if !after.IsZero() {
		// A second of grace: the two clocks of ECS need not agree to the millisecond.
		in.CreatedAt = &types.CreatedAt{After: aws.Time(after.Add(-time.Second))}
	}
	out, err := c.Deployments.ListServiceDeployments(ctx, in)
	if err != nil {
		return "", fmt.Errorf("list deployments of service %s: %w", s.Name, err)
	}
	found := out.ServiceDeployments
	slices.SortFunc(found, func(a, b types.ServiceDeploymentBrief) int { return deref(a.CreatedAt).Compare(deref(b.CreatedAt)) })
	definitions, err := revisions(ctx, c, found)
	if err != nil {
		return "", err
	}
	for _, d := range found {
		if definitions[aws.ToString(d.TargetServiceRevisionArn)] == taskDefinition {
			return aws.ToString(d.ServiceDeploymentArn), nil
		}
	}
	return "", errNotListed
}

// revisions returns the task definitions of service revisions, by ARN.
func revisions(ctx context.Context, c *Clients, deployments []types.ServiceDeploymentBrief) (map[string]string, error) {
	var arns []string
	for _, d := range deployments {
		if arn := aws.ToString(d.TargetServiceRevisionArn); arn != "" && !slices.Contains(arns, arn) {
			arns = append(arns, arn)
		}
	}
	definitions := map[string]string{}
	for chunk := range slices.Chunk(arns, 20) {
		out, err := c.Deployments.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: chunk})
		if err != nil {
			return nil, fmt.Errorf("describe service revisions: %w", err)
		}
		for _, revision := range out.ServiceRevisions {
			definitions[aws.ToString(revision.ServiceRevisionArn)] = aws.ToString(revision.TaskDefinition)
		}
	}
	return definitions, nil
}

// newerDeployment returns the ARN of a deployment of the service that was
// created after ours, "" if there is none.
func newerDeployment(ctx context.Context, c *Clients, s *ServicePlan, ours string) (string, error) {
	mine, err := describeDeployment(ctx, c, ours)
	if err != nil {
		return "", err
	}
	out, err := c.Deployments.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{
		Cluster: aws.String(s.Cluster), Service: aws.String(s.ARN), CreatedAt: &types.CreatedAt{After: mine.CreatedAt},
	})
	if err != nil {
		return "", fmt.Errorf("list deployments of service %s: %w", s.Name, err)
	}
	for _, d := range out.ServiceDeployments {
		if arn := aws.ToString(d.ServiceDeploymentArn); arn != ours && deref(d.CreatedAt).After(deref(mine.CreatedAt)) {
			return arn, nil
		}
	}
	return "", nil
}
