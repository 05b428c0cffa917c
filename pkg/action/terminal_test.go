package action_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/action/actiontest"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/progress"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got, -update writes it):\n%s", path, diff)
	}
}

// inTerminal runs the sample program with arguments, as a person does.
func inTerminal(t *testing.T, run func(ctx context.Context, rt *action.Runtime, in inputs) error, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, log strings.Builder
	program := action.Program{
		Version: "shipkit v1.2.3", Specs: []action.Spec{sample(run)},
		Commands: []action.Command{{Name: "status", About: "Show what runs where", Run: func(_ context.Context, host action.Host, args []string) int {
			fmt.Fprintln(host.Stdout, "status of", args)
			return 0
		}}},
	}
	host := action.Host{Stdout: &out, Stderr: &log, Environ: []string{"GITHUB_TOKEN=from-environment"}}
	code = program.Main(t.Context(), host, args)
	return out.String(), log.String(), code
}

// verdict does what an action does: progress, a finding, a summary, outputs.
func verdict(_ context.Context, rt *action.Runtime, in inputs) error {
	defer rt.Group("Rollout")()
	rt.Progress().Milestone("rollout web", "started")
	rt.Annotate(&diag.Diagnostic{Severity: diag.Warning, Summary: "slow", File: "x.yml", Line: 3, Try: "wait"})
	rt.Summary("# Verdict\n\n| Task | Token |\n| --- | --- |\n| web\\_1 | `" + in.Token + "` |\n")
	rt.SetOutput("status", "ok")
	rt.SetOutput("text", in.Token+" "+strings.Join(in.Tags, "+"))
	if in.Mode == "always" {
		return errors.New("roll out web: it never became healthy")
	}
	return nil
}

func TestTerminal(t *testing.T) {
	for name, test := range map[string]struct {
		args string
		code int
	}{
		"nothing":  {"", action.ExitBadInput},
		"help":     {"help", action.ExitOK},
		"sample":   {"sample --help", action.ExitOK},
		"run":      {"sample --url https://example.com --tags a --tags b,c --dry-run", action.ExitOK},
		"failed":   {"sample --url=https://example.com --mode always", action.ExitFailed},
		"json":     {"sample --json --url https://example.com --mode always --dry-run false", action.ExitFailed},
		"bad":      {"sample --ulr https://example.com --timeout 1ms extra --mode", action.ExitBadInput},
		"missing":  {"sample --timeout 1ms", action.ExitBadInput},
		"unknown":  {"smaple", action.ExitBadInput},
		"post":     {"sample post", action.ExitBadInput},
		"command":  {"status --all", action.ExitOK},
		"version":  {"version", action.ExitOK},
		"version2": {"sample --version", action.ExitOK},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := inTerminal(t, verdict, strings.Fields(test.args)...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			golden(t, name+".txt", "$ shipkit "+test.args+"\n--- stdout\n"+stdout+"--- stderr\n"+stderr)
		})
	}
}

