package release_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// publisher runs the commands of release.yml as its job does, in a checkout
// with a remote of its own, where a gh stands that only writes down what it was told.
type publisher struct {
	checkout, remote, bin string
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	dir := t.TempDir()
	p := &publisher{checkout: filepath.Join(dir, "checkout"), remote: filepath.Join(dir, "remote"), bin: filepath.Join(dir, "bin")}
	lay(t, filepath.Join(p.bin, "gh"), "#!/bin/sh\nfor f in \"$@\"; do case $f in dist/*) [ -f \"$f\" ] || exit 3;; esac; done\n"+
		"echo \"$@\" >> gh.calls\ncat dist/notes.md >> gh.calls\n", 0o700)
	lay(t, filepath.Join(p.checkout, ".gitignore"), "/dist/\n/gh.calls\n", 0o600)
	lay(t, filepath.Join(p.checkout, "CHANGELOG.md"),
		"# Changes\n\n## Unreleased\n\n- First\n\n## v1.2.2 (2026-11-20)\n\n- Older\n", 0o600)
	lay(t, filepath.Join(p.checkout, "Makefile"), `release-tree:
	@mkdir -p dist/tree/bin dist/assets
	@for f in tree/bin/shipkit-linux-amd64 assets/shipkit-darwin-arm64 tree/SHA256SUMS tree/sbom.cdx.json tree/action.yml; do echo $(VERSION) > dist/$$f; done
`, 0o600)
	lay(t, filepath.Join(p.checkout, ".github", "workflows", "ship.yml"), "- uses: org/shipkit/deploy-ecs@v1\n- uses: actions/checkout@v1\n", 0o600)
	p.run(t, "cp", "-r", must(filepath.Abs(filepath.Join(root, "scripts"))), "scripts")
	p.run(t, "git", "init", "-q", "--bare", p.remote)
	p.run(t, "git", "init", "-q", "-b", "main")
	p.run(t, "git", "remote", "add", "origin", p.remote)
	p.run(t, "git", "add", ".")
	p.run(t, "git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "Start")
	return p
}

func (p *publisher) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = p.checkout
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// release runs the job's commands until one fails, and returns what that said.
func (p *publisher) release(t *testing.T, version string) (failure string) {
	t.Helper()
	var workflow struct {
		Jobs struct {
			Release struct {
				Steps []struct {
					Run string `yaml:"run"`
				} `yaml:"steps"`
			} `yaml:"release"`
		} `yaml:"jobs"`
	}
	text, err := os.ReadFile(filepath.Join(root, ".github", "workflows", "release.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &workflow); err != nil {
		t.Fatal(err)
	}
	other := p.run(t, "sh", "-c", "echo "+version+" | sha256sum")
	for _, step := range workflow.Jobs.Release.Steps {
		if step.Run == "" {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-e", "-o", "pipefail", "-c", step.Run)
		cmd.Dir = p.checkout
		cmd.Env = []string{"PATH=" + p.bin + ":" + os.Getenv("PATH"), "HOME=" + p.bin, "VERSION=" + version, "OTHER=" + other, "GH_TOKEN=t"}
		if out, err := cmd.CombinedOutput(); err != nil {
			return string(out)
		}
	}
	return ""
}

// prepare commits what scripts/prepare-release writes.
func (p *publisher) prepare(t *testing.T, version string) {
	t.Helper()
	p.run(t, "scripts/prepare-release", version)
	p.run(t, "git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-a", "-m", "Prepare "+version)
}

func (p *publisher) tag(t *testing.T, name string) string {
	t.Helper()
	return p.run(t, "git", "--git-dir", p.remote, "rev-parse", name)
}

func must(path string, err error) string {
	if err != nil {
		return err.Error()
	}
	return path
}

func TestTheReleaseWorkflow(t *testing.T) {
	p := newPublisher(t)
	if failure := p.release(t, "v1.2.2"); !strings.Contains(failure, "the reusable workflows call org/shipkit/deploy-ecs@v1") {
		t.Errorf("a release whose workflows call another said %q", failure)
	}
	p.prepare(t, "v1.2.3")
	if failure := p.release(t, "v1.2.3"); failure != "" {
		t.Fatal(failure)
	}
	first := p.tag(t, "v1.2.3")
	if p.tag(t, "v1") != first || p.tag(t, "v1.2.3^") != p.run(t, "git", "rev-parse", "HEAD") {
		t.Error("v1 or the parent of the release commit is wrong")
	}
	if got := p.run(t, "git", "--git-dir", p.remote, "show", "v1:bin/shipkit-linux-amd64"); got != "v1.2.3" {
		t.Errorf("the released binary is %q", got)
	}
	if got := p.run(t, "cat", ".github/workflows/ship.yml"); got != "- uses: org/shipkit/deploy-ecs@v1.2.3\n- uses: actions/checkout@v1" {
		t.Errorf("the reusable workflow is\n%s", got)
	}
	calls, err := os.ReadFile(filepath.Join(p.checkout, "gh.calls"))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.run(t, "sh", "-c", "gzip -dc dist/shipkit-v1.2.3.tar.gz | git get-tar-commit-id"); got != first {
		t.Errorf("the archive for runners is that of %s, the release is %s", got, first)
	}
	if got := p.run(t, "tar", "-tzf", "dist/shipkit-v1.2.3.tar.gz", "shipkit-v1.2.3/bin/shipkit-linux-amd64"); got != "shipkit-v1.2.3/bin/shipkit-linux-amd64" {
		t.Errorf("the archive holds %s", got)
	}
	if want := "release create v1.2.3 --verify-tag"; !strings.HasPrefix(string(calls), want) || !strings.Contains(string(calls), "\n- First\n") ||
		strings.Contains(string(calls), "Older") {
		t.Errorf("gh was told\n%s", calls)
	}

	p.run(t, "sed", "-i", "s/^## Unreleased$/&\\n\\n- Mended/", "CHANGELOG.md")
	p.run(t, "git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-a", "-m", "Go on")
	for version, want := range map[string]string{
		"v1.2.3": "v1.2.3 is released already", "1.2.4": "not like v1.2.3", "v9.9.9": "CHANGELOG.md has no section",
	} {
		if failure := p.release(t, version); !strings.Contains(failure, want) {
			t.Errorf("release of %s said %q", version, failure)
		}
	}
	if p.tag(t, "v1") != first || p.tag(t, "v1.2.3") != first {
		t.Error("a refused release moved a tag")
	}
	p.prepare(t, "v1.2.4")
	if failure := p.release(t, "v1.2.4"); failure != "" {
		t.Fatal(failure)
	}
	if p.tag(t, "v1.2.3") != first || p.tag(t, "v1") != p.tag(t, "v1.2.4") {
		t.Error("v1 did not move, or v1.2.3 did")
	}
}
