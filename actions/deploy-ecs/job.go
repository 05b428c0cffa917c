package deployecs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

// longest is the most minutes that a wait can take, as ever.
const longest = 360

// request turns the inputs into a request, or names everything that is wrong
// with them. Paths are relative to workspace. Warnings are about inputs that
// have no effect.
func (in inputs) request(workspace string) (req ecsdeploy.Request, warnings diag.List, err error) {
	b := &builder{in: in, workspace: workspace}
	b.req = ecsdeploy.Request{Cluster: in.Cluster, PinImages: in.PinImages, RegisterOnly: in.Until == "registered"}
	b.services()
	b.wait()
	if in.Mode == "deploy" || in.Mode == "plan" {
		b.source()
		b.overrides()
		b.rollout()
		b.runTask()
		b.scaling()
	}
	if in.Mode != "promote" && in.Mode != "status" {
		b.codeDeploy()
	}
	return b.req, b.warnings, b.problems.Err()
}

// builder gathers a request and its problems.
type builder struct {
	in        inputs
	workspace string
	req       ecsdeploy.Request
	problems  diag.List
	warnings  diag.List
}

// services refuses an empty name unless only a registration or a one-off task
// is asked for: a variable that happens to be empty must not pass silently.
func (b *builder) services() {
	names := b.in.Services
	if b.in.Service != "" {
		names = append([]string{b.in.Service}, names...)
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			b.problems.Errorf("name each service once", "inputs \"service\" and \"services\" name %q twice", name)
		}
	}
	deploys := b.in.Mode == "deploy" || b.in.Mode == "plan"
	if len(names) > 0 && b.req.RegisterOnly && deploys {
		b.warnings.Warnf("remove the services, or wait-until: registered", "the services are not touched with wait-until: registered")
		names = nil
	}
	without := deploys && (b.req.RegisterOnly || b.in.RunTask)
	if len(names) == 0 && !without {
		b.problems.Errorf("write service: web (or wait-until: registered to only register the task definition)",
			"input \"service\" is empty: there is nothing to %s", b.in.Mode)
	}
	b.req.Services = names
}

func (b *builder) wait() {
	in := b.in.waitInputs
	minutes := in.Minutes
	if minutes > longest {
		b.warnings.Warnf("write wait-for-minutes: 360 or less", "input \"wait-for-minutes\": %d is more than 360, which is used", minutes)
		minutes = longest
	}
	until := ecsdeploy.Until(in.Until)
	if in.Stability != nil && !*in.Stability && until == ecsdeploy.UntilCompleted {
		until = ecsdeploy.UntilStarted
	}
	b.req.Wait = ecsdeploy.Wait{
		Until: until, Timeout: time.Duration(minutes) * time.Minute, FailFastAfter: in.FailFastAfter,
		LogLines: in.LogLines, Rollback: in.Rollback,
	}
	if in.MaxDelaySeconds != nil {
		b.req.Wait.Poll = time.Duration(*in.MaxDelaySeconds) * time.Second
	}
}

var registeredName = regexp.MustCompile(`^(arn:[^:]+:ecs:[^:]+:\d{12}:task-definition/)?[A-Za-z0-9_-]+(:\d+)?$`)

// source finds out which of the ways to name a task definition was taken.
func (b *builder) source() {
	in := b.in.renderInputs
	b.req.Source.KeepEmpty = in.KeepEmpty
	switch {
	case in.TaskDefinition != "":
		b.file(in.TaskDefinition)
	case in.DefinitionARN != "":
		b.req.Source.Registered = in.DefinitionARN
	case in.Family != "":
		b.req.Source.Registered = in.Family
		if in.Revision != nil {
			b.req.Source.Registered += fmt.Sprintf(":%d", *in.Revision)
		}
	case in.Revision != nil:
		b.problems.Errorf("give task-definition-family as well", "input \"task-definition-revision\" says nothing without a family")
	case len(b.req.Services) == 0:
		b.problems.Errorf("write task-definition: path/to/task-definition.json", "input \"task-definition\" is empty and there is no service to take it from")
	}
}

