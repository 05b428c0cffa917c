// Package terraform makes environments from a directory of Terraform or
// OpenTofu code: a workspace, and so a state, per environment.
//
// What a workspace was made from is kept apart from its state, so that a look
// at an environment runs no command. It is written before the first change, so
// that what was begun is found again.
package terraform

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/progress"
	"github.com/org/shipkit/pkg/shell"
)

// Notes keeps a short text for each environment; "" stands for none.
type Notes interface {
	Get(ctx context.Context, n namespace.Namespace) (string, error)
	Put(ctx context.Context, n namespace.Namespace, note string) error
	Delete(ctx context.Context, n namespace.Namespace) error
}

// Backend is a directory of code.
type Backend struct {
	// Binary is the program: terraform or tofu.
	Binary string
	// Dir holds the code.
	Dir string
	// Configure is a command to run after an apply, such as Ansible's, in Dir;
	// SHIPKIT_OUTPUTS names a file with all outputs as JSON, and
	// SHIPKIT_INVENTORY one with the output "inventory", if there is one.
	Configure []string
	// Env is the commands' environment as KEY=value.
	Env []string
	// Patience is how long a command waits for the state's lock.
	Patience time.Duration
	Notes    Notes
	// ShowPlan receives the plan's text before it is applied; it may be nil.
	ShowPlan func(string)
	Progress progress.Func
}

var _ environment.Backend = (*Backend)(nil)

// Find returns the first of terraform and tofu that is on the PATH.
func Find(lookPath func(string) (string, error)) (string, error) {
	for _, name := range []string{"terraform", "tofu"} {
		if path, err := lookPath(name); err == nil {
			return path, nil
		}
	}
	return "", &diag.Diagnostic{
		Summary: "neither terraform nor tofu is on the PATH",
		Try:     "a step before this one with hashicorp/setup-terraform or opentofu/setup-opentofu",
		Err:     exec.ErrNotFound,
	}
}

// note is what is kept of an environment: also the variables, which Terraform
// asks for again when it destroys.
type note struct {
	Version   string            `json:"version"`
	Whole     bool              `json:"whole"`
	Variables map[string]string `json:"variables,omitempty"`
	Outputs   map[string]string `json:"outputs,omitempty"`
}

// Look implements environment.Backend.
func (b *Backend) Look(ctx context.Context, n namespace.Namespace) (*environment.Status, error) {
	known, err := b.known(ctx, n)
	if err != nil || known == nil {
		return nil, err
	}
	return &environment.Status{Ready: known.Whole, Version: known.Version, URL: known.Outputs["url"], Outputs: known.Outputs}, nil
}

// known reads the note; nil if there is none.
func (b *Backend) known(ctx context.Context, n namespace.Namespace) (*note, error) {
	text, err := b.Notes.Get(ctx, n)
	if err != nil || text == "" {
		return nil, err
	}
	var known note
	if err := json.Unmarshal([]byte(text), &known); err != nil {
		return nil, fmt.Errorf("note of environment %s: was it edited by hand? %w", n, err)
	}
	return &known, nil
}

// Apply implements environment.Backend. It returns when all is made.
func (b *Backend) Apply(ctx context.Context, n namespace.Namespace, r environment.Request) error {
	if err := b.init(ctx); err != nil {
		return err
	}
	state, err := b.begin(ctx, n, r)
	if err != nil {
		return err
	}
	if _, err := b.run(ctx, "workspace", "select", "-or-create=true", n.String()); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "shipkit-terraform-")
	if err != nil {
		return fmt.Errorf("keep the plan: %w", err)
	}
	defer os.RemoveAll(dir)
	plan := filepath.Join(dir, "plan")
	if err := b.plan(ctx, plan, r.Parameters); err != nil {
		return err
	}
	state.Variables = r.Parameters // which the plan has found to be good
	if err := b.save(ctx, n, state); err != nil {
		return err
	}
	if err := b.change(ctx, "apply", "-input=false", "-json", lockTimeout(b.Patience), plan); err != nil {
		return err
	}
	if state.Outputs, err = b.outputs(ctx); err != nil {
		return err
	}
	if err := b.configure(ctx, dir, state.Outputs); err != nil {
		return err
	}
	state.Whole = true
	return b.save(ctx, n, state)
}

// begin notes that the environment is no longer, or not yet, as it should be.
func (b *Backend) begin(ctx context.Context, n namespace.Namespace, r environment.Request) (note, error) {
	var state note
	before, err := b.known(ctx, n)
	if err != nil {
		return state, err
	}
	if before != nil {
		state = *before
	}
	state.Version, state.Whole = r.Fingerprint(), false
	return state, b.save(ctx, n, state)
}

