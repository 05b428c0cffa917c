package ecsdeploy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Kind is why a task stopped.
type Kind string

// The kinds of causes.
const (
	KindPull         Kind = "image cannot be pulled"
	KindPlatform     Kind = "wrong architecture"
	KindSecret       Kind = "secret cannot be read"
	KindLog          Kind = "log group missing"
	KindNetwork      Kind = "no way to AWS"
	KindVolume       Kind = "volume cannot be mounted"
	KindStart        Kind = "container cannot start"
	KindMemory       Kind = "out of memory"
	KindExit         Kind = "container exited"
	KindHealth       Kind = "container health check failed"
	KindTarget       Kind = "load balancer health check failed"
	KindCapacity     Kind = "no capacity"
	KindAlarm        Kind = "alarm"
	KindInterruption Kind = "interrupted"
	KindOther        Kind = "stopped"
)

// Cause is a group of tasks that stopped for the same reason.
type Cause struct {
	Kind      Kind
	Container string
	// Sentence says in plain words what happened; Try what to do.
	Sentence, Try string
	Count         int
	StopCode      string
	// Reason is AWS's own text.
	Reason   string
	ExitCode *int32
	// Task is the ID of the newest task of the group.
	Task string
	// Log is the end of the container's log, LogStream where it is.
	Log       []string
	LogStream string
}

// repeats tells whether the next task will end the same way: waiting for the
// timeout then only costs time.
func (c Cause) repeats() bool {
	switch c.Kind {
	case KindCapacity, KindInterruption, KindAlarm, KindOther:
		return false
	default:
		return true
	}
}

// alike says how often it came; a cause that ended no task did not come twice.
func (c Cause) alike() string {
	if c.Count == 0 {
		return c.Sentence
	}
	return tasksFailed(c.Count) + " alike: " + c.Sentence
}

func tasksFailed(n int) string {
	if n == 1 {
		return "1 task failed"
	}
	return fmt.Sprintf("%d tasks failed", n)
}

// Detail is what a reader of one annotation needs.
func (c Cause) Detail() string {
	var b strings.Builder
	b.WriteString(c.Sentence)
	if c.Count > 1 {
		fmt.Fprintf(&b, " (%d tasks)", c.Count)
	}
	if c.Reason != "" {
		b.WriteString("\nAWS says: " + c.Reason)
	}
	if len(c.Log) > 0 {
		b.WriteString("\nLast lines of " + c.LogStream + ":\n" + strings.Join(c.Log, "\n"))
	}
	return b.String()
}

// same tells whether two causes belong to one group. The exit code is a cause
// only where the container ended by itself: one that ECS stopped exits as its
// program pleases.
func (c Cause) same(other Cause) bool {
	exit := c.Kind != KindExit || deref(c.ExitCode) == deref(other.ExitCode)
	return c.Kind == other.Kind && c.Container == other.Container && exit
}

// classify reads the cause from a stopped task. The texts are those of
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html.
func classify(task types.Task) Cause {
	c := Cause{
		Count: 1, StopCode: string(task.StopCode), Reason: aws.ToString(task.StoppedReason), Task: shortARN(aws.ToString(task.TaskArn)),
	}
	container := culprit(task)
	c.Container = aws.ToString(container.Name)
	c.ExitCode = container.ExitCode
	detail := aws.ToString(container.Reason)
	if detail != "" && !strings.Contains(c.Reason, detail) {
		c.Reason = strings.TrimSpace(strings.TrimSuffix(c.Reason, ".") + ". " + detail)
	}
	c.Kind = kindOf(c.Reason, task.StopCode, c.ExitCode)
	c.Sentence, c.Try = explain(c, aws.ToString(container.Image))
	if m := deniedPattern.FindStringSubmatch(c.Reason); m != nil {
		c.Try = "allow " + m[1] + on(strings.TrimRight(m[2], ".,")) + " to the execution role of the task"
	}
	return c
}

// culprit is the container that ended the task: one that failed, rather than
// one that was stopped with it.
func culprit(task types.Task) types.Container {
	var found types.Container
	for _, container := range task.Containers {
		code, bad := deref(container.ExitCode), container.HealthStatus == types.HealthStatusUnhealthy
		switch {
		case aws.ToString(container.Reason) != "" || bad || (container.ExitCode != nil && code != 0 && code != 143):
			return container
		case found.Name == nil || container.ExitCode != nil && found.ExitCode == nil:
			found = container
		}
	}
	return found
}

// patterns map AWS's words to kinds; the first that fits wins.
var patterns = []struct {
	kind  Kind
	words []string
}{
	{KindPlatform, []string{"exec format error", "does not match the specified platform", "descriptor matching platform",
		"no matching manifest", "does not provide the specified platform"}},
	{KindVolume, []string{"efs utils", "efs dns", "mount.nfs"}},
	{KindPull, []string{"cannotpullcontainererror", "cannotpullecrcontainererror", "cannotpullimagemanifest", "unable to pull registry auth",
		"ecr registry auth", "registry auth from amazon ecr", "pull image manifest", "manifest unknown", "pull access denied"}},
	{KindSecret, []string{"unable to pull secrets", "unable to retrieve secret", "fetching secret data", "invalid ssm parameters",
		"failed to fetch secret"}},
	{KindLog, []string{"log group does not exist", "specified log group", "failed to validate logger args", "failed to create log stream"}},
	{KindMemory, []string{"outofmemory", "out of memory"}},
	{KindTarget, []string{"failed elb health checks", "failed elb instance state"}},
	{KindHealth, []string{"failed container health checks"}},
	{KindStart, []string{"cannotstartcontainererror", "cannotcreatecontainererror", "containerruntimeerror", "executable file not found"}},
	{KindInterruption, []string{"spot", "host ec2", "scaling activity", "termination notice", "container instance"}},
	{KindCapacity, []string{"resource:", "capacity is unavailable", "no capacity", "unable to place"}},
}