// file reads a file; what is no file but looks like the name of a registered
// task definition is one.
func (b *builder) file(path string) {
	data, err := os.ReadFile(b.path(path))
	switch {
	case err == nil:
		b.req.Source.File, b.req.Source.Data = path, data
	case errors.Is(err, fs.ErrNotExist) && registeredName.MatchString(path):
		b.req.Source.Registered = path
	default:
		b.problems.Errorf("check the path; it starts at the workspace", "input \"task-definition\": %v", err)
	}
}

func (b *builder) path(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(b.workspace, path)
}

func (b *builder) overrides() {
	in := b.in.renderInputs
	b.req.Overrides = taskdef.Overrides{
		Containers: in.Containers, Image: in.Image, Images: pairs(in.Images), Environment: pairs(in.Variables),
		Secrets: pairs(in.Secrets), EnvFiles: in.EnvFiles, LogDriver: in.LogDriver, LogOptions: pairs(in.LogOptions),
		Labels: pairs(in.Labels), TaskRole: in.TaskRole, ExecutionRole: in.ExecutionRole,
	}
	if strings.HasPrefix(strings.TrimSpace(in.Command), "[") {
		b.decode("command", in.Command, &b.req.Overrides.Command)
	} else {
		b.req.Overrides.Command = strings.Fields(in.Command)
	}
	role := regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)
	for name, value := range map[string]string{"task-role-arn": in.TaskRole, "execution-role-arn": in.ExecutionRole} {
		if value != "" && !role.MatchString(value) {
			b.problems.Errorf("write arn:aws:iam::<account>:role/<name>", "input %q: %q is not the ARN of a role", name, value)
		}
	}
}

func pairs(list []action.KeyValue) []taskdef.Pair {
	out := make([]taskdef.Pair, 0, len(list))
	for _, item := range list {
		out = append(out, taskdef.Pair{Name: item.Key, Value: item.Value})
	}
	return out
}

func (b *builder) rollout() {
	in := b.in.rolloutInputs
	b.req.Rollout = ecsdeploy.Rollout{
		DesiredCount: int32s(in.DesiredCount), Force: in.Force, ManagedTags: in.ManagedTags,
		PropagateTags: types.PropagateTags(in.PropagateTags),
		Strategy:      types.DeploymentStrategy(strings.ToUpper(strings.ReplaceAll(in.Strategy, "-", "_"))),
		CanaryPercent: in.CanaryPercent, CanaryBakeMinutes: int32s(in.CanaryBakeMinutes),
		StepPercent: in.StepPercent, StepBakeMinutes: int32s(in.StepBakeMinutes), Bake: int32s(in.BakeMinutes),
	}
	b.needsStrategy("canary", "canary-percent", in.CanaryPercent != nil)
	b.needsStrategy("canary", "canary-bake-minutes", in.CanaryBakeMinutes != nil)
	b.needsStrategy("linear", "step-percent", in.StepPercent != nil)
	b.needsStrategy("linear", "step-bake-minutes", in.StepBakeMinutes != nil)
	b.pauses()
	volume, ok := b.volume("service-managed-ebs-volume", in.VolumeName, in.Volume)
	if ok {
		config := &types.ServiceManagedEBSVolumeConfiguration{}
		if b.decode("service-managed-ebs-volume", volume, config) {
			b.role("service-managed-ebs-volume", config.RoleArn)
			b.req.Rollout.Volumes = []types.ServiceVolumeConfiguration{{Name: &b.in.VolumeName, ManagedEBSVolume: config}}
		}
	}
}

func (b *builder) needsStrategy(strategy, input string, set bool) {
	if set && b.in.Strategy != strategy && b.in.Strategy != "" {
		b.problems.Errorf("set strategy: "+strategy+", or leave "+input+" out",
			"input %q has no meaning with strategy: %s", input, b.in.Strategy)
	}
}

