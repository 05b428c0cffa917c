package codedeploy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"go.yaml.in/yaml/v3"
)

// appSpec is the content of a revision. CodeDeploy takes YAML and JSON, and names in any case.
// https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html
type appSpec struct {
	TaskDefinition string
	Hooks          []appHook
}

// appHook is a Lambda function that is called at an event of the deployment.
type appHook struct{ event, function string }

// events are the hooks of a deployment to ECS, by the stage of the shift that they come after. BeforeInstall comes first.
var events = map[string]ecstypes.DeploymentLifecycleHookStage{
	"BeforeInstall":         "",
	"AfterInstall":          ecstypes.DeploymentLifecycleHookStagePostScaleUp,
	"AfterAllowTestTraffic": ecstypes.DeploymentLifecycleHookStagePostTestTrafficShift,
	"BeforeAllowTraffic":    ecstypes.DeploymentLifecycleHookStagePostTestTrafficShift,
	"AfterAllowTraffic":     ecstypes.DeploymentLifecycleHookStagePostProductionTrafficShift,
}

// parse reads the revision of a deployment.
func parse(revision *types.RevisionLocation) (appSpec, error) {
	var spec appSpec
	if revision == nil {
		return spec, &types.RevisionRequiredException{Message: aws.String("A revision must be specified.")}
	}
	if revision.RevisionType != types.RevisionLocationTypeAppSpecContent || revision.AppSpecContent == nil {
		return spec, badRevision("local AWS takes the revision type AppSpecContent only")
	}
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(aws.ToString(revision.AppSpecContent.Content)), &tree); err != nil {
		return spec, badRevision("the AppSpec cannot be read: %v", err)
	}
	resources, _ := member(tree, "resources").([]any)
	for _, item := range resources {
		service := member(member(item, "targetService"), "properties")
		spec.TaskDefinition, _ = member(service, "taskDefinition").(string)
	}
	if len(resources) != 1 || spec.TaskDefinition == "" {
		return spec, badRevision("the AppSpec must have one resource TargetService with a TaskDefinition")
	}
	hooks, _ := member(tree, "hooks").([]any)
	for _, item := range hooks {
		fields, _ := item.(map[string]any)
		for event, function := range fields {
			if _, known := events[event]; !known {
				return spec, badRevision("the AppSpec has the unknown hook %s", event)
			}
			spec.Hooks = append(spec.Hooks, appHook{event, fmt.Sprint(function)})
		}
	}
	return spec, nil
}

func badRevision(format string, args ...any) error {
	return &types.InvalidRevisionException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// member reads a member of an object regardless of case.
func member(object any, name string) any {
	fields, _ := object.(map[string]any)
	for k, v := range fields {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

// at are the hooks of one stage.
func (a appSpec) at(stage ecstypes.DeploymentLifecycleHookStage) []appHook {
	return slices.DeleteFunc(slices.Clone(a.Hooks), func(h appHook) bool { return events[h.event] != stage })
}

// pauses are the stages that the shift must stop at for hooks.
func (a appSpec) pauses() []ecstypes.DeploymentLifecycleHookStage {
	var stages []ecstypes.DeploymentLifecycleHookStage
	for _, h := range a.Hooks {
		if stage := events[h.event]; stage != "" && !slices.Contains(stages, stage) {
			stages = append(stages, stage)
		}
	}
	return stages
}
