package ecs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ListServiceDeployments lists a service's deployments, newest first.
func (s *Service) ListServiceDeployments(
	ctx context.Context, in *ecs.ListServiceDeploymentsInput,
) (*ecs.ListServiceDeploymentsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	svc := c.service(aws.ToString(in.Service))
	if svc == nil {
		return nil, serviceNotFound()
	}
	var all []string
	briefs := map[string]types.ServiceDeploymentBrief{}
	history := svc.history
	if svc.external() {
		history = nil // CodeDeploy's are not shown
	}
	for _, r := range history {
		if len(in.Status) > 0 && !slices.Contains(in.Status, r.status) || !r.within(in.CreatedAt) {
			continue
		}
		all = append(all, r.arn)
		briefs[r.arn] = types.ServiceDeploymentBrief{
			ServiceDeploymentArn: aws.String(r.arn), ServiceArn: aws.String(svc.arn), ClusterArn: aws.String(c.arn),
			TargetServiceRevisionArn: aws.String(r.target.rev.arn), Status: r.status, StatusReason: text(r.reason),
			CreatedAt: at(r.created), StartedAt: at(r.started), FinishedAt: at(r.finished),
		}
	}
	page, next, err := paginate(all, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ecs.ListServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeploymentBrief{}, NextToken: next}
	for _, arn := range page {
		out.ServiceDeployments = append(out.ServiceDeployments, briefs[arn])
	}
	return out, nil
}

// within reports whether the deployment was created in a time range.
func (r *rollout) within(span *types.CreatedAt) bool {
	if span == nil {
		return true
	}
	return (span.After == nil || !r.created.Before(*span.After)) && (span.Before == nil || !r.created.After(*span.Before))
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return aws.String(s)
}

// find finds a service deployment by ARN; the caller holds the lock.
func (s *Service) find(arn string) *rollout {
	for _, key := range slices.Sorted(maps.Keys(s.clusters)) {
		for _, svc := range s.clusters[key].services {
			for _, r := range svc.history {
				if r.arn == arn {
					return r
				}
			}
		}
	}
	return nil
}

