package ecsdeploy

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

// secrets checks that everything in `secrets` exists; values are not shown,
// and secrets of Secrets Manager are not even read.
func (p *planner) secrets(ctx context.Context) {
	parameters := map[string][]taskdef.Secret{}
	for _, secret := range p.plan.Target.Secrets() {
		switch service, region := arnPart(secret.From, 2), arnPart(secret.From, 3); {
		case region != "" && p.c.Region != "" && region != p.c.Region:
			// Another region: these clients cannot look there.
		case service == "secretsmanager":
			p.secret(ctx, secret)
		default:
			name := parameterName(secret.From)
			parameters[name] = append(parameters[name], secret)
		}
	}
	names := make([]string, 0, len(parameters))
	for name := range parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	for chunk := range slices.Chunk(names, 10) {
		out, err := p.c.Parameters.GetParameters(ctx, &ssm.GetParametersInput{Names: chunk})
		if err != nil {
			p.plan.Warnings.Add(unchecked("the parameters in `secrets`", "ssm:GetParameters", strings.Join(chunk, ", "), err))
			continue
		}
		for _, name := range out.InvalidParameters {
			for _, secret := range parameters[name] {
				p.noSecret(secret, "SSM parameter "+name)
			}
		}
	}
}

func (p *planner) secret(ctx context.Context, secret taskdef.Secret) {
	// arn:partition:secretsmanager:region:account:secret:name[:key[:stage[:version]]]
	parts := strings.Split(secret.From, ":")
	id := strings.Join(parts[:min(len(parts), 7)], ":")
	_, err := p.c.Secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(id)})
	switch {
	case err == nil:
	case hasCode(err, "ResourceNotFoundException"):
		p.noSecret(secret, "secret "+id)
	default:
		p.plan.Warnings.Add(unchecked("the secret of variable "+secret.Name, "secretsmanager:DescribeSecret", id, err))
	}
}

func (p *planner) noSecret(secret taskdef.Secret, what string) {
	p.problems.Errorf("create it, or correct valueFrom",
		"container %q: variable %s refers to %s, which does not exist", secret.Container, secret.Name, what)
}

func parameterName(from string) string {
	if _, name, ok := strings.Cut(from, ":parameter"); ok {
		if strings.Count(name, "/") == 1 {
			return strings.TrimPrefix(name, "/")
		}
		return name
	}
	return from
}

func arnPart(arn string, i int) string {
	if parts := strings.Split(arn, ":"); parts[0] == "arn" && len(parts) > i {
		return parts[i]
	}
	return ""
}

// logGroups checks that every awslogs group exists, unless ECS may create it.
func (p *planner) logGroups(ctx context.Context) {
	seen := map[string]bool{}
	for _, container := range p.plan.Target.Containers() {
		driver, options := p.plan.Target.LogOptions(container)
		group, region := options["awslogs-group"], options["awslogs-region"]
		if driver != "awslogs" || group == "" || seen[group] || options["awslogs-create-group"] == "true" ||
			(region != "" && p.c.Region != "" && region != p.c.Region) {
			continue
		}
		seen[group] = true
		out, err := p.c.Logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(group)})
		if err != nil {
			p.plan.Warnings.Add(unchecked("log group "+group, "logs:DescribeLogGroups", "*", err))
			continue
		}
		exists := false
		for _, g := range out.LogGroups {
			exists = exists || aws.ToString(g.LogGroupName) == group
		}
		if !exists {
			p.problems.Errorf("create it with `aws logs create-log-group`, or set the option awslogs-create-group to true",
				"container %q: log group %q does not exist", container, group)
		}
	}
}

// roles checks that the roles of the task exist and that the caller may pass
// them to ECS.
func (p *planner) roles(ctx context.Context) {
	var arns []string
	for _, role := range []string{p.plan.Target.ExecutionRole(), p.plan.Target.TaskRole()} {
		if role == "" || slices.Contains(arns, role) || p.plan.TaskDefinition != "" {
			continue
		}
		name := role[strings.LastIndex(role, "/")+1:]
		_, err := p.c.Roles.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(name)})
		switch {
		case err == nil && strings.HasPrefix(role, "arn:"):
			arns = append(arns, role)
		case err == nil:
		case hasCode(err, "NoSuchEntity", "NoSuchEntityException"):
			p.problems.Errorf("create the role, or correct executionRoleArn or taskRoleArn", "role %s does not exist", role)
		default:
			p.plan.Warnings.Add(unchecked("role "+name, "iam:GetRole", role, err))
		}
	}
	if len(arns) == 0 || p.c.Caller == "" {
		return
	}
	p.passRole(ctx, arns)
}

func (p *planner) passRole(ctx context.Context, arns []string) {
	out, err := p.c.Roles.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String(roleOfSession(p.c.Caller)), ActionNames: []string{"iam:PassRole"}, ResourceArns: arns,
		ContextEntries: []iamtypes.ContextEntry{{
			ContextKeyName: aws.String("iam:PassedToService"), ContextKeyType: iamtypes.ContextKeyTypeEnumString,
			ContextKeyValues: []string{"ecs-tasks.amazonaws.com"},
		}},
	})
	if err != nil {
		p.plan.Warnings.Add(unchecked("whether the roles can be passed", "iam:SimulatePrincipalPolicy", roleOfSession(p.c.Caller), err))
		return
	}
	for _, result := range out.EvaluationResults {
		if result.EvalDecision != iamtypes.PolicyEvaluationDecisionTypeAllowed {
			p.problems.Errorf("allow iam:PassRole on it with the condition iam:PassedToService = ecs-tasks.amazonaws.com",
				"the caller may not pass role %s to ECS", aws.ToString(result.EvalResourceName))
		}
	}
}

// roleOfSession turns the ARN of an assumed role's session into that of the
// role, which is what IAM simulates. A path in the role's name is not in the
// session's ARN and is lost.
func roleOfSession(caller string) string {
	parts := strings.Split(caller, ":")
	if len(parts) == 6 && parts[2] == "sts" && strings.HasPrefix(parts[5], "assumed-role/") {
		role := strings.Split(parts[5], "/")[1]
		return strings.Join([]string{parts[0], parts[1], "iam", "", parts[4], "role/" + role}, ":")
	}
	return caller
}

// missing tells whether a registry said that an image does not exist.
func missing(err error) bool {
	refused, ok := errors.AsType[*transport.Error](err)
	return ok && refused.StatusCode == http.StatusNotFound
}
