package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/org/shipkit/internal/acttest"
	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/internal/localaws/seed"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/config"
	"github.com/org/shipkit/pkg/smoke/checkfile"
)

var yamlBlock = regexp.MustCompile("(?ms)^ *```ya?ml\n(.*?)^ *```")

// examples are the YAML blocks of a page.
func examples(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, match := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	return found
}

// TestTheDocumentedWorkflowsRun runs docs/reusable-workflows.md, word for word
// but for the address of the registry, on two environments.
func TestTheDocumentedWorkflowsRun(t *testing.T) {
	t.Parallel()
	const page = "docs/reusable-workflows.md"
	c := startChain(t, "v1")
	c.forPulls()
	hub := githubtest.New(t, "example/app")
	hub.Pulls = []githubtest.Pull{{Number: 7, State: "open"}}
	production, err := seed.RunService(t.Context(), c.aws, "xy-0146-production", c.images["v0"])
	if err != nil {
		t.Fatal(err)
	}
	c.env["PRODUCTION_URL"], c.env["SOURCE"] = production, c.images["v1"]
	workflows := map[string]string{}
	for _, text := range examples(t, page) {
		var head struct{ Name string }
		if err := yaml.Unmarshal([]byte(text), &head); err != nil {
			t.Fatal(err)
		}
		workflows[head.Name] = strings.ReplaceAll(text, "111111111111.dkr.ecr.eu-west-1.amazonaws.com", c.aws.ECR.Host())
	}
	for _, run := range []struct {
		name, event string
		inputs      map[string]string
		payload     any
		serves      string
		says        string
	}{
		{"Ship", "push", nil, nil, "v1", "### ✅ production"},
		{"Roll back", "workflow_dispatch", map[string]string{"environment": "staging"}, nil, "v0", "### ✅ staging"},
		{"Pull request", "pull_request", nil, opened, "v1", "xy-0146-pr7"},
		{"Housekeeping", "schedule", nil, nil, "v1", "is off 70 % of the week"},
	} {
		result := acttest.Run(t, acttest.Workflow{
			YAML: workflows[run.name], Env: c.env, Stubs: acttest.OfOthers, Event: run.event, Inputs: run.inputs, Payload: run.payload,
			Files:   map[string]string{".shipkit.yml": bothSettings, "Makefile": "test:\n\ttrue\n"},
			Secrets: map[string]string{"GITHUB_TOKEN": "token"}, ActionEnv: map[string]map[string]string{"ephemeral-env": {"GITHUB_API_URL": hub.URL}},
		})
		if got := c.serves(); result.ExitCode != 0 || got != run.serves || !strings.Contains(result.Summary, run.says) {
			t.Fatalf("%s: exit code %d, %s serves, want %s, summary %s\n%v\n%s\n%s", run.name, result.ExitCode, got, run.serves, result.Summary,
				result.Annotations, result.Log, result.Stderr)
		}
	}
	c.url = production
	if got := c.serves(); got != "v1" {
		t.Errorf("production answers as %s", got)
	}
}

var opened = map[string]any{"action": "opened", "number": 7, "pull_request": map[string]any{
	"number": 7, "head": map[string]any{"repo": map[string]any{"fork": false, "full_name": "example/app"}},
}}

// bothSettings are those of the page's environments; an image that is there
// stands for the build.
const bothSettings = `
customer: xy
project: "0146"
defaults:
  region: eu-west-1
  services: web
  inputs:
    build-image: {source: "registry:${SOURCE}"}
    deploy-ecs: {wait-max-delay-seconds: 1}
environments:
  dev:
    cluster: xy-0146-staging
    inputs:
      ephemeral-env:
        schedule-role-arn: arn:aws:iam::111122223333:role/shipkit-scheduler
        url: ${STAGING_URL}
        template-parameters: |
          ListenerArn=${LISTENER}
          Host=127.0.0.1
          VpcId=vpc-local
          Subnets=subnet-0146dev
          SecurityGroups=sg-0146dev
  staging:
    cluster: xy-0146-staging
    url: ${STAGING_URL}/version
    hours: mon-fri 08:00-18:00 Africa/Lagos
    inputs:
      ephemeral-env:
        services: web
        schedule-role-arn: arn:aws:iam::111122223333:role/shipkit-scheduler
  production:
    cluster: xy-0146-production
    url: ${PRODUCTION_URL}/version
`

