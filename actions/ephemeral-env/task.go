package ephemeralenv

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/ecsdeploy"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/namespace"
)

// taskInputs are about the test that is a task.
type taskInputs struct {
	TestTask      string        `input:"test-task"`
	TestWait      time.Duration `input:"test-wait" min:"1s" max:"6h"`
	TaskOverrides string        `input:"run-task-container-overrides"`
	TaskGroups    []string      `input:"run-task-security-groups" sep:","`
	TaskSubnets   []string      `input:"run-task-subnets" sep:","`
	TaskPublicIP  string        `input:"run-task-assign-public-ip" oneof:"ENABLED,DISABLED"`
	TaskLaunch    string        `input:"run-task-launch-type" oneof:"FARGATE,EC2,EXTERNAL"`
}

const targetStopTask = "arn:aws:scheduler:::aws-sdk:ecs:stopTask"

// taskPoll is the time between two looks at a task. Tests look more often.
var taskPoll = 3 * time.Second

// checkTests finds what is wrong with the tests of a run.
func (in inputs) checkTests(bad *diag.List) {
	if in.TestCommand == "" && in.TestTask == "" {
		bad.Errorf("test-command: npm test, or test-task: a task definition", "inputs test-command and test-task: none given")
	}
	if in.TestTask == "" {
		return
	}
	if in.Backend == "terraform" && in.Cluster == "" {
		bad.Errorf("the ECS cluster in which test-task runs", "input cluster: nothing given")
	}
	if len(in.TaskGroups) > 0 && len(in.TaskSubnets) == 0 {
		bad.Errorf("run-task-subnets: subnet-1,subnet-2", "input run-task-subnets: nothing given, but run-task-security-groups is")
	}
	if _, err := in.overrides(); err != nil {
		bad.Errorf(`[{"name": "app", "command": ["npm", "test"]}]`, "input run-task-container-overrides: %v", err)
	}
}

func (in inputs) overrides() (list []types.ContainerOverride, err error) {
	if in.TaskOverrides == "" {
		return nil, nil
	}
	decoder := json.NewDecoder(strings.NewReader(in.TaskOverrides))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("not as the ECS API reference shows it: %w", err)
	}
	return list, nil
}

// checkTask looks for the task definition before anything is made, unless the
// environment itself brings it.
func (j *job) checkTask(ctx context.Context) error {
	if j.in.TestTask == "" || j.in.TestTask != j.subject.replace(j.in.TestTask) {
		return nil
	}
	o, err := j.oneOff(ctx, environment.Record{})
	if err == nil && j.in.Backend == "terraform" && len(j.in.Services) == 0 {
		err = placed(o)
	}
	return err
}

// placed tells whether it is known in which network the task runs.
func placed(o ecsdeploy.OneOff) error {
	if len(o.Subnets) > 0 || o.Beside != nil || o.Definition.NetworkMode() != string(types.NetworkModeAwsvpc) {
		return nil
	}
	return action.BadInput(&diag.Diagnostic{
		Summary: "input run-task-subnets: nothing given, and no service whose network " + path.Base(o.Revision) + " could get",
		Try:     "run-task-subnets: subnet-1,subnet-2, or with Terraform services: the service's name",
	})
}

// oneOff is the test as a task, wherever it runs.
func (j *job) oneOff(ctx context.Context, record environment.Record) (ecsdeploy.OneOff, error) {
	name := j.subject.replace(j.in.TestTask)
	definition, revision, err := ecsdeploy.Revision(ctx, j.ecs, name)
	if _, unknown := errors.AsType[*types.ClientException](err); unknown {
		return ecsdeploy.OneOff{}, action.BadInput(&diag.Diagnostic{
			Summary: fmt.Sprintf("input test-task: %s has no ACTIVE task definition %q", j.cfg.Region, name), Err: err,
			Try: "a family, family:revision or ARN, as aws ecs list-task-definitions shows them",
		})
	}
	if err != nil {
		return ecsdeploy.OneOff{}, err //nolint:wrapcheck // it names the task definition
	}
	overrides, err := j.overrides(definition, record)
	if err != nil {
		return ecsdeploy.OneOff{}, action.BadInput(err)
	}
	return ecsdeploy.OneOff{
		RunTask: ecsdeploy.RunTask{
			Overrides: overrides, Subnets: j.in.TaskSubnets, Groups: j.in.TaskGroups, PublicIP: types.AssignPublicIp(j.in.TaskPublicIP),
			LaunchType: types.LaunchType(j.in.TaskLaunch), StartedBy: starter(j.subject.env), Tags: taskTags(j.subject.env, j.origin()),
		},
		Cluster: j.subject.replace(j.in.Cluster), Definition: definition, Revision: revision, Name: "test",
		Timeout: j.in.TestWait, Poll: taskPoll,
	}, nil
}

// overrides are the user's, and where the environment is, for all containers.
func (j *job) overrides(definition *taskdef.Document, record environment.Record) ([]types.ContainerOverride, error) {
	list, err := j.in.overrides()
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		if !slices.Contains(definition.Containers(), aws.ToString(o.Name)) {
			return nil, &diag.Diagnostic{
				Summary: fmt.Sprintf("input run-task-container-overrides: %s has no container %q", definition.Family(), aws.ToString(o.Name)),
				Try:     "one of " + strings.Join(definition.Containers(), ", "),
			}
		}
	}
	where := []types.KeyValuePair{
		{Name: aws.String("SHIPKIT_URL"), Value: aws.String(record.URL)},
		{Name: aws.String("SHIPKIT_ENVIRONMENT"), Value: aws.String(j.subject.env.String())},
	}
	for _, container := range definition.Containers() {
		i := slices.IndexFunc(list, func(o types.ContainerOverride) bool { return aws.ToString(o.Name) == container })
		if i < 0 {
			i, list = len(list), append(list, types.ContainerOverride{Name: &container})
		}
		list[i].Environment = append(list[i].Environment, where...)
	}
	return list, nil
}

func taskTags(n namespace.Namespace, origin namespace.Origin) []types.Tag {
	var list []types.Tag
	for key, value := range n.Tags("", namespace.Origin{Operation: origin.Operation, Repository: origin.Repository}) {
		list = append(list, types.Tag{Key: &key, Value: &value})
	}
	slices.SortFunc(list, func(a, b types.Tag) int { return cmp.Compare(*a.Key, *b.Key) }) // the same each time, for the token
	return list
}