// DescribeServiceDeployments describes up to 20 service deployments.
func (s *Service) DescribeServiceDeployments(
	_ context.Context, in *ecs.DescribeServiceDeploymentsInput,
) (*ecs.DescribeServiceDeploymentsOutput, error) {
	if n := len(in.ServiceDeploymentArns); n == 0 || n > 20 {
		return nil, invalid("serviceDeploymentArns must have between 1 and 20 elements.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &ecs.DescribeServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeployment{}, Failures: []types.Failure{}}
	for _, arn := range in.ServiceDeploymentArns {
		if r := s.find(arn); r != nil {
			out.ServiceDeployments = append(out.ServiceDeployments, r.describe())
		} else {
			out.Failures = append(out.Failures, missing(arn))
		}
	}
	return out, nil
}

func (r *rollout) describe() types.ServiceDeployment {
	config := r.config
	d := types.ServiceDeployment{
		ServiceDeploymentArn: aws.String(r.arn), ServiceArn: aws.String(r.service.arn), ClusterArn: aws.String(r.service.cluster.arn),
		Status: r.status, StatusReason: text(r.reason), LifecycleStage: r.stage, LifecycleHookDetails: r.describeHooks(),
		CreatedAt: at(r.created), StartedAt: at(r.started), UpdatedAt: at(r.updated), FinishedAt: at(r.finished),
		StoppedAt: at(r.stopped), DeploymentConfiguration: &config, DeploymentCircuitBreaker: r.breaker.describe(r),
		Alarms: r.alarms.describe(r), Rollback: r.back, TargetServiceRevision: r.summary(r.target),
	}
	for _, source := range r.source {
		d.SourceServiceRevisions = append(d.SourceServiceRevisions, *r.summary(source))
	}
	return d
}

// summary is a service revision's part in the deployment.
func (r *rollout) summary(d *deployment) *types.ServiceRevisionSummary {
	running, pending := d.counts()
	summary := &types.ServiceRevisionSummary{
		Arn: aws.String(d.rev.arn), RequestedTaskCount: int32(d.desired), //nolint:gosec // small
		RunningTaskCount: running, PendingTaskCount: pending,
	}
	if r.shifts() {
		summary.RequestedProductionTrafficWeight = aws.Float64(d.weight)
		summary.RequestedTestTrafficWeight = aws.Float64(d.test)
	}
	return summary
}

// DescribeServiceRevisions describes up to 20 service revisions.
func (s *Service) DescribeServiceRevisions(
	_ context.Context, in *ecs.DescribeServiceRevisionsInput,
) (*ecs.DescribeServiceRevisionsOutput, error) {
	if n := len(in.ServiceRevisionArns); n == 0 || n > 20 {
		return nil, invalid("serviceRevisionArns must have between 1 and 20 elements.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &ecs.DescribeServiceRevisionsOutput{ServiceRevisions: []types.ServiceRevision{}, Failures: []types.Failure{}}
	for _, arn := range in.ServiceRevisionArns {
		if d := s.revisionByARN(arn); d != nil {
			out.ServiceRevisions = append(out.ServiceRevisions, d.revision())
		} else {
			out.Failures = append(out.Failures, missing(arn))
		}
	}
	return out, nil
}

// revisionByARN finds the deployment of a service revision; the caller holds the lock.
func (s *Service) revisionByARN(arn string) *deployment {
	for _, c := range s.clusters {
		for _, svc := range c.services {
			for _, r := range svc.history {
				if r.target.rev.arn == arn {
					return r.target
				}
			}
		}
	}
	return nil
}

func (d *deployment) revision() types.ServiceRevision {
	rev, set := d.rev, d.rev.settings
	out := types.ServiceRevision{
		ServiceRevisionArn: aws.String(rev.arn), ServiceArn: aws.String(d.service.arn), ClusterArn: aws.String(d.service.cluster.arn),
		TaskDefinition: rev.def.TaskDefinitionArn, CreatedAt: at(rev.created), LaunchType: set.launch,
		CapacityProviderStrategy: set.strategy, NetworkConfiguration: set.network, LoadBalancers: rev.balancers,
		ResolvedConfiguration: &types.ResolvedConfiguration{},
	}
	if set.launch == types.LaunchTypeFargate {
		out.PlatformVersion, out.PlatformFamily = aws.String("1.4.0"), aws.String("Linux")
	}
	for _, c := range rev.def.ContainerDefinitions {
		out.ContainerImages = append(out.ContainerImages, types.ContainerImage{
			ContainerName: c.Name, Image: c.Image, ImageDigest: text(rev.digests[*c.Name]),
		})
	}
	for i, lb := range rev.balancers {
		resolved := types.ServiceRevisionLoadBalancer{TargetGroupArn: aws.String(rev.groups[i])}
		if lb.AdvancedConfiguration != nil {
			resolved.ProductionListenerRule = lb.AdvancedConfiguration.ProductionListenerRule
		}
		out.ResolvedConfiguration.LoadBalancers = append(out.ResolvedConfiguration.LoadBalancers, resolved)
	}
	return out
}

// StopServiceDeployment stops a deployment that is in progress: with a rollback, or where it stands.
func (s *Service) StopServiceDeployment(
	_ context.Context, in *ecs.StopServiceDeploymentInput,
) (*ecs.StopServiceDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.open(in.ServiceDeploymentArn)
	if err != nil {
		return nil, err
	}
	if in.StopType == types.StopServiceDeploymentStopTypeAbort {
		s.set(r, types.ServiceDeploymentStatusStopRequested, "Service deployment was stopped by the user.")
	} else {
		s.requestRollback(r, "Service deployment rolled back because it was stopped by the user.")
	}
	return &ecs.StopServiceDeploymentOutput{ServiceDeploymentArn: in.ServiceDeploymentArn}, nil
}

// open finds a deployment that goes forward; the caller holds the lock.
func (s *Service) open(arn *string) (*rollout, error) {
	if !strings.Contains(aws.ToString(arn), ":service-deployment/") {
		return nil, invalid("Invalid service deployment ARN: %s", aws.ToString(arn))
	}
	r := s.find(*arn)
	if r == nil {
		return nil, &types.ServiceDeploymentNotFoundException{Message: aws.String("Service deployment not found.")}
	}
	if r.status != types.ServiceDeploymentStatusPending && r.status != types.ServiceDeploymentStatusInProgress {
		return nil, &types.ConflictException{Message: aws.String(fmt.Sprintf(
			"The service deployment is in status %s and cannot be changed.", r.status))}
	}
	return r, nil
}

// ContinueServiceDeployment answers a PAUSE hook.
func (s *Service) ContinueServiceDeployment(
	_ context.Context, in *ecs.ContinueServiceDeploymentInput,
) (*ecs.ContinueServiceDeploymentOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.open(in.ServiceDeploymentArn)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(r.hooks, func(h *hook) bool { return h.id == aws.ToString(in.HookId) })
	if i < 0 {
		return nil, invalid("The lifecycle hook %s was not found.", aws.ToString(in.HookId))
	}
	h := r.hooks[i]
	if h.status != types.DeploymentLifecycleHookStatusAwaitingAction {
		return nil, &types.ConflictException{Message: aws.String("The lifecycle hook is not awaiting an action.")}
	}
	if in.Action == types.DeploymentLifecycleHookActionRollback {
		h.status = types.DeploymentLifecycleHookStatusFailed
		s.requestRollback(r, "Service deployment rolled back because "+string(h.stage)+" lifecycle hook(s) failed.")
	} else {
		h.status = types.DeploymentLifecycleHookStatusSucceeded
		r.service.poke()
	}
	return &ecs.ContinueServiceDeploymentOutput{ServiceDeploymentArn: in.ServiceDeploymentArn}, nil
}
