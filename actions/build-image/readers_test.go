package buildimage

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// program runs a tool of .bin or of the machine, and returns what it prints.
func program(t *testing.T, install, name string, args ...string) string {
	t.Helper()
	path := filepath.Join("..", "..", ".bin", name)
	if _, err := os.Stat(path); err != nil {
		if path, err = exec.LookPath(name); err != nil {
			t.Fatalf("this test needs %s: run `make %s`", name, install)
		}
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "SYFT_CHECK_FOR_APP_UPDATE=false", "SYFT_REGISTRY_INSECURE_USE_HTTP=true", "HOME="+t.TempDir())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// packages lists what syft finds in an image: "deb openssl 3.0.1".
func packages(t *testing.T, image string) []string {
	t.Helper()
	var found struct {
		Artifacts []struct{ Type, Name, Version string }
	}
	out := program(t, "tools", "syft", "scan", "--quiet", "--output", "json", image)
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, a := range found.Artifacts {
		list = append(list, a.Type+" "+a.Name+" "+a.Version)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func deb(name, version string) string {
	return fmt.Sprintf("Package: %s\nStatus: install ok installed\nMaintainer: A <a@example.com>\nArchitecture: amd64\nVersion: %s\n\n", name, version)
}

// A scanner lists the packages of the built image, none of those that a lower
// layer still holds, and other readers take the image as it is.
func TestReadersOfADelta(t *testing.T) {
	r := newRunner(t)
	manifest := func(name, version string) string { return fmt.Sprintf(`{"name": %q, "version": %q}`, name, version) }
	release := "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n"
	old := app().with(files{
		"etc/os-release":                        release,
		"var/lib/dpkg/status":                   deb("openssl", "3.0.1-1") + deb("curl", "7.88.1-10"),
		"app/node_modules/lodash/package.json":  manifest("lodash", "4.17.20"),
		"app/node_modules/gone/package.json":    manifest("gone", "1.0.0"),
		"app/node_modules/express/package.json": manifest("express", "4.18.0"),
	})
	next := old.with(files{
		"var/lib/dpkg/status":                  deb("openssl", "3.0.17-1"),
		"app/node_modules/lodash/package.json": manifest("lodash", "4.17.21"),
		"app/node_modules/gone/package.json":   "",
		"app/node_modules/new/package.json":    manifest("new", "0.1.0"),
	})
	r.ok(ociLayout(t, built(t, old, yesterday, "amd64")), "latest")
	archive := dockerArchive(t, "A=1", next)
	result := r.ok("docker-archive:"+archive, "latest")
	if result.Outputs["layers-reused"] != "1" {
		t.Fatalf("outputs %v", result.Outputs)
	}
	delta := packages(t, "registry:"+r.tag("app:latest"))
	want := []string{"deb openssl 3.0.17-1", "npm express 4.18.0", "npm lodash 4.17.21", "npm new 0.1.0"}
	if whole := packages(t, "docker-archive:"+archive); !slices.Equal(delta, whole) {
		t.Errorf("syft finds %q in the delta image, %q in the built one", delta, whole)
	}
	if !slices.Equal(delta, want) {
		t.Errorf("syft finds %q, want %q", delta, want)
	}

	var inspected struct {
		Digest string
		Layers []string
		Env    []string
	}
	out := program(t, "machine", "skopeo", "inspect", "--tls-verify=false", "docker://"+r.tag("app:latest"))
	if err := json.Unmarshal([]byte(out), &inspected); err != nil {
		t.Fatal(err)
	}
	if inspected.Digest != result.Outputs["digest"] || len(inspected.Layers) != 2 || !slices.Contains(inspected.Env, "A=1") {
		t.Errorf("skopeo inspects %+v", inspected)
	}
	exported := filepath.Join(t.TempDir(), "files.tar")
	program(t, "tools", "crane", "export", "--insecure", r.tag("app:latest"), exported)
	listed := program(t, "machine", "tar", "--list", "--verbose", "--file", exported)
	if n := strings.Count("\n"+listed, "\n-"); n != len(next) || strings.Contains(listed, "node_modules/gone") {
		t.Errorf("crane exports %d files, want %d:\n%s", n, len(next), listed)
	}
}
