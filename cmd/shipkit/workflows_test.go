package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var pinned = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)

// TestOurWorkflowsAreSafe: actions of others are pinned by commit, permissions
// are stated, and no expression gets into a shell, where a crafted branch name
// would become a command.
func TestOurWorkflowsAreSafe(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var document yaml.Node
			if err := yaml.Unmarshal(text, &document); err != nil {
				t.Fatal(err)
			}
			if child(document.Content[0], "permissions") == nil {
				t.Error("it does not state its permissions")
			}
			eachMapping(&document, func(mapping *yaml.Node) { checkSafe(t, mapping) })
		})
	}
}

func checkSafe(t *testing.T, mapping *yaml.Node) {
	t.Helper()
	if uses := child(mapping, "uses"); uses != nil {
		ours := strings.HasPrefix(uses.Value, "./") || strings.HasPrefix(uses.Value, "org/shipkit")
		if !ours && !pinned.MatchString(uses.Value) {
			t.Errorf("line %d: %s is not pinned by its commit", uses.Line, uses.Value)
		}
	}
	if run := child(mapping, "run"); run != nil && strings.Contains(run.Value, "${{") {
		t.Errorf("line %d: an expression in run; give it by env", run.Line)
	}
}

func eachMapping(node *yaml.Node, do func(mapping *yaml.Node)) {
	if node.Kind == yaml.MappingNode {
		do(node)
	}
	for _, c := range node.Content {
		eachMapping(c, do)
	}
}
