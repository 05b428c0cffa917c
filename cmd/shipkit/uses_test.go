package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/org/shipkit/pkg/action"
)

// TestStepsGiveInputsThatExist reads every workflow, example and fenced YAML
// block of the documents: actionlint does not know the inputs of an action
// that lives in another repository, which ours are to their users.
func TestStepsGiveInputsThatExist(t *testing.T) {
	steps := 0
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
			names := map[string]string{} // of actions, by step ID
			eachStep(&document, func(step *yaml.Node) {
				steps++
				checkStep(t, path, block.line, step, names)
			})
			checkOutputs(t, path, block, names)
		}
	}
	t.Logf("%d steps of org/shipkit checked", steps)
}

func documents(t *testing.T) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && (name == ".git" || name == ".venv" || name == ".bin" || name == ".cache" || name == "dist" || name == "node_modules") {
			return filepath.SkipDir
		}
		workflow := strings.Contains(path, "/.github/") || strings.Contains(path, "/examples/") || strings.Contains(path, "/workflows/")
		if strings.HasSuffix(name, ".md") || workflow && (strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".yaml")) {
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

type block struct {
	text string
	line int // before its first
}

var fence = regexp.MustCompile("(?ms)^ *```ya?ml\n(.*?)^ *```")

func yamlBlocks(path, text string) []block {
	if !strings.HasSuffix(path, ".md") {
		return []block{{text: text}}
	}
	var blocks []block
	for _, at := range fence.FindAllStringSubmatchIndex(text, -1) {
		blocks = append(blocks, block{text[at[2]:at[3]], strings.Count(text[:at[2]], "\n")})
	}
	return blocks
}

// eachStep calls do for every mapping that uses an action of ours.
func eachStep(node *yaml.Node, do func(step *yaml.Node)) {
	if uses := child(node, "uses"); uses != nil && strings.HasPrefix(uses.Value, "org/shipkit/") {
		do(node)
	}
	for _, c := range node.Content {
		eachStep(c, do)
	}
}

func child(node *yaml.Node, key string) *yaml.Node {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

func checkStep(t *testing.T, path string, offset int, step *yaml.Node, names map[string]string) {
	t.Helper()
	uses := child(step, "uses")
	name, _, _ := strings.Cut(strings.TrimPrefix(uses.Value, "org/shipkit/"), "@")
	line := offset + uses.Line
	if strings.HasPrefix(name, ".github/workflows/") {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("%s:%d: %v", path, line, err)
		}
		return
	}
	spec, err := specNamed(name)
	if err != nil {
		t.Errorf("%s:%d: %s: %v", path, line, uses.Value, err)
		return
	}
	if id := child(step, "id"); id != nil {
		names[id.Value] = name
	}
	given := map[string]string{}
	if with := child(step, "with"); with != nil {
		for i := 0; i+1 < len(with.Content); i += 2 {
			given[with.Content[i].Value] = with.Content[i+1].Value
		}
	}
	for _, problem := range checkWith(t, spec, given) {
		t.Errorf("%s:%d: %s: %s", path, line, name, problem)
	}
}

func specNamed(name string) (action.Spec, error) {
	i := slices.IndexFunc(specs, func(s action.Spec) bool { return s.Name() == name })
	if i < 0 {
		return action.Spec{}, errors.New("no such action")
	}
	return specs[i], nil
}

func checkWith(t *testing.T, spec action.Spec, given map[string]string) []string {
	t.Helper()
	meta, err := spec.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	fields, err := spec.Fields()
	if err != nil {
		t.Fatal(err)
	}
	var problems []string
	for name := range given {
		if _, ok := meta.Input(name); !ok {
			problems = append(problems, "it has no input "+name)
		}
	}
	for _, field := range fields {
		value, ok := given[field.Input]
		input, _ := meta.Input(field.Input)
		if !ok && input.Required {
			problems = append(problems, "input "+field.Input+" is required")
		}
		if strings.Contains(value, "${{") {
			continue
		}
		if err := field.CheckValue(value); err != nil {
			problems = append(problems, "input "+field.Input+": "+err.Error())
		}
	}
	return problems
}

var outputOfStep = regexp.MustCompile(`\bsteps\.([\w-]+)\.outputs\.([\w-]+)`)

func checkOutputs(t *testing.T, path string, b block, names map[string]string) {
	t.Helper()
	for _, match := range outputOfStep.FindAllStringSubmatch(b.text, -1) {
		spec, err := specNamed(names[match[1]])
		if err != nil {
			continue // the step of another
		}
		meta, err := spec.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		if !meta.HasOutput(match[2]) {
			t.Errorf("%s:%d: %s: %s has no output %s", path, b.line, match[0], spec.Name(), match[2])
		}
	}
}
