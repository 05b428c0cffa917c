package ecsdeploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/diag"
)

// rollingBack and underWay are the states of a service deployment that a new
// one would meet.
var (
	rollingBack = []types.ServiceDeploymentStatus{
		types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusRollbackInProgress,
	}
	underWay = []types.ServiceDeploymentStatus{types.ServiceDeploymentStatusPending, types.ServiceDeploymentStatusInProgress}
)

// inFlight refuses to deploy over a rollback: until it ends ECS has no
// completed deployment to go back to. A deployment in progress is superseded,
// or joined if it brings the same.
func (p *planner) inFlight(ctx context.Context, s *ServicePlan, same bool) {
	out, err := p.c.Deployments.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{
		Cluster: aws.String(s.Cluster), Service: aws.String(s.ARN), Status: append(rollingBack, underWay...),
	})
	if err != nil {
		p.plan.Warnings.Add(unchecked("deployments of service "+s.Name+" in progress", "ecs:ListServiceDeployments", s.ARN, err))
		return
	}
	for _, d := range out.ServiceDeployments {
		switch d.Status {
		case types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusRollbackInProgress:
			p.problems.Errorf("wait until the rollback has ended, then run again",
				"service %q is rolling back (%s)", s.Name, shortARN(aws.ToString(d.ServiceDeploymentArn)))
		default:
			if s.deployment = aws.ToString(d.ServiceDeploymentArn); same {
				continue
			}
			p.plan.Warnings.Warnf("nothing, if that is wanted; a concurrency group in the workflow queues them",
				"service %q has a deployment in progress (%s): this one will supersede it", s.Name,
				shortARN(aws.ToString(d.ServiceDeploymentArn)))
		}
	}
}

// alarms warns of alarms that fire already: ECS does not watch them in this
// deployment.
func (p *planner) alarms(ctx context.Context, service types.Service) {
	config := deref(deref(service.DeploymentConfiguration).Alarms)
	if !config.Enable || len(config.AlarmNames) == 0 {
		return
	}
	out, err := p.c.Alarms.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: config.AlarmNames})
	if err != nil {
		p.plan.Warnings.Add(unchecked("the alarms of service "+aws.ToString(service.ServiceName), "cloudwatch:DescribeAlarms", "*", err))
		return
	}
	for _, alarm := range out.MetricAlarms {
		if alarm.StateValue == cwtypes.StateValueAlarm {
			p.plan.Warnings.Warnf("clear the alarm first, if it is to guard this deployment",
				"alarm %q is in ALARM already: ECS will not watch it during this deployment", aws.ToString(alarm.AlarmName))
		}
	}
}

// capacity refuses a deployment that would prove nothing.
func (p *planner) capacity(service types.Service, s *ServicePlan) {
	if s.Desired == 0 && p.req.Rollout.DesiredCount == nil {
		p.problems.Errorf("set desired-count: 1 or more (or desired-count: 0 to deploy to no task on purpose)",
			"service %q has desired count 0: no task would show that the revision works", aws.ToString(service.ServiceName))
	}
}

// credentials warns of credentials that end before the wait does.
func (p *planner) credentials() {
	if p.req.Wait.Until == UntilStarted {
		return
	}
	longest := p.req.Wait.Timeout
	for _, s := range p.plan.Services {
		config := s.service.DeploymentConfiguration
		if s.update != nil && s.update.DeploymentConfiguration != nil {
			config = s.update.DeploymentConfiguration
		}
		longest = max(longest, p.req.Wait.Timeout+bakeTime(config))
	}
	end := p.c.CredentialsEnd
	if p.c.CredentialsUndated && longest > usualSession {
		p.plan.Warnings.Warnf("see that role-duration-seconds of the step that gets the credentials is long enough",
			"the wait may last %s and the credentials do not tell when they end: an hour is usual", longest)
	}
	if !end.IsZero() && time.Until(end) < longest {
		p.plan.Warnings.Warnf("raise role-duration-seconds of the step that gets the credentials, or lower wait-for-minutes",
			"the credentials end at %s, the wait may last until %s", end.UTC().Format("15:04 MST"),
			time.Now().Add(longest).UTC().Format("15:04 MST"))
	}
}

// usualSession is how long an assumed role lasts if nobody asks for more, less
// what the job needed so far.
const usualSession = 50 * time.Minute

// preflight checks what the tasks need before they can start.
func (p *planner) preflight(ctx context.Context) {
	p.secrets(ctx)
	p.logGroups(ctx)
	p.roles(ctx)
}

func isPlatform(err error) bool {
	_, ok := errors.AsType[*PlatformError](err)
	return ok
}

func summary(err error) string {
	if list := diag.From(err); len(list) > 0 {
		return list[0].Summary
	}
	return fmt.Sprint(err)
}
