// Package acttest runs real workflow files through act, with the release tree
// in place of org/shipkit, and returns what a person would see on GitHub.
//
// act runs steps on this machine, without Docker and with an empty environment.
// It differs from GitHub where it matters little here: concurrency, services
// and containers are ignored, and a cancel kills without a signal.
package acttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Workflow is one run of a workflow file.
type Workflow struct {
	// File is the path of a workflow file, relative to the module's root, or
	// YAML is its text.
	File, YAML string
	// Event starts the run; "" means push.
	Event string
	// Payload is the event's payload, as JSON would hold it; may be nil.
	Payload any
	// Env is set for all steps; AWS_ENDPOINT_URL and the like belong here, and
	// DOCKER_HOST for steps that need an engine.
	Env map[string]string
	// ActionEnv is set for the steps of one of our actions besides, by its
	// name; an access key of its own tells its calls apart.
	ActionEnv map[string]map[string]string
	// Roles are the variables that configure-aws-credentials, a stub, sets for a
	// role's ARN. Where there are any, another role is refused.
	Roles map[string]map[string]string
	// CommitTime is when the commit of the run was made; the zero time is now.
	CommitTime time.Time
	Secrets    map[string]string
	Vars       map[string]string
	// Inputs are those of workflow_dispatch.
	Inputs map[string]string
	// Files are laid into the repository of the run by path; actions/checkout
	// puts them into the workspace.
	Files map[string]string
	// Stubs name actions of others (owner/name@ref) that are not here. Nothing is
	// done in their place, but the file of their input path is written to the log.
	Stubs []string
	// Job runs only this job and those that it needs.
	Job string
	// Watch is told of each step that has a name when it ends; may be nil.
	Watch func(step, result string)
	// Timeout ends the run; 0 means 5 minutes.
	Timeout time.Duration
}

// OfOthers are the actions that the reusable workflows call besides ours and
// actions/checkout, which act does itself.
var OfOthers = []string{
	"aws-actions/configure-aws-credentials@e6de054238d6b7531b4efff3b6587d9aade6a06c",
	"actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f",
}

// Run runs the workflow and returns how it ended. It fails the test only if
// act itself could not be run.
func Run(t testing.TB, w Workflow) Result {
	t.Helper()
	result, err := Execute(t.Context(), t.TempDir(), w)
	if err != nil {
		t.Fatal(err)
	}
	if result.TimedOut {
		t.Errorf("act did not end within %s", w.timeout())
	}
	return result
}

// Execute is Run outside of a test. dir is an empty folder for what the run
// leaves.
func Execute(ctx context.Context, dir string, w Workflow) (Result, error) {
	act, err := tool("act")
	if err != nil {
		return Result{}, err
	}
	file, text, err := w.lay(dir)
	if err != nil {
		return Result{}, err
	}
	args, err := w.arguments(dir, file, text)
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, w.timeout())
	defer cancel()
	cmd := exec.CommandContext(ctx, act, args...)
	cmd.Dir = filepath.Join(dir, "repository")
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DOCKER_HOST=unix:///nonexistent.sock"}
	var records, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&records, &watcher{tell: w.Watch}), &problems
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Result{}, fmt.Errorf("run act: %w", err)
	}
	result := parse(records.Bytes())
	result.ExitCode = cmd.ProcessState.ExitCode()
	result.Stderr = problems.String()
	result.TimedOut = ctx.Err() != nil
	return result, nil
}

func (w Workflow) timeout() time.Duration {
	if w.Timeout == 0 {
		return 5 * time.Minute
	}
	return w.Timeout
}

// lay makes the repository of the run: act reads commit and branch from it.
func (w Workflow) lay(dir string) (file, text string, err error) {
	repository := filepath.Join(dir, "repository")
	if w.File != "" {
		root, err := moduleRoot()
		if err != nil {
			return "", "", err
		}
		content, err := os.ReadFile(filepath.Join(root, w.File))
		if err != nil {
			return "", "", fmt.Errorf("read workflow: %w", err)
		}
		w.YAML = string(content)
	}
	file = filepath.Join(repository, ".github", "workflows", "workflow.yml")
	files := map[string]string{file: w.YAML}
	for path, content := range w.Files {
		files[filepath.Join(repository, path)] = content
	}
	for path, content := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", "", fmt.Errorf("lay repository: %w", err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return "", "", fmt.Errorf("lay repository: %w", err)
		}
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"add", "-A"}, {"remote", "add", "origin", "https://github.com/example/app"},
		{"-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "Start"},
	} {
		cmd := exec.CommandContext(context.Background(), "git", args...)
		cmd.Dir = repository
		if !w.CommitTime.IsZero() {
			cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE="+w.CommitTime.Format(time.RFC3339))
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", "", fmt.Errorf("git %s: %w\n%s", args[0], err, out)
		}
	}
	return file, w.YAML, nil
}

