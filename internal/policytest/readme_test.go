package policytest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPoliciesAllowNothingUnused looks for a call of every action that a
// README asks for: what was given once is never taken back by users.
func TestPoliciesAllowNothingUnused(t *testing.T) {
	code := sources(t, "../../pkg", "../../actions", "../../cmd/shipkit")
	readmes, err := filepath.Glob("../../actions/*/README.md")
	if err != nil || len(readmes) == 0 {
		t.Fatal(readmes, err)
	}
	var used []string
	for _, readme := range readmes {
		for _, action := range Allowed(t, readme) {
			used = append(used, action)
			_, operation, _ := strings.Cut(action, ":")
			call := regexp.MustCompile(`\.(New)?` + regexp.QuoteMeta(operation) + `(Paginator)?\(`)
			if indirect[action] == "" && !call.MatchString(code) {
				t.Errorf("%s allows %s, which nothing calls", readme, action)
			}
		}
	}
	for action := range indirect {
		if !slices.Contains(used, action) {
			t.Errorf("%s is in no policy any more: remove it here", action)
		}
	}
}

// sources returns the code below folders, without tests.
func sources(t *testing.T, folders ...string) string {
	t.Helper()
	var code strings.Builder
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			code.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return code.String()
}
