package deployecs

import (
	"github.com/org/shipkit/pkg/action"
)

// inputs are those of action.yml.
type inputs struct {
	Mode            string   `input:"mode" oneof:"deploy,plan,rollback,promote,status"`
	Cluster         string   `input:"cluster"`
	Service         string   `input:"service"`
	Services        []string `input:"services" sep:","`
	Region          string   `input:"aws-region"`
	ExpectedAccount string   `input:"expected-account-id"`
	Environment     string   `input:"environment"`
	Config          string   `input:"config"`
	DryRun          bool     `input:"dry-run"`
	MaxRetries      int      `input:"max-retries" min:"0" max:"50"`

	renderInputs
	rolloutInputs
	waitInputs
	runTaskInputs
	scalingInputs
	codeDeployInputs
}

// renderInputs make the task definition.
type renderInputs struct {
	TaskDefinition string            `input:"task-definition"`
	DefinitionARN  string            `input:"task-definition-arn"`
	Family         string            `input:"task-definition-family"`
	Revision       *int              `input:"task-definition-revision" min:"1"`
	Images         []action.KeyValue `input:"images"`
	Containers     []string          `input:"container-name" sep:","`
	Image          string            `input:"image"`
	PinImages      bool              `input:"pin-images"`
	Variables      []action.KeyValue `input:"environment-variables"`
	Secrets        []action.KeyValue `input:"secrets"`
	Command        string            `input:"command"`
	EnvFiles       []string          `input:"env-files"`
	Labels         []action.KeyValue `input:"docker-labels"`
	LogDriver      string            `input:"log-configuration-log-driver" oneof:"json-file,syslog,journald,logentries,gelf,fluentd,awslogs,splunk,awsfirelens"`
	LogOptions     []action.KeyValue `input:"log-configuration-options"`
	TaskRole       string            `input:"task-role-arn"`
	ExecutionRole  string            `input:"execution-role-arn"`
	KeepEmpty      []string          `input:"keep-null-value-keys" sep:","`
}

// rolloutInputs say how the services change.
type rolloutInputs struct {
	DesiredCount      *int     `input:"desired-count" min:"0"`
	Force             bool     `input:"force-new-deployment"`
	ManagedTags       *bool    `input:"enable-ecs-managed-tags"`
	PropagateTags     string   `input:"propagate-tags" oneof:"SERVICE,TASK_DEFINITION,NONE"`
	VolumeName        string   `input:"service-managed-ebs-volume-name"`
	Volume            string   `input:"service-managed-ebs-volume"`
	Strategy          string   `input:"strategy" oneof:"rolling,blue-green,canary,linear"`
	CanaryPercent     *float64 `input:"canary-percent" min:"0.1" max:"100"`
	CanaryBakeMinutes *int     `input:"canary-bake-minutes" min:"0" max:"1440"`
	StepPercent       *float64 `input:"step-percent" min:"3" max:"100"`
	StepBakeMinutes   *int     `input:"step-bake-minutes" min:"0" max:"1440"`
	BakeMinutes       *int     `input:"bake-minutes" min:"0" max:"1440"`
	PauseAt           []string `input:"pause-at" sep:","`
}

// waitInputs say how the rollout is followed and what happens when it fails.
type waitInputs struct {
	Rollback        bool   `input:"rollback-on-failure"`
	RollbackTo      string `input:"rollback-to"`
	Until           string `input:"wait-until" oneof:"completed,traffic,started,registered"`
	Stability       *bool  `input:"wait-for-service-stability"`
	Minutes         int    `input:"wait-for-minutes" min:"1"`
	MaxDelaySeconds *int   `input:"wait-max-delay-seconds" min:"1"`
	FailFastAfter   int    `input:"fail-fast-after" min:"0"`
	LogLines        int    `input:"log-lines" min:"0" max:"1000"`
}

// runTaskInputs are about the one-off task.
type runTaskInputs struct {
	RunTask       bool     `input:"run-task"`
	WaitStopped   bool     `input:"wait-for-task-stopped"`
	TaskOverrides string   `input:"run-task-container-overrides"`
	TaskGroups    []string `input:"run-task-security-groups" sep:","`
	TaskSubnets   []string `input:"run-task-subnets" sep:","`
	TaskPublicIP  string   `input:"run-task-assign-public-ip" oneof:"ENABLED,DISABLED"`
	TaskCapacity  string   `input:"run-task-capacity-provider-strategy"`
	TaskLaunch    string   `input:"run-task-launch-type" oneof:"FARGATE,EC2,EXTERNAL"`
	TaskStartedBy string   `input:"run-task-started-by"`
	TaskTags      string   `input:"run-task-tags"`
	TaskVolName   string   `input:"run-task-managed-ebs-volume-name"`
	TaskVolume    string   `input:"run-task-managed-ebs-volume"`
}

// scalingInputs are about Application Auto Scaling.
type scalingInputs struct {
	MinCapacity    *int     `input:"min-capacity" min:"0"`
	MaxCapacity    *int     `input:"max-capacity" min:"0"`
	TargetCPU      *float64 `input:"target-cpu" min:"1" max:"100"`
	TargetMemory   *float64 `input:"target-memory" min:"1" max:"100"`
	TargetRequests *float64 `input:"target-requests" min:"1"`
}

// codeDeployInputs are for services that CodeDeploy deploys.
type codeDeployInputs struct {
	AppSpec               string `input:"codedeploy-appspec"`
	Application           string `input:"codedeploy-application"`
	DeploymentGroup       string `input:"codedeploy-deployment-group"`
	DeploymentDescription string `input:"codedeploy-deployment-description"`
	DeploymentConfig      string `input:"codedeploy-deployment-config"`
}