var usesShipkit = regexp.MustCompile(`org/shipkit(?:/[\w./-]+)?@([\w.-]+)`)

func (w Workflow) arguments(dir, file, text string) ([]string, error) {
	event := w.Event
	if event == "" {
		event = "push"
	}
	args := []string{
		event, "-W", file, "--json", "--no-cache-server", "--pull=false",
		"-P", "ubuntu-latest=-self-hosted", "-P", "ubuntu-24.04=-self-hosted", "-P", "ubuntu-24.04-arm=-self-hosted",
		"--action-cache-path", filepath.Join(dir, "cache"),
	}
	if w.Job != "" {
		args = append(args, "-j", w.Job)
	}
	if w.Payload != nil {
		payload, err := json.Marshal(w.Payload)
		if err != nil {
			return nil, fmt.Errorf("write payload: %w", err)
		}
		path := filepath.Join(dir, "event.json")
		if err := os.WriteFile(path, payload, 0o600); err != nil {
			return nil, fmt.Errorf("write payload: %w", err)
		}
		args = append(args, "-e", path)
	}
	for flag, values := range map[string]map[string]string{
		"--env": w.Env, "--secret": w.Secrets, "--var": w.Vars, "--input": w.Inputs,
	} {
		for name, value := range values {
			args = append(args, flag, name+"="+value)
		}
	}
	if usesShipkit.MatchString(text) {
		tree, err := w.tree(dir)
		if err != nil {
			return nil, err
		}
		refs, err := references(text, tree)
		if err != nil {
			return nil, err
		}
		for _, ref := range refs {
			args = append(args, "--local-repository", "org/shipkit@"+ref+"="+tree)
		}
	}
	for i, stub := range w.Stubs {
		repository, ref, _ := strings.Cut(stub, "@")
		path := filepath.Join(dir, fmt.Sprintf("stub%d", i))
		if err := w.layStub(path, repository); err != nil {
			return nil, err
		}
		args = append(args, "--local-repository", repository+"@"+ref+"="+path)
	}
	return args, nil
}

// references are those at which the workflow and the reusable workflows of the
// tree call the tree.
func references(text, tree string) ([]string, error) {
	workflows, err := filepath.Glob(filepath.Join(tree, ".github", "workflows", "*.yml"))
	if err != nil {
		return nil, fmt.Errorf("list the workflows of the tree: %w", err)
	}
	for _, path := range workflows {
		workflow, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			return nil, fmt.Errorf("read a workflow of the tree: %w", err)
		}
		text += string(workflow)
	}
	var refs []string
	for _, match := range usesShipkit.FindAllStringSubmatch(text, -1) {
		refs = append(refs, match[1])
	}
	slices.Sort(refs)
	return slices.Compact(refs), nil
}

// show writes the file of the input path to the log.
const show = `const path = process.env.INPUT_PATH;
if (path) console.log(require('fs').readFileSync(path, 'utf8'));
`

// assume sets the variables of a role for the steps that follow.
const assume = `const role = roles[process.env['INPUT_ROLE-TO-ASSUME']];
if (!role) throw new Error('no trust in ' + process.env['INPUT_ROLE-TO-ASSUME']);
for (const name in role) require('fs').appendFileSync(process.env.GITHUB_ENV, name + '=' + role[name] + '\n');
`

// layStub writes an action in place of another's.
func (w Workflow) layStub(dir, repository string) error {
	script := show
	if repository == "aws-actions/configure-aws-credentials" && w.Roles != nil {
		roles, err := json.Marshal(w.Roles)
		if err != nil {
			return fmt.Errorf("lay stub: %w", err)
		}
		script = "const roles = " + string(roles) + ";\n" + assume
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("lay stub: %w", err)
	}
	files := map[string]string{
		"action.yml": "name: stub\ndescription: Stands in.\ninputs: {path: {description: File}, role-to-assume: {description: Role}}\n" +
			"runs: {using: node24, main: index.js}\n",
		"index.js": script,
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("lay stub: %w", err)
		}
	}
	return nil
}