// plan writes the plan to a file and shows its text.
func (b *Backend) plan(ctx context.Context, file string, variables map[string]string) error {
	args := []string{"plan", "-input=false", "-json", lockTimeout(b.Patience), "-out=" + file}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		args = append(args, "-var="+name+"="+variables[name])
	}
	if err := b.change(ctx, args...); err != nil {
		return err
	}
	text, err := b.run(ctx, "show", "-no-color", file)
	if err == nil && b.ShowPlan != nil {
		b.ShowPlan(text)
	}
	return err
}

func lockTimeout(patience time.Duration) string { return "-lock-timeout=" + patience.String() }

// Destroy implements environment.Backend. It returns when all is gone.
func (b *Backend) Destroy(ctx context.Context, n namespace.Namespace) error {
	known, err := b.known(ctx, n)
	if err != nil || known == nil {
		return err
	}
	if err := b.init(ctx); err != nil {
		return err
	}
	if _, err := b.run(ctx, "workspace", "select", "-or-create=true", n.String()); err != nil {
		return err
	}
	// Code that cannot be planned has made nothing: its workspace is empty, and
	// goes without asking the code. One that holds anything is refused.
	if b.forget(ctx, n, 0) != nil {
		if err := b.empty(ctx, n, known.Variables); err != nil {
			return err
		}
	}
	return b.Notes.Delete(ctx, n)
}

// forget deletes an empty workspace.
func (b *Backend) forget(ctx context.Context, n namespace.Namespace, patience time.Duration) error {
	if _, err := b.run(ctx, "workspace", "select", "default"); err != nil {
		return err
	}
	_, err := b.run(ctx, "workspace", "delete", lockTimeout(patience), n.String())
	return err
}

// empty destroys what a workspace holds, and then the workspace.
func (b *Backend) empty(ctx context.Context, n namespace.Namespace, variables map[string]string) error {
	if _, err := b.run(ctx, "workspace", "select", n.String()); err != nil {
		return err
	}
	// Through the environment, since code that has dropped a variable would
	// refuse it as an argument.
	with := *b
	with.Env = slices.Clone(b.Env)
	for name, value := range variables {
		with.Env = append(with.Env, "TF_VAR_"+name+"="+value)
	}
	err := with.change(ctx, "apply", "-destroy", "-auto-approve", "-input=false", "-json", lockTimeout(b.Patience))
	if err != nil {
		return err
	}
	return b.forget(ctx, n, b.Patience)
}

// Power implements environment.Backend: Terraform knows no pause.
func (b *Backend) Power(context.Context, namespace.Namespace, bool) error {
	return &diag.Diagnostic{
		Summary: "an environment of the terraform backend cannot be paused or woken",
		Try:     "command: down and up, or a variable of your code that scales it",
	}
}

// init fetches what the code needs.
func (b *Backend) init(ctx context.Context) error {
	_, err := b.run(ctx, "init", "-input=false", "-no-color")
	return err
}

func (b *Backend) save(ctx context.Context, n namespace.Namespace, state note) error {
	text, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("note of environment %s: %w", n, err)
	}
	return b.Notes.Put(ctx, n, string(text))
}

// outputs returns the outputs as texts; others than texts are JSON, and
// sensitive ones are left out.
func (b *Backend) outputs(ctx context.Context) (map[string]string, error) {
	text, err := b.run(ctx, "output", "-json", "-no-color")
	if err != nil {
		return nil, err
	}
	var all map[string]struct {
		Sensitive bool            `json:"sensitive"`
		Value     json.RawMessage `json:"value"`
	}
	// OpenTofu's warnings about its own settings stand before the answer.
	if start := strings.Index("\n"+text, "\n{"); start > 0 {
		text = text[start:]
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, fmt.Errorf("read the outputs of %s: %w", b.Dir, err)
	}
	outputs := map[string]string{}
	for name, output := range all {
		var plain string
		switch {
		case output.Sensitive:
		case json.Unmarshal(output.Value, &plain) == nil:
			outputs[name] = plain
		default:
			outputs[name] = string(output.Value)
		}
	}
	return outputs, nil
}

func (b *Backend) configure(ctx context.Context, dir string, outputs map[string]string) error {
	if len(b.Configure) == 0 {
		return nil
	}
	env := slices.Clone(b.Env)
	text, err := json.Marshal(outputs)
	if err != nil {
		return fmt.Errorf("pass the outputs on: %w", err)
	}
	for name, content := range map[string]string{"OUTPUTS": string(text), "INVENTORY": outputs["inventory"]} {
		file := filepath.Join(dir, strings.ToLower(name))
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return fmt.Errorf("pass the outputs on: %w", err)
		}
		env = append(env, "SHIPKIT_"+name+"="+file)
	}
	out, err := shell.Run(ctx, b.Dir, env, b.Configure...)
	if err != nil {
		return &diag.Diagnostic{
			Summary: fmt.Sprintf("configure: %s: %v", b.Configure[0], err), Detail: tail(string(out), 20), Err: err,
			Try: "run the command by hand against the environment, which is kept as it is until the next up or down",
		}
	}
	b.Progress.Milestone("configure", b.Configure[0]+" done")
	return nil
}
