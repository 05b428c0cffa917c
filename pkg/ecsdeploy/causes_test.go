package ecsdeploy

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func TestClassify(t *testing.T) {
	exited := func(code int32) []types.Container {
		return []types.Container{{Name: aws.String("web"), ExitCode: aws.Int32(code)}}
	}
	for _, tt := range []struct {
		name string
		task types.Task
		want Kind
		says string
	}{
		{"exit 1", types.Task{StoppedReason: aws.String("Essential container in task exited"), Containers: exited(1)}, KindExit, "container web exits with code 1"},
		{"exit 0", types.Task{StoppedReason: aws.String("Essential container in task exited"), Containers: exited(0)}, KindExit,
			"container web ended by itself (exit code 0): a service must keep running"},
		{"exit 127", types.Task{Containers: exited(127)}, KindExit, "container web has a command that does not exist (exit code 127)"},
		{"killed", types.Task{Containers: exited(137)}, KindMemory, "container web was killed (exit code 137): most likely out of memory"},
		{"out of memory by name", types.Task{Containers: []types.Container{{
			Name: aws.String("web"), ExitCode: aws.Int32(1), Reason: aws.String("OutOfMemoryError: Container killed due to memory usage"),
		}}}, KindMemory, "container web was killed (exit code 137): most likely out of memory"},
		{"the sidecar failed", types.Task{Containers: []types.Container{
			{Name: aws.String("web"), ExitCode: aws.Int32(143)}, {Name: aws.String("proxy"), ExitCode: aws.Int32(2)},
		}}, KindExit, "container proxy exits with code 2"},
		{"pull", types.Task{StopCode: types.TaskStopCodeTaskFailedToStart, StoppedReason: aws.String("CannotPullContainerError: pull image manifest has been retried 5 time(s): not found")},
			KindPull, "the image of a container cannot be pulled ()"},
		{"platform", types.Task{StoppedReason: aws.String("CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'")},
			KindPlatform, "the image of a container is for another architecture than the task"},
		{"exec format", types.Task{StopCode: types.TaskStopCodeTaskFailedToStart, Containers: []types.Container{{
			Name: aws.String("web"), Reason: aws.String("CannotStartContainerError: ... exec /web: exec format error"),
		}}}, KindPlatform, "the image of container web is for another architecture than the task"},
		{"no such program", types.Task{StopCode: types.TaskStopCodeTaskFailedToStart, Containers: []types.Container{{
			Name: aws.String("web"), Reason: aws.String(`CannotStartContainerError: Error response from daemon: failed to create shim task: OCI runtime create failed: ` +
				`runc create failed: unable to start container process: exec: "/nope": stat /nope: no such file or directory: unknown`),
		}}}, KindStart, "container web could not be started: /nope: no such file or directory"},
		{"secret", types.Task{StoppedReason: aws.String("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm")},
			KindSecret, "a secret of a container cannot be read"},
		{"log group", types.Task{StoppedReason: aws.String("ResourceInitializationError: failed to validate logger args: The specified log group does not exist.")},
			KindLog, "the log group of a container cannot be used"},
		{"spot", types.Task{StopCode: types.TaskStopCodeSpotInterruption, Containers: exited(143)}, KindInterruption, "the platform took a task away"},
		{"capacity", types.Task{StopCode: types.TaskStopCodeTaskFailedToStart, StoppedReason: aws.String("Capacity is unavailable at this time. Please try again later")},
			KindCapacity, "there is no capacity for a task"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := classify(tt.task)
			if got.Kind != tt.want || got.Sentence != tt.says || got.Try == "" {
				t.Errorf("got %q: %q; Try: %q", got.Kind, got.Sentence, got.Try)
			}
		})
	}
}

// Tasks that ECS stopped for one reason are one group, whatever their programs
// exit with; programs that end by themselves are told apart by their codes.
func TestGroup(t *testing.T) {
	elb := aws.String("Task failed ELB health checks in (target-group x)")
	task := func(reason *string, code *int32) types.Task {
		return types.Task{StoppedReason: reason, Containers: []types.Container{{Name: aws.String("web"), ExitCode: code}}}
	}
	got := group([]types.Task{
		task(elb, nil), task(elb, aws.Int32(0)), task(elb, aws.Int32(143)),
		task(nil, aws.Int32(1)), task(nil, aws.Int32(1)), task(nil, aws.Int32(2)),
	})
	if len(got) != 3 || got[0].Count != 3 || got[1].Count != 2 || got[2].Count != 1 {
		t.Errorf("got %+v", got)
	}
}
