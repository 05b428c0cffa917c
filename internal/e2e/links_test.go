package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	slugged = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinksLeadSomewhere follows every link of the documents that stays in the
// repository, to the heading that it names.
func TestLinksLeadSomewhere(t *testing.T) {
	links := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md", "actions/*/README.md"} {
		pages, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil || len(pages) == 0 {
			t.Fatal(pattern, err)
		}
		for _, page := range pages {
			for _, match := range link.FindAllStringSubmatch(prose(t, page), -1) {
				if strings.Contains(match[1], "://") || strings.HasPrefix(match[1], "mailto:") {
					continue
				}
				links++
				path, anchor, _ := strings.Cut(match[1], "#")
				target := page
				if path != "" {
					target = filepath.Join(filepath.Dir(page), path)
				}
				if !leads(t, target, anchor) {
					t.Errorf("%s: %s leads nowhere", strings.TrimPrefix(page, "../../"), match[1])
				}
			}
		}
	}
	if links < 50 {
		t.Errorf("only %d links were found", links)
	}
}

// prose is a page without its code.
func prose(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Clean(page))
	if err != nil {
		t.Fatal(err)
	}
	return fenced.ReplaceAllString(string(text), "")
}

// leads tells whether a file or a folder is there, and has the heading of an
// anchor as GitHub names it.
func leads(t *testing.T, target, anchor string) bool {
	t.Helper()
	info, err := os.Stat(target)
	if err != nil || anchor == "" {
		return err == nil
	}
	if info.IsDir() {
		target = filepath.Join(target, "README.md")
	}
	for _, match := range heading.FindAllStringSubmatch(prose(t, target), -1) {
		name := strings.ToLower(slugged.ReplaceAllString(match[1], ""))
		if strings.ReplaceAll(name, " ", "-") == anchor {
			return true
		}
	}
	return false
}