// pauses reads pause-at. ECS has no pause while traffic shifts.
func (b *builder) pauses() {
	allowed := []string{"pre-scale-up", "post-scale-up", "post-test-traffic-shift", "pre-production-traffic-shift", "post-production-traffic-shift"}
	for _, stage := range b.in.PauseAt {
		stage = strings.ToLower(strings.ReplaceAll(stage, "_", "-"))
		switch {
		case stage == "none":
			b.req.Rollout.NoPause = true
		case slices.Contains(allowed, stage):
			b.req.Rollout.PauseAt = append(b.req.Rollout.PauseAt,
				types.DeploymentLifecycleHookStage(strings.ToUpper(strings.ReplaceAll(stage, "-", "_"))))
		default:
			b.problems.Errorf("write pause-at: post-test-traffic-shift", "input \"pause-at\": %q is not one of %s or none", stage, strings.Join(allowed, ", "))
		}
	}
}

func (b *builder) runTask() {
	in := b.in.runTaskInputs
	if !in.RunTask {
		return
	}
	task := &ecsdeploy.RunTask{
		Subnets: in.TaskSubnets, Groups: in.TaskGroups, PublicIP: types.AssignPublicIp(in.TaskPublicIP),
		LaunchType: types.LaunchType(in.TaskLaunch), StartedBy: in.TaskStartedBy, Wait: in.WaitStopped,
	}
	b.decode("run-task-container-overrides", in.TaskOverrides, &task.Overrides)
	b.decode("run-task-capacity-provider-strategy", in.TaskCapacity, &task.Capacity)
	b.decode("run-task-tags", in.TaskTags, &task.Tags)
	if volume, ok := b.volume("run-task-managed-ebs-volume", in.TaskVolName, in.TaskVolume); ok {
		config := &types.TaskManagedEBSVolumeConfiguration{}
		if b.decode("run-task-managed-ebs-volume", volume, config) {
			b.role("run-task-managed-ebs-volume", config.RoleArn)
			task.Volumes = []types.TaskVolumeConfiguration{{Name: &b.in.TaskVolName, ManagedEBSVolume: config}}
		}
	}
	b.req.RunTask = task
}

// volume tells whether a volume is configured. A name without settings has
// never had an effect.
func (b *builder) volume(input, name, settings string) (string, bool) {
	if name != "" && settings == "" {
		b.warnings.Warnf("write "+input+": {…}, or leave the name out", "input \"%s-name\" has no effect without %q", input, input)
	}
	return settings, name != "" && settings != ""
}

func (b *builder) role(input string, role *string) {
	if role == nil {
		b.problems.Errorf("add \"roleArn\"", "input %q has no roleArn, which ECS needs to attach the volume", input)
	}
}

// decode reads a JSON input into an SDK type. A member that the type does not
// have is a mistake here.
func (b *builder) decode(input, text string, into any) bool {
	if text == "" {
		return true
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		b.problems.Errorf("write JSON as the ECS API reference shows it", "input %q is not what is expected: %v", input, err)
		return false
	}
	return true
}

func (b *builder) scaling() {
	in := b.in.scalingInputs
	if in == (scalingInputs{}) {
		return
	}
	b.req.Scaling = &ecsdeploy.Scaling{
		Min: int32s(in.MinCapacity), Max: int32s(in.MaxCapacity), CPU: in.TargetCPU, Memory: in.TargetMemory, Requests: in.TargetRequests,
	}
}

// codeDeploy reads the AppSpec if there is one: only a service of CodeDeploy
// needs it, and that shows later.
func (b *builder) codeDeploy() {
	in := b.in.codeDeployInputs
	b.req.CodeDeploy = ecsdeploy.CodeDeployOptions{
		AppSpecFile: in.AppSpec, Application: in.Application, Group: in.DeploymentGroup,
		Description: in.DeploymentDescription, Config: in.DeploymentConfig,
	}
	data, err := os.ReadFile(b.path(in.AppSpec))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.problems.Errorf("check the path; it starts at the workspace", "input \"codedeploy-appspec\": %v", err)
	}
	b.req.CodeDeploy.AppSpec = data
}

func int32s(n *int) *int32 {
	if n == nil {
		return nil
	}
	v := int32(min(*n, 1<<30)) //nolint:gosec // bounded by min
	return &v
}