func TestJSONIsOneDocument(t *testing.T) {
	stdout, _, _ := inTerminal(t, verdict, "sample", "--json", "--url", "https://example.com")
	var answer struct {
		OK      bool              `json:"ok"`
		Outputs map[string]string `json:"outputs"`
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil || !answer.OK || answer.Outputs["status"] != "ok" {
		t.Error(err, stdout)
	}
	if strings.Contains(stdout, "from-environment") {
		t.Error("the token is shown:", stdout)
	}
}

func TestAPanicIsOneLine(t *testing.T) {
	spec := sample(func(_ context.Context, rt *action.Runtime, in inputs) error {
		rt.SetOutput("status", "before")
		var none *diag.Diagnostic
		return errors.New(none.Summary)
	})
	step := actiontest.Step{Spec: spec, With: map[string]string{"url": "https://example.com"}}
	result := actiontest.Run(t.Context(), t, step)
	if result.ExitCode != action.ExitFailed || result.Outputs["status"] != "before" {
		t.Errorf("%+v", result)
	}
	if !strings.Contains(result.Log, "::error::internal fault: ") || !strings.Contains(result.Log, "::debug::goroutine ") ||
		strings.Count(result.Log, "\n") != 2 {
		t.Error(result.Log)
	}
}

func TestFillSuppliesWhatIsUnset(t *testing.T) {
	var got inputs
	var asked action.FillRequest
	step := actiontest.Step{
		Spec: sample(func(_ context.Context, _ *action.Runtime, in inputs) error {
			got = in
			return nil
		}),
		With: map[string]string{"url": "https://example.com", "timeout": "2m"},
		Fill: func(_ context.Context, request action.FillRequest) (map[string]action.Filled, error) {
			asked = request
			return map[string]action.Filled{
				"timeout": {Value: "3m", Origin: ".shipkit.yml:4"}, "mode": {Value: "off", Origin: ".shipkit.yml:5"},
			}, nil
		},
	}
	if result := actiontest.Run(t.Context(), t, step); result.ExitCode != 0 {
		t.Fatal(result.Log)
	}
	if got.Timeout.String() != "2m0s" || got.Mode != "off" || got.Max != 64_000_000 {
		t.Errorf("%+v", got)
	}
	if asked.Action != "sample" || asked.Given["timeout"] != "2m" || strings.Contains(strings.Join(asked.Unset, " "), "timeout") {
		t.Errorf("%+v", asked)
	}
	step.Fill = func(context.Context, action.FillRequest) (map[string]action.Filled, error) {
		return map[string]action.Filled{"mode": {Value: "of", Origin: ".shipkit.yml:5"}}, nil
	}
	result := actiontest.Run(t.Context(), t, step)
	if result.ExitCode != action.ExitBadInput || !strings.Contains(result.Log, `input "mode" from .shipkit.yml:5: "of" was given`) {
		t.Error(result.Log)
	}
	step.Fill = func(context.Context, action.FillRequest) (map[string]action.Filled, error) {
		return nil, errors.New(".shipkit.yml:1: broken")
	}
	if result := actiontest.Run(t.Context(), t, step); result.ExitCode != action.ExitBadInput || !strings.Contains(result.Log, "broken") {
		t.Error(result.Log)
	}
}

func TestPostPhaseHasTheState(t *testing.T) {
	spec := sample(
		func(_ context.Context, rt *action.Runtime, _ inputs) error {
			rt.SaveState("deployment", "arn\nof it")
			return errors.New("failed")
		},
		action.WithPost(func(_ context.Context, rt *action.Runtime) error {
			rt.Infof("watching %s, token hunter22", rt.State("deployment"))
			return nil
		}),
	)
	with := map[string]string{"url": "https://example.com", "token": "hunter22"}
	main := actiontest.Run(t.Context(), t, actiontest.Step{Spec: spec, With: with})
	if main.ExitCode != action.ExitFailed || main.State["deployment"] != "arn\nof it" {
		t.Fatalf("%+v", main)
	}
	post := actiontest.Run(t.Context(), t, actiontest.Step{Spec: spec, With: with, Post: true, State: main.State})
	if post.ExitCode != 0 || !strings.Contains(post.Log, "watching arn\nof it, token ***") {
		t.Errorf("%+v", post)
	}
}

func TestGitHubContext(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"pull_request":{"number":7}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var got action.GitHub
	spec := sample(func(_ context.Context, rt *action.Runtime, _ inputs) error {
		got = rt.GitHub()
		rt.Progress().Send(progress.Event{Task: "x"})
		return nil
	})
	env := map[string]string{
		"GITHUB_REPOSITORY": "example/app", "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_SHA": "abc",
		"GITHUB_SERVER_URL": "https://github.example.com", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": event,
	}
	step := actiontest.Step{Spec: spec, With: map[string]string{"url": "https://example.com"}, Env: env}
	if result := actiontest.Run(t.Context(), t, step); result.ExitCode != 0 {
		t.Fatal(result.Log)
	}
	if got.RunURL != "https://github.example.com/example/app/actions/runs/42" || got.RunAttempt != 2 || got.SHA != "abc" {
		t.Errorf("%+v", got)
	}
	if pull, ok := got.Event["pull_request"].(map[string]any); !ok || pull["number"] != 7. {
		t.Error(got.Event)
	}
}

func TestCheckFindsEveryFault(t *testing.T) {
	type wrong struct {
		Only  string `input:"only-struct"`
		Both  int    `input:"both" min:"1"`
		Help  string `input:"help"`
		Key   string `input:"key" secret:"true"`
		Named string `input:"Bad_Name"`
	}
	text := `
name: Wrong
description: Wrong.
inputs:
  both: {description: Number., default: "0"}
  only-yml: {description: Nothing.}
  help: {description: Reserved., required: true, default: x}
  key: {description: Key., default: hunter22}
  Bad_Name: {}
outputs: {Out: {}}
runs: {using: node20, main: dist/index.js, post: post.js}
`
	err := action.Define("wrong", []byte(text), func(context.Context, *action.Runtime, wrong) error { return nil }).Check()
	for _, want := range []string{
		`runs must be using: node24`, `runs.post is "post.js"`, `input "both": default: "0" was given: too small`, `input "only-yml" has no field`,
		`input "help" needs a kebab-case name that is none of [help json version]`, `input "help" is required and has a default`,
		`input "key" is secret and has a default`, `input "Bad_Name" needs a kebab-case name`, `input "Bad_Name" has no description`,
		`field of input "only-struct": action.yml does not declare it`, `output "Out" needs`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
	if err := sample(verdict).Check(); err != nil {
		t.Error(err)
	}
}

func TestFaultyDefinitionsFailTheRun(t *testing.T) {
	type untagged struct{ X string }
	type twice struct {
		A string `input:"a"`
		B string `input:"a"`
	}
	type unsupported struct {
		M map[string]string `input:"m"`
	}
	for name, spec := range map[string]action.Spec{
		"untagged":    action.Define("x", []byte("name: x"), func(context.Context, *action.Runtime, untagged) error { return nil }),
		"twice":       action.Define("x", []byte("name: x"), func(context.Context, *action.Runtime, twice) error { return nil }),
		"unsupported": action.Define("x", []byte("name: x"), func(context.Context, *action.Runtime, unsupported) error { return nil }),
		"no struct":   action.Define("x", []byte("name: x"), func(context.Context, *action.Runtime, int) error { return nil }),
		"no YAML":     action.Define("x", []byte(": {"), func(context.Context, *action.Runtime, struct{}) error { return nil }),
		"list":        action.Define("x", []byte("inputs: []"), func(context.Context, *action.Runtime, struct{}) error { return nil }),
	} {
		t.Run(name, func(t *testing.T) {
			result := actiontest.Run(t.Context(), t, actiontest.Step{Spec: spec})
			if result.ExitCode != action.ExitFailed || !strings.HasPrefix(result.Log, "::error::read ") {
				t.Error(result.ExitCode, result.Log)
			}
		})
	}
}
