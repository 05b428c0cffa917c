package deployecs

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/ecsdeploy"
)

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
