// Package actiontest runs an action in a test as a runner would: inputs in,
// outputs, summary, log and exit code out.
package actiontest

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/org/shipkit/pkg/action"
)

// Step is one run of an action.
type Step struct {
	Spec action.Spec
	// With holds the inputs.
	With map[string]string
	// Env holds further variables, such as GITHUB_SHA or AWS_ENDPOINT_URL.
	Env map[string]string
	// Post runs the post phase; State is what the main phase saved.
	Post  bool
	State map[string]string
	// Signals stand for those that the runner sends; nil for none.
	Signals <-chan os.Signal
	Fill    action.Fill
}

// Result is how a Step ended.
type Result struct {
	ExitCode int
	Outputs  map[string]string
	State    map[string]string
	// Summary is the Markdown of the job summary.
	Summary string
	// Log is what was written, workflow commands included.
	Log string
}

// Run runs the step on a made-up runner and returns how it ended.
func Run(ctx context.Context, t testing.TB, step Step) Result {
	t.Helper()
	dir := t.TempDir()
	env := map[string]string{"GITHUB_ACTIONS": "true"}
	for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH"} {
		env[name] = filepath.Join(dir, name)
		if err := os.WriteFile(env[name], nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range step.With {
		env["INPUT_"+strings.ToUpper(name)] = value
	}
	for name, value := range step.State {
		env["STATE_"+name] = value
	}
	for name, value := range step.Env {
		env[name] = value
	}
	var log lockedBuilder
	host := action.Host{Stdout: &log, Stderr: &log, Signals: step.Signals}
	for name, value := range env {
		host.Environ = append(host.Environ, name+"="+value)
	}
	args := []string{step.Spec.Name()}
	if step.Post {
		args = append(args, "post")
	}
	program := action.Program{Specs: []action.Spec{step.Spec}, Fill: step.Fill}
	code := program.Main(ctx, host, args)
	return Result{
		ExitCode: code,
		Outputs:  readValues(t, env["GITHUB_OUTPUT"]),
		State:    readValues(t, env["GITHUB_STATE"]),
		Summary:  read(t, env["GITHUB_STEP_SUMMARY"]),
		Log:      log.String(),
	}
}

// readValues reads a command file as the runner does: name=value, or
// name<<delimiter, lines, delimiter.
func readValues(t testing.TB, path string) map[string]string {
	t.Helper()
	values := map[string]string{}
	lines := strings.Split(read(t, path), "\n")
	for len(lines) > 0 {
		line := lines[0]
		lines = lines[1:]
		name, delimiter, ok := strings.Cut(line, "<<")
		if !ok {
			if name, value, ok := strings.Cut(line, "="); ok {
				values[name] = value
			}
			continue
		}
		var value []string
		for len(lines) > 0 && lines[0] != delimiter {
			value, lines = append(value, lines[0]), lines[1:]
		}
		if len(lines) == 0 {
			t.Errorf("%s: %s has no end %q", path, name, delimiter)
			return values
		}
		lines = lines[1:]
		values[name] = strings.Join(value, "\n")
	}
	return values
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return string(text)
}

// lockedBuilder takes writes of several goroutines.
type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

var _ io.Writer = (*lockedBuilder)(nil)

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p) //nolint:wrapcheck // never fails
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
