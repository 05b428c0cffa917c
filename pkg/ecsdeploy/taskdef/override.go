package taskdef

import (
	"fmt"
	"slices"
	"strings"

	"github.com/org/shipkit/pkg/diag"
)

// Pair is one name and value; order matters to people who read the result.
type Pair struct{ Name, Value string }

// Overrides are changes to a document. Zero members change nothing.
type Overrides struct {
	// Containers are the containers that the container members below go to.
	Containers []string
	// Image replaces the image.
	Image string
	// Images maps containers to images; it is independent of Containers.
	Images []Pair
	// Environment and Secrets are added to what is there or replace it, name
	// by name.
	Environment []Pair
	Secrets     []Pair
	// EnvFiles are S3 object ARNs; they replace what is there.
	EnvFiles []string
	// Command replaces the command.
	Command []string
	// LogDriver and LogOptions change the log configuration, option by option.
	LogDriver  string
	LogOptions []Pair
	// Labels are added to the Docker labels.
	Labels []Pair
	// TaskRole and ExecutionRole replace the roles of the task.
	TaskRole, ExecutionRole string
}

// touchesContainers tells whether a member needs Containers.
func (o Overrides) touchesContainers() bool {
	return len(o.Environment)+len(o.Secrets)+len(o.EnvFiles)+len(o.Command)+len(o.LogOptions)+len(o.Labels) > 0 ||
		o.LogDriver != "" || o.Image != ""
}

// Apply returns a changed copy. The error is a diag.List with all problems.
func (d *Document) Apply(o Overrides) (*Document, error) {
	out := d.Clone()
	var problems diag.List
	for _, image := range o.Images {
		if !out.SetImage(image.Name, image.Value) {
			problems.Add(out.noContainer(image.Name))
		}
	}
	targets := o.Containers
	if len(targets) == 0 && o.touchesContainers() {
		if targets = out.Containers(); len(targets) > 1 {
			problems.Errorf("set container-name to one or more of "+strings.Join(targets, ", "),
				"the task definition has %d containers and container-name does not say which to change", len(targets))
		}
	}
	for _, name := range targets {
		c := out.container(name)
		if c == nil {
			problems.Add(out.noContainer(name))
			continue
		}
		o.change(c)
	}
	if o.TaskRole != "" {
		out.fields["taskRoleArn"] = o.TaskRole
	}
	if o.ExecutionRole != "" {
		out.fields["executionRoleArn"] = o.ExecutionRole
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

func (o Overrides) change(c map[string]any) {
	if o.Image != "" {
		c["image"] = o.Image
	}
	setNamed(c, "environment", "value", o.Environment)
	setNamed(c, "secrets", "valueFrom", o.Secrets)
	if len(o.EnvFiles) > 0 {
		files := make([]any, len(o.EnvFiles))
		for i, arn := range o.EnvFiles {
			files[i] = map[string]any{"value": arn, "type": "s3"}
		}
		c["environmentFiles"] = files
	}
	if len(o.Command) > 0 {
		words := make([]any, len(o.Command))
		for i, word := range o.Command {
			words[i] = word
		}
		c["command"] = words
	}
	if o.LogDriver != "" {
		object(c, "logConfiguration")["logDriver"] = o.LogDriver
	}
	for _, option := range o.LogOptions {
		object(object(c, "logConfiguration"), "options")[option.Name] = option.Value
	}
	for _, label := range o.Labels {
		object(c, "dockerLabels")[label.Name] = label.Value
	}
}

// setNamed replaces or appends entries of a list of {name, value}.
func setNamed(c map[string]any, list, member string, pairs []Pair) {
	if len(pairs) == 0 {
		return
	}
	items, _ := c[list].([]any)
	for _, pair := range pairs {
		i := slices.IndexFunc(items, func(item any) bool {
			entry, _ := item.(map[string]any)
			return entry["name"] == pair.Name
		})
		entry := map[string]any{"name": pair.Name, member: pair.Value}
		if i < 0 {
			items = append(items, entry)
			continue
		}
		items[i] = entry
	}
	c[list] = items
}

func object(parent map[string]any, key string) map[string]any {
	child, ok := parent[key].(map[string]any)
	if !ok {
		child = map[string]any{}
		parent[key] = child
	}
	return child
}

func (d *Document) noContainer(name string) *diag.Diagnostic {
	return &diag.Diagnostic{
		Summary: fmt.Sprintf("the task definition has no container %q", name),
		Try:     "use one of " + strings.Join(d.Containers(), ", "),
	}
}
