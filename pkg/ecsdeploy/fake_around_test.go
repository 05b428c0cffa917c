package ecsdeploy

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	aastypes "github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/pkg/diag"
)

func (f *fakeAWS) ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("ListTasks"); err != nil {
		return nil, err
	}
	out := &ecs.ListTasksOutput{}
	for _, task := range f.tasks {
		if !task.StoppedAt.After(time.Now()) {
			out.TaskArns = append(out.TaskArns, *task.TaskArn)
		}
	}
	return out, nil
}

func (f *fakeAWS) DescribeTasks(_ context.Context, in *ecs.DescribeTasksInput, _ ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("DescribeTasks"); err != nil {
		return nil, err
	}
	out := &ecs.DescribeTasksOutput{}
	for _, task := range append(f.tasks, f.runTask) {
		if slices.Contains(in.Tasks, aws.ToString(task.TaskArn)) {
			out.Tasks = append(out.Tasks, task)
		}
	}
	return out, nil
}

func (f *fakeAWS) RunTask(_ context.Context, in *ecs.RunTaskInput, _ ...func(*ecs.Options)) (*ecs.RunTaskOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("RunTask"); err != nil {
		return nil, err
	}
	f.ran = append(f.ran, in)
	if f.runTask.TaskArn == nil {
		return &ecs.RunTaskOutput{Failures: []types.Failure{{Reason: aws.String("RESOURCE:MEMORY")}}}, nil
	}
	return &ecs.RunTaskOutput{Tasks: []types.Task{f.runTask}}, nil
}

func (f *fakeAWS) GetLogEvents(_ context.Context, in *cloudwatchlogs.GetLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.GetLogEventsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("GetLogEvents"); err != nil {
		return nil, err
	}
	lines, ok := f.logs[*in.LogStreamName]
	if !ok {
		return nil, apiError("ResourceNotFoundException", "The specified log stream does not exist.")
	}
	out := &cloudwatchlogs.GetLogEventsOutput{NextForwardToken: aws.String("end")}
	if in.NextToken == nil {
		for _, line := range lines {
			out.Events = append(out.Events, logtypes.OutputLogEvent{Message: aws.String(line)})
		}
	}
	return out, nil
}

func (f *fakeAWS) DescribeLogGroups(_ context.Context, in *cloudwatchlogs.DescribeLogGroupsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("DescribeLogGroups"); err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.DescribeLogGroupsOutput{}
	if *in.LogGroupNamePrefix == "/web" {
		out.LogGroups = []logtypes.LogGroup{{LogGroupName: aws.String("/web")}}
	}
	return out, nil
}

func (f *fakeAWS) DescribeTargetHealth(context.Context, *elasticloadbalancingv2.DescribeTargetHealthInput, ...func(*elasticloadbalancingv2.Options)) (*elasticloadbalancingv2.DescribeTargetHealthOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &elasticloadbalancingv2.DescribeTargetHealthOutput{}
	for _, h := range f.health {
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, elbtypes.TargetHealthDescription{TargetHealth: &h})
	}
	return out, f.call("DescribeTargetHealth")
}

func (f *fakeAWS) GetParameters(_ context.Context, in *ssm.GetParametersInput, _ ...func(*ssm.Options)) (*ssm.GetParametersOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &ssm.GetParametersOutput{}
	for _, name := range in.Names {
		if slices.Contains(f.noSecrets, name) {
			out.InvalidParameters = append(out.InvalidParameters, name)
		}
	}
	return out, f.call("GetParameters")
}

func (f *fakeAWS) DescribeSecret(_ context.Context, in *secretsmanager.DescribeSecretInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(f.noSecrets, *in.SecretId) {
		return nil, apiError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	return &secretsmanager.DescribeSecretOutput{}, f.call("DescribeSecret")
}

func (f *fakeAWS) GetRole(_ context.Context, in *iam.GetRoleInput, _ ...func(*iam.Options)) (*iam.GetRoleOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("GetRole"); err != nil {
		return nil, err
	}
	if _, ok := f.roles[*in.RoleName]; !ok {
		return nil, &iamtypes.NoSuchEntityException{}
	}
	return &iam.GetRoleOutput{}, nil
}

func (f *fakeAWS) SimulatePrincipalPolicy(_ context.Context, in *iam.SimulatePrincipalPolicyInput, _ ...func(*iam.Options)) (*iam.SimulatePrincipalPolicyOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &iam.SimulatePrincipalPolicyOutput{}
	for _, arn := range in.ResourceArns {
		decision := iamtypes.PolicyEvaluationDecisionTypeImplicitDeny
		if f.roles[shortARN(arn)] {
			decision = iamtypes.PolicyEvaluationDecisionTypeAllowed
		}
		out.EvaluationResults = append(out.EvaluationResults, iamtypes.EvaluationResult{EvalDecision: decision, EvalResourceName: aws.String(arn)})
	}
	return out, f.call("SimulatePrincipalPolicy")
}

func (f *fakeAWS) DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &cloudwatch.DescribeAlarmsOutput{MetricAlarms: f.alarms}, f.call("DescribeAlarms")
}

func (f *fakeAWS) DescribeScalableTargets(context.Context, *applicationautoscaling.DescribeScalableTargetsInput, ...func(*applicationautoscaling.Options)) (*applicationautoscaling.DescribeScalableTargetsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &applicationautoscaling.DescribeScalableTargetsOutput{ScalableTargets: f.targets}, f.call("DescribeScalableTargets")
}

func (f *fakeAWS) DescribeScalingPolicies(context.Context, *applicationautoscaling.DescribeScalingPoliciesInput, ...func(*applicationautoscaling.Options)) (*applicationautoscaling.DescribeScalingPoliciesOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &applicationautoscaling.DescribeScalingPoliciesOutput{ScalingPolicies: f.policies}, f.call("DescribeScalingPolicies")
}

func (f *fakeAWS) RegisterScalableTarget(_ context.Context, in *applicationautoscaling.RegisterScalableTargetInput, _ ...func(*applicationautoscaling.Options)) (*applicationautoscaling.RegisterScalableTargetOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.targets = []aastypes.ScalableTarget{{MinCapacity: in.MinCapacity, MaxCapacity: in.MaxCapacity}}
	return &applicationautoscaling.RegisterScalableTargetOutput{}, f.call("RegisterScalableTarget")
}

func (f *fakeAWS) PutScalingPolicy(_ context.Context, in *applicationautoscaling.PutScalingPolicyInput, _ ...func(*applicationautoscaling.Options)) (*applicationautoscaling.PutScalingPolicyOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.countLocked("PutScalingPolicy") == 0 {
		f.calls = append(f.calls, "PutScalingPolicy")
		return nil, apiError("ConcurrentUpdateException", "try again")
	}
	f.policies = append(f.policies, aastypes.ScalingPolicy{PolicyName: in.PolicyName, TargetTrackingScalingPolicyConfiguration: in.TargetTrackingScalingPolicyConfiguration})
	return &applicationautoscaling.PutScalingPolicyOutput{}, f.call("PutScalingPolicy")
}

// countLocked is count for a caller that holds the lock.
func (f *fakeAWS) countLocked(name string) (n int) {
	for _, call := range f.calls {
		if call == name {
			n++
		}
	}
	return n
}

func (f *fakeAWS) Resolve(_ context.Context, ref, _, _ string) (Image, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	image, ok := f.images[ref]
	if !ok {
		return Image{}, &diag.Diagnostic{Summary: "image " + ref + " does not exist in its registry", Try: "check the name"}
	}
	return image, f.call("Resolve")
}
