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

// nodeapp returns the packages of a Node application, as npm installed them.
func nodeapp(t *testing.T, version string) files {
	t.Helper()
	dir := filepath.Join("..", "..", ".bin", "nodeapp", version)
	f := files{}
	for _, path := range below(t, filepath.Join(dir, "node_modules")) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		within, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		f["app/"+within] = string(content)
	}
	if len(f) < 1000 {
		t.Fatalf("this test needs npm packages, found %d files of them: run `make tools`", len(f))
	}
	return f
}

// A scanner lists the packages of the built image, none of those that a lower
// layer still holds, and other readers take the image as it is.
func TestReadersOfADelta(t *testing.T) {
	r := newRunner(t)
	release := "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n"
	old := nodeapp(t, "old").with(files{
		"etc/os-release": release, "var/lib/dpkg/status": deb("openssl", "3.0.1-1") + deb("curl", "7.88.1-10"), "srv/large": noise(1, 3_000_000),
	})
	next := nodeapp(t, "new").with(files{
		"etc/os-release": release, "var/lib/dpkg/status": deb("openssl", "3.0.17-1"), "srv/large": old["srv/large"],
	})
	r.ok("docker-archive:"+dockerArchive(t, "A=1", old), "latest")
	archive := dockerArchive(t, "A=2", next)
	result := r.ok("docker-archive:"+archive, "latest")
	if result.Outputs["layers-reused"] != "1" || bytesOf(t, result, "bytes-sent") > 300_000 {
		t.Fatalf("outputs %v", result.Outputs)
	}
	delta := packages(t, "registry:"+r.tag("app:latest"))
	want := []string{"deb openssl 3.0.17-1", "npm lodash 4.17.21", "npm ms 2.1.2", "npm uuid 9.0.1"}
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
	if inspected.Digest != result.Outputs["digest"] || len(inspected.Layers) != 2 || !slices.Contains(inspected.Env, "A=2") {
		t.Errorf("skopeo inspects %+v", inspected)
	}
	exported := filepath.Join(t.TempDir(), "files.tar")
	program(t, "tools", "crane", "export", "--insecure", r.tag("app:latest"), exported)
	listed := program(t, "machine", "tar", "--list", "--verbose", "--file", exported)
	if n := strings.Count("\n"+listed, "\n-"); n != len(next) || strings.Contains(listed, "node_modules/left-pad") {
		t.Errorf("crane exports %d files, want %d:\n%s", n, len(next), listed)
	}
}
