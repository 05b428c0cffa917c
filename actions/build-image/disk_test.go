//go:build linux

package buildimage

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk mounts a file system of some bytes until the test ends.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("this test mounts a small disk, run it as root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves no byte free, and returns what makes room again.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for page := make([]byte, 4096); err == nil; {
		_, err = file.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(file.Close(), os.Remove(path)); err != nil {
			t.Error(err)
		}
	}
}

func TestNoSpaceForTemporaryFiles(t *testing.T) {
	r := newRunner(t)
	r.ok(ociLayout(t, built(t, app(), yesterday, "amd64")), "latest")
	before := r.contents(r.tag("app:latest"))
	changed := app().with(files{"srv/huge": noise(5, 2_000_000)})
	archive := "docker-archive:" + dockerArchive(t, "A=1", changed)
	loaded := loadImage(t, dockerArchive(t, "A=1", changed))
	r.temp = smallDisk(t, "1m")
	for _, test := range []struct{ name, source, diff, want string }{
		{"changed files", archive, "auto", "write the changed files"},
		{"compressed layers", archive, "off", "compress layer"},
		{"image of the engine", "docker:" + loaded, "auto", "docker save"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := r.push(test.source, "latest", "layer-diff", test.diff)
			for _, want := range []string{test.want, "no space left on device", "Try: free space in " + r.temp} {
				if result.ExitCode != 1 || !strings.Contains(result.Log, want) {
					t.Errorf("exit code %d, want 1 and %q:\n%s", result.ExitCode, want, result.Log)
				}
			}
			if left := below(t, r.temp); len(left) > 0 {
				t.Errorf("temporary files are left: %v", left)
			}
			if got := r.contents(r.tag("app:latest")); !maps.Equal(got, before) {
				t.Error("the tag was moved")
			}
		})
	}
}

// A full resume-dir ends the push before the tag moves. What the journals said
// before stands, and leads the next run.
func TestNoSpaceForTheJournal(t *testing.T) {
	r := newRunner(t)
	r.ok(ociLayout(t, built(t, app(), yesterday, "amd64")), "latest")
	before := r.contents(r.tag("app:latest"))
	changed := app().with(files{"srv/huge": noise(5, 12_000_000)})
	next := ociLayout(t, built(t, changed, yesterday, "amd64"))
	keep := smallDisk(t, "256k")
	with := []string{"resume-dir", keep, "registry-profile", "ghcr"} // pieces of 4 MiB

	makeRoom := func() {}
	pieces := 0
	r.server.Answer(func(_ http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodPatch {
			if pieces++; pieces == 2 {
				makeRoom = fill(t, keep)
			}
		}
		return false
	})
	result := r.push(next, "latest", with...)
	for _, want := range []string{"keep the upload's journal", "no space left on device", "Try: free space in " + keep} {
		if result.ExitCode != 1 || !strings.Contains(result.Log, want) {
			t.Errorf("exit code %d, want 1 and %q:\n%s", result.ExitCode, want, result.Log)
		}
	}
	if got := r.contents(r.tag("app:latest")); !maps.Equal(got, before) {
		t.Error("the tag was moved")
	}
	makeRoom()
	journals := 0
	for _, path := range below(t, filepath.Join(keep, "uploads")) {
		content, err := os.ReadFile(path)
		if err != nil || !json.Valid(content) {
			t.Errorf("%s holds %q, %v", path, content, err)
		}
		journals++
	}
	if journals != 1 {
		t.Errorf("%d journals, want that of the large layer", journals)
	}
	arrived := r.server.Line.Upstream()
	r.ok(next, "latest", with...)
	if sent := r.server.Line.Upstream() - arrived; sent > 9_000_000 {
		t.Errorf("the next run sent %d bytes: it did not go on", sent)
	}
	if got := r.contents(r.tag("app:latest")); !maps.Equal(got, changed) {
		t.Error("with room again, the pushed image differs from the built one")
	}
}

// loadImage loads an archive into the local engine until the test ends, and
// returns its name there.
func loadImage(t *testing.T, archive string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "docker", "load", "--input", archive).CombinedOutput()
	if err != nil {
		t.Fatalf("this test needs a Docker engine: start dockerd: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "--force", archived).Run() })
	return archived
}
