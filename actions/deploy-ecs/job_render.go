package deployecs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
)

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
