package release_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheReleaseCommitIsTheSameTwice(t *testing.T) {
	repository := t.TempDir()
	script, err := filepath.Abs(filepath.Join(root, "scripts", "release-commit"))
	if err != nil {
		t.Fatal(err)
	}
	lay(t, filepath.Join(repository, ".gitignore"), "/bin/\n", 0o600)
	lay(t, filepath.Join(repository, "main.go"), "package main\n", 0o600)
	lay(t, filepath.Join(repository, "dist", "tree", "bin", "shipkit-linux-amd64"), "binary", 0o700)
	lay(t, filepath.Join(repository, "dist", "tree", "action.yml"), "name: x\n", 0o600)
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = repository
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("cp", "-r", filepath.Dir(script), "scripts")
	run("git", "init", "-q")
	run("git", "add", "main.go", ".gitignore")
	run("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "Start")

	first, second := run("scripts/release-commit", "v1.2.3"), run("scripts/release-commit", "v1.2.3")
	if first != second || len(first) != 40 {
		t.Errorf("%q and %q", first, second)
	}
	files := run("git", "ls-tree", "-r", "--format=%(objectmode) %(path)", first)
	if files != "100644 action.yml\n100755 bin/shipkit-linux-amd64" {
		t.Error(files)
	}
	if parent := run("git", "rev-parse", first+"^"); parent != run("git", "rev-parse", "HEAD") {
		t.Error("its parent is not the commit of the sources")
	}
	if status := run("git", "status", "--porcelain", "main.go", ".gitignore"); status != "" {
		t.Error("the checkout was changed:", status)
	}
}
