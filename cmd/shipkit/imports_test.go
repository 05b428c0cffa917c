package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/org/shipkit/"

// shared are the packages that every domain may use.
var shared = []string{"diag", "progress", "namespace", "markdown", "nearest"}

// furtherImports are those that a package under pkg may use beyond the shared ones.
var furtherImports = map[string][]string{
	"build":       {"image", "registry"},
	"config":      {"action"},
	"environment": {"stack", "saga", "ecsdeploy", "snapshot", "shell"},
	"snapshot":    {"stack", "saga", "ecsdeploy", "mysql"},
}

func TestImportsRunOneWay(t *testing.T) {
	for _, line := range goList(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		fields := strings.Fields(line)
		from := strings.TrimPrefix(fields[0], module)
		for _, imported := range fields[1:] {
			to, ours := strings.CutPrefix(imported, module)
			if ours && !mayImport(from, to) {
				t.Errorf("%s imports %s", from, to)
			}
			if strings.HasSuffix(to, "sethvargo/go-githubactions") && from != "pkg/action" {
				t.Errorf("%s talks to the runner past pkg/action", from)
			}
		}
	}
}

// mayImport knows the one way: cmd, actions, then the packages under pkg.
func mayImport(from, to string) bool {
	switch layer, name, _ := strings.Cut(from, "/"); layer {
	case "cmd":
		return name != "shipkit" || !strings.HasPrefix(to, "internal/")
	case "actions":
		return strings.HasPrefix(to, "pkg/") || strings.HasPrefix(to, from+"/")
	case "pkg":
		name, _, _ = strings.Cut(name, "/")
		target, ok := strings.CutPrefix(to, "pkg/")
		target, _, _ = strings.Cut(target, "/")
		return ok && (target == name || slices.Contains(shared, target) || slices.Contains(furtherImports[name], target))
	default: // internal: tests and tools
		return !strings.HasPrefix(to, "cmd/")
	}
}

// TestTheBinaryHoldsNoServer keeps what only tests need out of the release.
func TestTheBinaryHoldsNoServer(t *testing.T) {
	for _, path := range goList(t, "-deps", "./cmd/shipkit") {
		for _, forbidden := range []string{
			module + "internal/", "github.com/distribution/distribution", "github.com/Shopify/toxiproxy", "pgregory.net/rapid", "testing",
		} {
			if path == forbidden || strings.HasPrefix(path, forbidden+"/") || strings.HasSuffix(forbidden, "/") && strings.HasPrefix(path, forbidden) {
				t.Errorf("cmd/shipkit links %s", path)
			}
		}
	}
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
