package scheduler

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

const universal = "arn:aws:scheduler:::aws-sdk:"

// signingNames are the services of universal targets whose SDK identifier differs from the signing name.
var signingNames = map[string]string{
	"applicationautoscaling": "application-autoscaling", "elasticloadbalancingv2": "elasticloadbalancing",
	"cloudwatch": "monitoring", "cloudwatchlogs": "logs", "sesv2": "ses",
}

// readOnly are the beginnings of actions that universal targets refuse.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
var readOnly = []string{"get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read", "lookup",
	"discover", "validate", "batchGet", "batchDescribe", "batchRead"}

// parseUniversal splits arn:aws:scheduler:::aws-sdk:rds:stopDBInstance.
func parseUniversal(arn string) (service, operation string, ok bool) {
	rest, ok := strings.CutPrefix(arn, universal)
	service, action, two := strings.Cut(rest, ":")
	if !ok || !two || action == "" || !unicode.IsLower(rune(action[0])) {
		return "", "", false
	}
	if name := signingNames[service]; name != "" {
		service = name
	}
	return service, strings.ToUpper(action[:1]) + action[1:], true
}

// checkTarget refuses what AWS refuses when a schedule is made, rather than when it fires.
func (s *Service) checkTarget(t *types.Target) error {
	if t == nil || aws.ToString(t.Arn) == "" || aws.ToString(t.RoleArn) == "" {
		return invalid("Target requires an Arn and a RoleArn.")
	}
	service, operation, ok := parseUniversal(*t.Arn)
	switch {
	case !ok && strings.HasPrefix(*t.Arn, universal):
		return invalid("Provided Arn is not in correct format. %s", *t.Arn)
	case !ok && t.EcsParameters != nil && t.Input != nil:
		return invalid("local AWS does not pass overrides to scheduled ECS tasks.")
	case !ok && t.EcsParameters != nil:
		return nil // a task on a cluster
	case !ok:
		return invalid("local AWS fires universal targets (%sservice:action) and ECS tasks only, not %s", universal, *t.Arn)
	}
	action := strings.ToLower(operation[:1]) + operation[1:]
	if slices.ContainsFunc(readOnly, func(p string) bool { return strings.HasPrefix(action, p) }) {
		return invalid("Action %s is not supported: universal targets can't be read-only.", action)
	}
	if err := s.invoker.Check(service, operation, []byte(input(t)), pascal); err != nil {
		return invalid("Invalid RequestJson provided. Reason %v", err)
	}
	return nil
}

func input(t *types.Target) string {
	if in := aws.ToString(t.Input); in != "" {
		return in
	}
	return "{}"
}

// invoke calls the target as its role would.
func (s *Service) invoke(x *schedule, t *types.Target, due time.Time) error {
	ctx := wire.WithCaller(s.ctx, wire.Identity{AccountID: x.Owner.AccountID, Region: x.Owner.Region,
		AccessKeyID: "scheduler.amazonaws.com", ARN: aws.ToString(t.RoleArn)})
	if service, operation, ok := parseUniversal(*t.Arn); ok {
		text := strings.NewReplacer("<aws.scheduler.schedule-arn>", x.arn(), "<aws.scheduler.scheduled-time>",
			due.UTC().Format(time.RFC3339)).Replace(input(t))
		_, err := s.invoker.Invoke(ctx, service, operation, []byte(text), pascal)
		return err //nolint:wrapcheck // kept as the service gave it
	}
	body, err := json.Marshal(runTask(t))
	if err != nil {
		return err //nolint:wrapcheck // strings and numbers always marshal
	}
	_, err = s.invoker.Invoke(ctx, "ecs", "RunTask", body, pascal)
	return err //nolint:wrapcheck // kept as the service gave it
}

// runTask is the input of ecs:RunTask that a templated target stands for.
func runTask(t *types.Target) map[string]any {
	p := t.EcsParameters
	return map[string]any{"Cluster": t.Arn, "TaskDefinition": p.TaskDefinitionArn, "LaunchType": p.LaunchType,
		"Group": p.Group, "Count": p.TaskCount, "NetworkConfiguration": p.NetworkConfiguration}
}

// pascal spells members as the SDK for Java does, which is what universal targets want: DBInstanceIdentifier becomes
// DbInstanceIdentifier.
func pascal(_, field string) string {
	runes := []rune(field)
	for i := 1; i < len(runes); i++ {
		upper := unicode.IsUpper(runes[i])
		startsWord := i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if upper && unicode.IsUpper([]rune(field)[i-1]) && !startsWord {
			runes[i] = unicode.ToLower(runes[i])
		}
	}
	return string(runes)
}
