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
		// In the words of tasks in public reports, as Fargate wrote them.
		{"no way to ECR", types.Task{StopCode: types.TaskStopCodeTaskFailedToStart, StoppedReason: aws.String("ResourceInitializationError: unable to pull secrets or registry auth: " +
			"The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. " +
			"RequestError: send request failed caused by: Post \"https://api.ecr.eu-west-1.amazonaws.com/\": dial tcp 52.95.1.1:443: i/o timeout")},
			KindNetwork, "the task has no way to AWS: it cannot fetch its image, its secrets or its log settings"},
		{"no way to the registry", types.Task{StoppedReason: aws.String("CannotPullContainerError: inspect image has been retried 5 time(s): failed to resolve ref: dial tcp: i/o timeout")},
			KindNetwork, "the task has no way to AWS: it cannot fetch its image, its secrets or its log settings"},
		{"no way to CloudWatch", types.Task{StoppedReason: aws.String("ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch log group " +
			"defined in the task definition. There is a connection issue between the task and Amazon CloudWatch. Check your network configuration.")},
			KindNetwork, "the task has no way to AWS: it cannot fetch its image, its secrets or its log settings"},
		{"registry refused", types.Task{StoppedReason: aws.String("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: " +
			"unable to retrieve ecr registry auth: service call has been retried 1 time(s): AccessDeniedException: User: arn:aws:sts::1:assumed-role/exec/x " +
			"is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows it")},
			KindPull, "the image of a container cannot be pulled ()"},
		{"file system", types.Task{StoppedReason: aws.String("ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Mount attempt 1/3 failed " +
			"due to timeout after 15 sec : unsuccessful EFS utils command execution; code: 32")},
			KindVolume, "a file system of the task cannot be mounted"},
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

// What IAM refuses to a task is named with the permission to add.
func TestMissingPermissionOfATask(t *testing.T) {
	got := classify(types.Task{StoppedReason: aws.String("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: " +
		"unable to retrieve secrets from ssm: service call has been retried 1 time(s): operation error SSM: GetParameters, https response error StatusCode: 400, " +
		"RequestID: x, api error AccessDeniedException: User: arn:aws:sts::1:assumed-role/exec/y is not authorized to perform: ssm:GetParameters " +
		"on resource: arn:aws:ssm:eu-west-1:1:parameter/db because no identity-based policy allows the ssm:GetParameters action")})
	if want := "allow ssm:GetParameters on arn:aws:ssm:eu-west-1:1:parameter/db to the execution role of the task"; got.Kind != KindSecret || got.Try != want {
		t.Errorf("got %s, Try: %s", got.Kind, got.Try)
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
