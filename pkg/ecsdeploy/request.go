package ecsdeploy

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

// Request is what a user wants deployed, and how.
type Request struct {
	Cluster string
	// Services get the same revision, all or none. Without any, the revision
	// is only registered.
	Services []string
	// RegisterOnly stops after the registration (and after RunTask). Services
	// only lend RunTask their network.
	RegisterOnly bool

	Source    Source
	Overrides taskdef.Overrides
	// PinImages replaces tags by digests.
	PinImages bool

	Rollout    Rollout
	RunTask    *RunTask
	Scaling    *Scaling
	CodeDeploy CodeDeployOptions
	Wait       Wait
}

// Source says where the task definition comes from. At most one of File and
// Registered is set; without both, the first service's own is taken.
type Source struct {
	// File is the path, Data its content.
	File string
	Data []byte
	// KeepEmpty names members whose empty values stay; see taskdef.Parse.
	KeepEmpty []string
	// Registered is an ARN, a family or family:revision.
	Registered string
}

// Rollout is how the services change.
type Rollout struct {
	// DesiredCount is nil to leave the number of tasks alone.
	DesiredCount *int32
	// Force starts a deployment even if nothing changed.
	Force         bool
	ManagedTags   *bool
	PropagateTags types.PropagateTags
	Volumes       []types.ServiceVolumeConfiguration
	// Strategy is "" to leave the service's own.
	Strategy types.DeploymentStrategy
	// CanaryPercent and StepPercent are shares of traffic from 0.1 and 3 to
	// 100; the minutes are simulated by ECS. Nil leaves the service's own.
	CanaryPercent, StepPercent               *float64
	CanaryBakeMinutes, StepBakeMinutes, Bake *int32
	// PauseAt are the stages to pause at; NoPause removes pauses.
	PauseAt []types.DeploymentLifecycleHookStage
	NoPause bool
}

// changesConfiguration tells whether DeploymentConfiguration must be sent.
func (r Rollout) changesConfiguration() bool {
	return r.Strategy != "" || len(r.PauseAt) > 0 || r.NoPause || r.CanaryPercent != nil || r.StepPercent != nil ||
		r.CanaryBakeMinutes != nil || r.StepBakeMinutes != nil || r.Bake != nil
}

// RunTask is a one-off task that runs before the rollout, such as a migration.
type RunTask struct {
	Overrides  []types.ContainerOverride
	Subnets    []string
	Groups     []string
	PublicIP   types.AssignPublicIp
	Capacity   []types.CapacityProviderStrategyItem
	LaunchType types.LaunchType
	StartedBy  string
	// Token names the task: asked for twice within an hour of its end, it is the
	// same one. "" is a new one each time.
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
	Token   string
	Tags    []types.Tag
	Volumes []types.TaskVolumeConfiguration
	// Wait waits for the end and respects the exit code.
	Wait bool
}

// Scaling is Application Auto Scaling of every service. Nil members change
// nothing.
type Scaling struct {
	Min, Max *int32
	// CPU and Memory are percentages; Requests counts a target's requests in a
	// minute.
	CPU, Memory, Requests *float64
}

// Until says what to wait for.
type Until string

// The states that a deployment can be waited for.
const (
	// UntilStarted returns as soon as ECS took the change.
	UntilStarted Until = "started"
	// UntilTraffic returns when all production traffic is on the new revision,
	// before the bake time ends.
	UntilTraffic Until = "traffic"
	// UntilCompleted returns when ECS calls the deployment successful.
	UntilCompleted Until = "completed"
)

// Wait is how the rollout is followed.
type Wait struct {
	Until Until
	// Timeout counts from the update; bake times are added to it.
	Timeout time.Duration
	// Poll is the longest time between two looks; at most 6 s is used.
	Poll time.Duration
	// FailFastAfter ends the wait after so many identical failures; 0 never.
	FailFastAfter int
	// LogLines is how many lines of a failing container's log to keep.
	LogLines int
	// Rollback rolls back after a failure, a timeout and a cancellation.
	Rollback bool
}

// maxPoll keeps the time from ECS's verdict to ours at a median under 3 s, and
// a rollout of 10 minutes under 150 calls.
const maxPoll = 6 * time.Second

func (w Wait) poll() time.Duration {
	if w.Poll <= 0 || w.Poll > maxPoll {
		return maxPoll
	}
	return w.Poll
}