// The steps of examples bear these IDs, also where another block has the step.
var (
	named  = map[string]string{"build": "build-image", "deploy": "deploy-ecs", "promote": "promote-snapshot", "smoke": "smoke-test"}
	output = regexp.MustCompile(`steps\.(build|deploy|promote|smoke)\.outputs\.([\w-]+)`)
)

// TestExamplesAreSound reads every YAML block of the documents that is not run
// above: workflows and steps through actionlint, settings and checks through
// their own readers, a piece of inputs against its action. Whether steps give
// inputs that exist is a test of cmd/shipkit.
func TestExamplesAreSound(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "actions/*/README.md"} {
		found, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	dir, count := t.TempDir(), map[string]int{}
	for _, path := range pages {
		page := strings.TrimPrefix(path, "../../")
		for i, text := range examples(t, page) {
			for _, output := range output.FindAllStringSubmatch(text, -1) {
				if text, err := os.ReadFile(filepath.Join("../../actions", named[output[1]], "action.yml")); err != nil || !strings.Contains(string(text), "\n  "+output[2]+":\n") {
					t.Errorf("%s, YAML block %d: %s is no output of %s, %v", page, i+1, output[2], named[output[1]], err)
				}
			}
			kind, err := judge(page, text, filepath.Join(dir, fmt.Sprintf("%s-%d.yml", strings.ReplaceAll(page, "/", "-"), i+1)))
			if err != nil {
				t.Errorf("%s, YAML block %d (%s): %v\n%s", page, i+1, kind, err, text)
			}
			count[kind]++
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	lint := exec.CommandContext(t.Context(), "../../.bin/actionlint", append([]string{
		"-no-color", "-oneline", "-shellcheck=", "-pyflakes=",
		// What a piece of a workflow refers to stands in the rest of it.
		"-ignore", `property ".+" is not defined in object type`, "-ignore", `needs job ".+" which does not exist`,
	}, files...)...)
	if out, err := lint.CombinedOutput(); err != nil {
		t.Errorf("actionlint: %v\n%s", err, out)
	}
	t.Log(count)
}

// judge tells what an example is, and what is wrong with it. It writes those
// that are workflows, or parts of one, to the file for actionlint.
func judge(page, text, file string) (kind string, err error) {
	var list []any
	if yaml.Unmarshal([]byte(text), &list) == nil {
		return "steps", os.WriteFile(file, []byte("on: push\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n"+indent(text, 6)), 0o600)
	}
	var mapping map[string]any
	if err := yaml.Unmarshal([]byte(text), &mapping); err != nil {
		return "text", err
	}
	has := func(key string) bool { _, ok := mapping[key]; return ok }
	switch {
	case has("jobs") && has("on"):
		return "workflow", os.WriteFile(file, []byte(text), 0o600)
	case has("jobs"), len(mapping) == 1 && has("permissions"):
		if !has("jobs") {
			text += "jobs: {job: {runs-on: ubuntu-latest, steps: [run: exit]}}\n"
		}
		return "workflow", os.WriteFile(file, []byte("on: push\n"+text), 0o600)
	case has("environments"):
		_, err := config.Read(page, []byte(text))
		return "settings", err
	case has("checks"):
		_, err := checkfile.Read([]byte(text), checkfile.Options{Env: func(string) (string, bool) { return "https://example.com", true }})
		return "checks", err
	case len(mapping) == 1 && nested(mapping):
		return "job", os.WriteFile(file, []byte("on: push\njobs:\n"+indent(text, 2)), 0o600)
	default:
		return "inputs", inputsOf(filepath.Dir(page), mapping)
	}
}

// nested tells whether all values are mappings.
func nested(mapping map[string]any) bool {
	for _, value := range mapping {
		if _, ok := value.(map[string]any); !ok {
			return false
		}
	}
	return true
}

func indent(text string, by int) string {
	space := strings.Repeat(" ", by)
	return space + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+space) + "\n"
}

// inputsOf looks the keys up in the action whose README it is.
func inputsOf(folder string, given map[string]any) error {
	text, err := os.ReadFile(filepath.Join("../..", folder, "action.yml"))
	if err != nil {
		return err
	}
	meta, err := action.ParseMetadata(text)
	if err != nil {
		return err
	}
	for name := range given {
		if _, ok := meta.Input(name); !ok {
			return fmt.Errorf("there is no input %s", name)
		}
	}
	return nil
}
