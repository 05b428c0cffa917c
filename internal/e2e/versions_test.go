package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var (
	pinned = regexp.MustCompile(`uses: ([\w-]+/[\w-]+)@[0-9a-f]{40} # (v\d+)`)
	shown  = regexp.MustCompile(`(?m)^(?:[ +]*- |[ +]+)uses: ([\w-]+/[\w-]+)@(v\d+)`)
)

// TestExamplesUseTheVersionsOfTheWorkflows: Dependabot keeps the workflows up to
// date, nobody the documents, and GitHub's runners drop what old versions need.
// A line that a diff takes away may show an old one.
func TestExamplesUseTheVersionsOfTheWorkflows(t *testing.T) {
	versions := map[string]string{}
	each(t, pinned, []string{".github/workflows/*.yml"}, func(_, action, version string) { versions[action] = version })
	found := 0
	each(t, shown, []string{"*.md", "docs/*.md", "actions/*/README.md"}, func(page, action, version string) {
		if want := versions[action]; want != "" {
			found++
			if version != want {
				t.Errorf("%s shows %s@%s, the workflows use %s", page, action, version, want)
			}
		}
	})
	if len(versions) < 3 || found < 10 {
		t.Errorf("%d actions in the workflows, %d in the documents", len(versions), found)
	}
}

// each calls see with the page and both groups of every match.
func each(t *testing.T, match *regexp.Regexp, patterns []string, see func(page, action, version string)) {
	t.Helper()
	for _, pattern := range patterns {
		pages, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil || len(pages) == 0 {
			t.Fatal(pattern, err)
		}
		for _, page := range pages {
			text, err := os.ReadFile(filepath.Clean(page))
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range match.FindAllStringSubmatch(string(text), -1) {
				see(page, found[1], found[2])
			}
		}
	}
}
