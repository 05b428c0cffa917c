package action

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/org/shipkit/pkg/diag"
)

var kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Check compares action.yml with the struct, both ways, and returns every
// fault: an input that only one of them has, a missing description, a default
// that its field refuses. A test calls it for all actions.
func (s Spec) Check() error {
	meta, fields, err := s.describe()
	if err != nil {
		return err
	}
	var faults diag.List
	fault := func(format string, args ...any) {
		faults.Errorf("", "%s: "+format, append([]any{s.name}, args...)...)
	}
	if meta.Name == "" || meta.Description == "" {
		fault("action.yml needs a name and a description")
	}
	if meta.Using != "node24" || meta.Main != "index.js" {
		fault("runs must be using: node24, main: index.js")
	}
	if (meta.Post == "post.js") != s.HasPost() || meta.Post != "" && meta.Post != "post.js" {
		fault("runs.post is %q; it must be post.js if there is a post phase, else absent", meta.Post)
	}
	for _, input := range meta.Inputs {
		field, ok := fieldNamed(fields, input.Name)
		if !ok {
			fault("input %q has no field", input.Name)
			continue
		}
		checkInput(input, field, fault)
	}
	for _, field := range fields {
		if _, ok := meta.Input(field.Input); !ok {
			fault("field of input %q: action.yml does not declare it", field.Input)
		}
	}
	for _, output := range meta.Outputs {
		if output.Description == "" || !kebab.MatchString(output.Name) {
			fault("output %q needs a kebab-case name and a description", output.Name)
		}
	}
	return faults.Err()
}

func checkInput(input Input, field Field, fault func(format string, args ...any)) {
	if !kebab.MatchString(input.Name) || slices.Contains(reserved, input.Name) {
		fault("input %q needs a kebab-case name that is none of %v", input.Name, reserved)
	}
	if input.Description == "" {
		fault("input %q has no description", input.Name)
	}
	if strings.Contains(input.Description, "${{") {
		fault("input %q: a runner refuses an expression in a description", input.Name)
	}
	if input.Required && input.Default != "" {
		fault("input %q is required and has a default", input.Name)
	}
	if field.Secret && input.Default != "" && !input.Expression() {
		fault("input %q is secret and has a default", input.Name)
	}
	if input.Expression() {
		return
	}
	if err := field.CheckValue(input.Default); err != nil {
		fault("input %q: default: %s", input.Name, err)
	}
}

// CheckValue tells what is wrong with a value of the field, without looking at
// files.
func (f Field) CheckValue(text string) error {
	if f.kind.name == "file" {
		return nil
	}
	if _, err := f.read(text); err != nil {
		return fmt.Errorf("%s; allowed is %s", f.fault(text, err), f.allowed())
	}
	return nil
}
