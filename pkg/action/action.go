// Package action is the runtime of every shipkit action: it binds the inputs
// that action.yml names into a typed struct, runs the action, and carries its
// outputs, state, summary and findings to GitHub or to a terminal.
//
// An action is a Spec; cmd/shipkit lists the Specs in a Program. On GitHub
// inputs arrive as INPUT_ variables, in a terminal as --kebab-case flags. The
// names, descriptions, defaults and what is required come from action.yml;
// the types and limits from the struct.
//
// The workflow commands are those of
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands.
package action

import (
	"context"
	"fmt"
	"reflect"
	"sync"
)

// Exit codes of the binary. GitHub takes any but 0 as a failed step.
const (
	ExitOK          = 0   // done
	ExitFailed      = 1   // the action failed
	ExitBadInput    = 2   // an input or a flag is missing or wrong; nothing was done
	ExitInterrupted = 130 // ended by SIGINT (128+2)
	ExitTerminated  = 143 // ended by SIGTERM (128+15)
)

// reserved are flags of the binary itself; no action has an input of these names.
var reserved = []string{"help", "json", "version"}

// Spec is one action: its name, its action.yml and what it does. Define makes
// one.
type Spec struct {
	name   string
	inputs reflect.Type
	meta   func() (*Metadata, error)
	fields func() ([]Field, error)
	run    func(ctx context.Context, rt *Runtime, inputs reflect.Value) error
	post   func(ctx context.Context, rt *Runtime) error
}

// Option changes a Spec in Define.
type Option func(*Spec)

// WithPost sets the function of the post phase, which the runner starts at the
// end of the job even after a failure or a cancellation. What run saved with
// SaveState is there again under State.
func WithPost(post func(ctx context.Context, rt *Runtime) error) Option {
	return func(s *Spec) { s.post = post }
}

// Define describes an action. The name is that of its folder under actions/,
// metadata the text of its action.yml, and I a struct whose fields are tagged
// with the inputs' names. Faults in any of them show when the action runs, and
// in Check.
func Define[I any](
	name string, metadata []byte, run func(ctx context.Context, rt *Runtime, in I) error, options ...Option,
) Spec {
	spec := Spec{
		name:   name,
		inputs: reflect.TypeFor[I](),
		meta:   sync.OnceValues(func() (*Metadata, error) { return ParseMetadata(metadata) }),
		run: func(ctx context.Context, rt *Runtime, inputs reflect.Value) error {
			return run(ctx, rt, inputs.Interface().(I))
		},
	}
	spec.fields = sync.OnceValues(func() ([]Field, error) { return fieldsOf(spec.inputs) })
	for _, option := range options {
		option(&spec)
	}
	return spec
}

// Name returns the name of the action, which is that of its folder.
func (s Spec) Name() string { return s.name }

// HasPost tells whether the action has a post phase.
func (s Spec) HasPost() bool { return s.post != nil }

// Metadata returns what action.yml says.
func (s Spec) Metadata() (*Metadata, error) {
	meta, err := s.meta()
	if err != nil {
		return nil, fmt.Errorf("read action.yml of %s: %w", s.name, err)
	}
	return meta, nil
}

// Fields returns the inputs that the action's struct knows, in its order.
func (s Spec) Fields() ([]Field, error) {
	fields, err := s.fields()
	if err != nil {
		return nil, fmt.Errorf("read the input struct of %s: %w", s.name, err)
	}
	return fields, nil
}
