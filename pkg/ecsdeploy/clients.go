// Package ecsdeploy takes a task definition to healthy ECS services, and says
// truthfully how that ended.
//
// Make a Plan (which only reads), show it, Apply it. A Plan is a deployment
// or a rollback; Promote and Read work on what is already there.
package ecsdeploy

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// TaskDefinitions reads and registers task definition revisions.
type TaskDefinitions interface {
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
	RegisterTaskDefinition(context.Context, *ecs.RegisterTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.RegisterTaskDefinitionOutput, error)
}

// Services reads clusters and services, and changes services.
type Services interface {
	DescribeClusters(context.Context, *ecs.DescribeClustersInput, ...func(*ecs.Options)) (*ecs.DescribeClustersOutput, error)
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	UpdateService(context.Context, *ecs.UpdateServiceInput, ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error)
}

// Deployments reads service deployments and revisions, and steers deployments.
type Deployments interface {
	ListServiceDeployments(context.Context, *ecs.ListServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.ListServiceDeploymentsOutput, error)
	DescribeServiceDeployments(context.Context, *ecs.DescribeServiceDeploymentsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceDeploymentsOutput, error)
	DescribeServiceRevisions(context.Context, *ecs.DescribeServiceRevisionsInput, ...func(*ecs.Options)) (*ecs.DescribeServiceRevisionsOutput, error)
	StopServiceDeployment(context.Context, *ecs.StopServiceDeploymentInput, ...func(*ecs.Options)) (*ecs.StopServiceDeploymentOutput, error)
	ContinueServiceDeployment(context.Context, *ecs.ContinueServiceDeploymentInput, ...func(*ecs.Options)) (*ecs.ContinueServiceDeploymentOutput, error)
}

// Tasks reads tasks and runs one-off tasks.
type Tasks interface {
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	RunTask(context.Context, *ecs.RunTaskInput, ...func(*ecs.Options)) (*ecs.RunTaskOutput, error)
}

// Logs reads CloudWatch Logs.
type Logs interface {
	GetLogEvents(context.Context, *cloudwatchlogs.GetLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error)
	DescribeLogGroups(context.Context, *cloudwatchlogs.DescribeLogGroupsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeLogGroupsOutput, error)
}

// Targets reads the health of a load balancer's targets.
type Targets interface {
	DescribeTargetHealth(context.Context, *elasticloadbalancingv2.DescribeTargetHealthInput, ...func(*elasticloadbalancingv2.Options)) (*elasticloadbalancingv2.DescribeTargetHealthOutput, error)
}

// Parameters tells which SSM parameters exist.
type Parameters interface {
	GetParameters(context.Context, *ssm.GetParametersInput, ...func(*ssm.Options)) (*ssm.GetParametersOutput, error)
}

// Secrets tells which secrets exist. It never reads their values.
type Secrets interface {
	DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error)
}

// Roles tells which roles exist and can be passed.
type Roles interface {
	GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
	SimulatePrincipalPolicy(context.Context, *iam.SimulatePrincipalPolicyInput, ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error)
}

// Alarms reads CloudWatch alarms.
type Alarms interface {
	DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
}

// Autoscaling reads and registers Application Auto Scaling of services.
type Autoscaling interface {
	DescribeScalableTargets(context.Context, *applicationautoscaling.DescribeScalableTargetsInput, ...func(*applicationautoscaling.Options)) (*applicationautoscaling.DescribeScalableTargetsOutput, error)
	DescribeScalingPolicies(context.Context, *applicationautoscaling.DescribeScalingPoliciesInput, ...func(*applicationautoscaling.Options)) (*applicationautoscaling.DescribeScalingPoliciesOutput, error)
	RegisterScalableTarget(context.Context, *applicationautoscaling.RegisterScalableTargetInput, ...func(*applicationautoscaling.Options)) (*applicationautoscaling.RegisterScalableTargetOutput, error)
	PutScalingPolicy(context.Context, *applicationautoscaling.PutScalingPolicyInput, ...func(*applicationautoscaling.Options)) (*applicationautoscaling.PutScalingPolicyOutput, error)
}

// CodeDeploy deploys services whose deployment controller is CODE_DEPLOY.
type CodeDeploy interface {
	GetDeploymentGroup(context.Context, *codedeploy.GetDeploymentGroupInput, ...func(*codedeploy.Options)) (*codedeploy.GetDeploymentGroupOutput, error)
	CreateDeployment(context.Context, *codedeploy.CreateDeploymentInput, ...func(*codedeploy.Options)) (*codedeploy.CreateDeploymentOutput, error)
	GetDeployment(context.Context, *codedeploy.GetDeploymentInput, ...func(*codedeploy.Options)) (*codedeploy.GetDeploymentOutput, error)
	StopDeployment(context.Context, *codedeploy.StopDeploymentInput, ...func(*codedeploy.Options)) (*codedeploy.StopDeploymentOutput, error)
}

// Images finds images in their registries.
type Images interface {
	// Resolve returns what a reference points at for a platform, such as
	// linux and amd64.
	Resolve(ctx context.Context, ref, os, arch string) (Image, error)
}

// Clients is AWS as this package sees it.
type Clients struct {
	TaskDefinitions TaskDefinitions
	Services        Services
	Deployments     Deployments
	Tasks           Tasks
	Logs            Logs
	Targets         Targets
	Parameters      Parameters
	Secrets         Secrets
	Roles           Roles
	Alarms          Alarms
	Autoscaling     Autoscaling
	CodeDeploy      CodeDeploy
	Images          Images
	// Region is where the clients work.
	Region string
	// Account and Caller are the account number and the ARN of the caller.
	Account, Caller string
	// CredentialsEnd is when the credentials expire and cannot be renewed by
	// the chain; zero means that they can, or never expire.
	CredentialsEnd time.Time
	// CredentialsUndated is true for credentials that end at a time that they
	// do not tell.
	CredentialsUndated bool
}

var (
	_ TaskDefinitions = (*ecs.Client)(nil)
	_ Services        = (*ecs.Client)(nil)
	_ Deployments     = (*ecs.Client)(nil)
	_ Tasks           = (*ecs.Client)(nil)
	_ Logs            = (*cloudwatchlogs.Client)(nil)
	_ Targets         = (*elasticloadbalancingv2.Client)(nil)
	_ Parameters      = (*ssm.Client)(nil)
	_ Secrets         = (*secretsmanager.Client)(nil)
	_ Roles           = (*iam.Client)(nil)
	_ Alarms          = (*cloudwatch.Client)(nil)
	_ Autoscaling     = (*applicationautoscaling.Client)(nil)
	_ CodeDeploy      = (*codedeploy.Client)(nil)
)