// unreachable are words of a task that could not reach AWS when it started, in
// whatever it was about to fetch.
var unreachable = []string{"there is a connection issue", "i/o timeout", "context deadline exceeded", "request canceled", "no such host"}

// preparing are words of what ECS does for a task before its program starts.
var preparing = []string{"resourceinitializationerror", "cannotpull"}

func containsAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

func kindOf(reason string, code types.TaskStopCode, exit *int32) Kind {
	lower := strings.ToLower(reason)
	if containsAny(lower, preparing) && containsAny(lower, unreachable) {
		return KindNetwork
	}
	for _, p := range patterns {
		if containsAny(lower, p.words) {
			return p.kind
		}
	}
	switch {
	case code == types.TaskStopCodeSpotInterruption, code == types.TaskStopCodeTerminationNotice, code == types.TaskStopCodeInfrastructureHealth:
		return KindInterruption
	case exit != nil && *exit == 137:
		return KindMemory
	case exit != nil:
		return KindExit
	case code == types.TaskStopCodeTaskFailedToStart:
		return KindStart
	default:
		return KindOther
	}
}

// explain says what happened and what to do, in one sentence each.
func explain(c Cause, image string) (sentence, try string) {
	container := "container " + c.Container
	if c.Container == "" {
		container = "a container"
	}
	switch c.Kind {
	case KindPull:
		return fmt.Sprintf("the image of %s cannot be pulled (%s)", container, image),
			"check that the image exists, that the execution role may pull it, and that the subnets reach the registry"
	case KindPlatform:
		return fmt.Sprintf("the image of %s is for another architecture than the task", container),
			"build the image for the task's platform, or set runtimePlatform.cpuArchitecture in the task definition"
	case KindSecret:
		return "a secret of " + container + " cannot be read",
			"check that it exists in this region and that the execution role may read it (ssm:GetParameters, " +
				"secretsmanager:GetSecretValue, kms:Decrypt)"
	case KindLog:
		return "the log group of " + container + " cannot be used",
			"create the log group, or set awslogs-create-group and allow logs:CreateLogGroup"
	case KindNetwork:
		return "the task has no way to AWS: it cannot fetch its image, its secrets or its log settings",
			"give its subnets a NAT gateway or VPC endpoints (ecr.api, ecr.dkr, s3, logs, secretsmanager, ssm), or a public address, " +
				"and let its security group out on port 443"
	case KindVolume:
		return "a file system of the task cannot be mounted",
			"check the mount targets in the task's subnets, port 2049 in their security group, the access point and the task role"
	case KindMemory:
		return container + " was killed (exit code 137): most likely out of memory",
			"raise memory in the task definition, or let the program use less"
	case KindExit:
		return explainExit(container, *c.ExitCode)
	case KindHealth:
		return "the health check of " + container + " failed",
			"run the healthCheck command inside the image; check its path, port and startPeriod"
	case KindTarget:
		return "the load balancer got no healthy answer from " + container,
			"let the program listen on 0.0.0.0 at the containerPort of the service, and check the target group's health check path"
	case KindStart:
		sentence = container + " could not be started"
		if m := notExecuted.FindStringSubmatch(c.Reason); m != nil {
			sentence += ": " + m[1] + ": " + m[2]
		}
		return sentence, "check entryPoint, command and mounts in the task definition"
	case KindCapacity:
		return "there is no capacity for a task",
			"add capacity to the cluster, or lower cpu and memory in the task definition"
	case KindInterruption:
		return "the platform took a task away", "nothing: ECS replaces it"
	default:
		return "a task stopped", "see the log and the events below, and the reason that ECS gives"
	}
}

// notExecuted finds the program and what is wrong with it in the words of runc.
var notExecuted = regexp.MustCompile(`exec: "([^"]+)": (?:stat [^:]+: )?([^:]+)`)

// tryLog is the remedy of a program that ended by itself.
const tryLog = "see the log below, and run the image locally with the same variables"

func explainExit(container string, code int32) (sentence, try string) {
	switch code {
	case 0:
		return container + " ended by itself (exit code 0): a service must keep running",
			"start the program in the foreground, or mark the container essential: false"
	case 126:
		return container + " has a command that cannot be executed (exit code 126)", "make the file executable in the image"
	case 127:
		return container + " has a command that does not exist (exit code 127)", "check entryPoint and command"
	case 139:
		return container + " crashed (exit code 139, segmentation fault)", "see the log; check native libraries and the architecture"
	case 143:
		return container + " was asked to stop (exit code 143)", "see the service's events for who stopped it"
	default:
		return fmt.Sprintf("%s exits with code %d", container, code), tryLog
	}
}
