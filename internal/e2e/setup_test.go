package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/acttest"
	"github.com/org/shipkit/internal/policytest"
)

// role is what the guide makes: who may assume it, and what it may do.
type role struct {
	subs    []string
	allowed []string
}

// TestTheGuideMakesTheRoles runs the commands of docs/setup-aws.md, with an aws
// that only writes down, and then ships and rolls back with the roles that they
// make: each call must be allowed to the role of its job, which must trust it.
func TestTheGuideMakesTheRoles(t *testing.T) {
	t.Parallel()
	roles := guide(t)
	c := startChain(t, "v1")
	keys, env := map[string]string{}, map[string]map[string]string{}
	for name := range roles {
		key, variables := c.aws.SessionEnv(name)
		keys[name], env["arn:aws:iam::111122223333:role/"+name] = key, map[string]string{}
		for _, pair := range variables {
			variable, value, _ := strings.Cut(pair, "=")
			env["arn:aws:iam::111122223333:role/"+name][variable] = value
		}
	}
	for _, run := range []struct{ event, yaml string }{{"push", shipWithRoles}, {"workflow_dispatch", rollbackWithRoles}} {
		result := acttest.Run(t, acttest.Workflow{
			YAML: run.yaml, Event: run.event, Env: c.env, Roles: env, Vars: map[string]string{"IMAGE": c.images["v1"]}, Stubs: acttest.OfOthers,
			Files: map[string]string{".shipkit.yml": settings},
		})
		if result.ExitCode != 0 {
			t.Fatalf("%s: %v\n%s\n%s", run.event, result.Annotations, result.Log, result.Stderr)
		}
	}
	for name, sub := range map[string]string{"shipkit-staging": "environment:staging", "shipkit-staging-build": "ref:refs/heads/main"} {
		if want := []string{"repo:acme@1234567/shop@7654321:" + sub}; !slices.Equal(roles[name].subs, want) {
			t.Errorf("%s trusts %v, want %v", name, roles[name].subs, want)
		}
		needed := policytest.Needed(c.aws.Calls(), keys[name])
		if len(needed) == 0 {
			t.Errorf("%s called nothing", name)
		}
		for _, action := range needed {
			if !slices.Contains(roles[name].allowed, action) {
				t.Errorf("%s calls %s, which the guide does not allow it", name, action)
			}
		}
	}
	for _, action := range roles["shipkit-staging-build"].allowed {
		if service, operation, _ := strings.Cut(action, ":"); service == "ecs" && !strings.HasPrefix(operation, "Describe") && !strings.HasPrefix(operation, "List") {
			t.Errorf("the role without approval may %s", action)
		}
	}
}

const shipWithRoles = ship + `
      role-to-assume: arn:aws:iam::111122223333:role/shipkit-staging
      build-role-to-assume: arn:aws:iam::111122223333:role/shipkit-staging-build
`

const rollbackWithRoles = `
on: workflow_dispatch
permissions: {contents: read, id-token: write}
jobs:
  rollback:
    uses: org/shipkit/.github/workflows/rollback.yml@v1
    with:
      environment: staging
      to: previous
      role-to-assume: arn:aws:iam::111122223333:role/shipkit-staging
      plan-role-to-assume: arn:aws:iam::111122223333:role/shipkit-staging-build
`

// pen is an aws that keeps what it is given by role.
const pen = `#!/bin/bash
set -e
if [[ $1 == sts ]]; then echo 111122223333; exit; fi
kind=$2
while (($#)); do
  case $1 in
    --role-name) role=$2 ;;
    --policy-name) name=$2 ;;
    --policy-document | --assume-role-policy-document) document=$2 ;;
  esac
  shift
done
if [[ $kind == create-open-id-connect-provider || $kind == create-repository ]]; then exit; fi
mkdir -p "$OUT/$role"
if [[ $document == file://* ]]; then document=$(cat "${document#file://}"); fi
printf '%s\n' "$document" > "$OUT/$role/$kind-$name.json"
`

var shell = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// guide runs the guide's commands and returns the roles that they make.
func guide(t *testing.T) map[string]role {
	t.Helper()
	text, err := os.ReadFile("../../docs/setup-aws.md")
	if err != nil {
		t.Fatal(err)
	}
	script := "set -euo pipefail\n"
	for _, match := range shell.FindAllSubmatch(text, -1) {
		script += string(match[1])
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(pen), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "actions"), filepath.Join(dir, "actions")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "OUT="+filepath.Join(dir, "out"), "PATH="+dir+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the commands of the guide: %v\n%s", err, out)
	}
	made, err := filepath.Glob(filepath.Join(dir, "out", "*"))
	if err != nil || len(made) != 5 {
		t.Fatalf("the guide makes %v, %v", made, err)
	}
	roles := map[string]role{}
	for _, path := range made {
		roles[filepath.Base(path)] = readRole(t, path)
	}
	return roles
}

func readRole(t *testing.T, dir string) role {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r role
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var document struct {
			Statement []struct {
				Action    any
				Condition map[string]map[string]any
			}
		}
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatalf("%s: %v\n%s", path, err, text)
		}
		for _, statement := range document.Statement {
			if strings.Contains(filepath.Base(path), "create-role") {
				r.subs = append(r.subs, policytest.List(statement.Condition["StringEquals"]["token.actions.githubusercontent.com:sub"])...)
			} else {
				r.allowed = append(r.allowed, policytest.List(statement.Action)...)
			}
		}
	}
	return r
}
