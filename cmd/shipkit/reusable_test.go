package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestCallersGiveInputsThatExist reads every call of a reusable workflow in
// workflows and documents: actionlint does not know those of another
// repository, which ours are to their users.
func TestCallersGiveInputsThatExist(t *testing.T) {
	calls := 0
	for _, path := range documents(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range yamlBlocks(path, string(text)) {
			var document yaml.Node
			if err := yaml.Unmarshal([]byte(block.text), &document); err != nil {
				t.Errorf("%s:%d: %v", path, block.line, err)
				continue
			}
			eachStep(&document, func(job *yaml.Node) {
				name, _, _ := strings.Cut(strings.TrimPrefix(child(job, "uses").Value, "org/shipkit/"), "@")
				if strings.HasPrefix(name, ".github/workflows/") {
					calls++
					checkCall(t, path, block.line+job.Line, job, reusable(t, name))
				}
			})
		}
	}
	if calls == 0 {
		t.Error("no call of a reusable workflow was found")
	}
}

// call is what a reusable workflow takes.
type call struct {
	Inputs  map[string]struct{ Required bool }
	Secrets map[string]struct{ Required bool }
}

func reusable(t *testing.T, name string) call {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	var workflow struct {
		On struct {
			Call call `yaml:"workflow_call"`
		}
	}
	if err := yaml.Unmarshal(text, &workflow); err != nil {
		t.Fatal(name, err)
	}
	return workflow.On.Call
}

func checkCall(t *testing.T, path string, line int, job *yaml.Node, takes call) {
	t.Helper()
	for key, taken := range map[string]map[string]struct{ Required bool }{"with": takes.Inputs, "secrets": takes.Secrets} {
		given := map[string]bool{}
		if mapping := child(job, key); mapping != nil {
			for i := 0; i+1 < len(mapping.Content); i += 2 {
				given[mapping.Content[i].Value] = true
			}
		}
		for name := range given {
			if _, ok := taken[name]; !ok {
				t.Errorf("%s:%d: %s: the workflow takes no %s", path, line, key, name)
			}
		}
		for name, input := range taken {
			if input.Required && !given[name] {
				t.Errorf("%s:%d: %s: %s is required", path, line, key, name)
			}
		}
	}
}
