//go:build unix

package buildimage

import (
	"maps"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/org/shipkit/internal/registrytest"
)

// fullDisk is set in the process that may write no file of more than 1 MB.
const fullDisk = "SHIPKIT_TEST_FULL_DISK"

// TestFullDisk starts this test anew, because the limit is the whole process's.
func TestFullDisk(t *testing.T) {
	if args := os.Getenv(fullDisk); args != "" {
		pushToFullDisk(t, strings.Split(args, "\n"))
		return
	}
	r := newRunner(t)
	r.ok(ociLayout(t, built(t, app(), yesterday, "amd64")), "latest")
	before := r.contents(r.tag("app:latest"))
	changed := app().with(files{"srv/huge": noise(5, 2_000_000)})
	next := ociLayout(t, built(t, changed, yesterday, "amd64"))

	// An upload that the registry ends half way leaves a journal.
	r.server.Answer(func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/uploads/") {
			http.Error(w, "", http.StatusForbidden)
			return true
		}
		return false
	})
	if result := r.push(next, "latest"); result.ExitCode != 1 {
		t.Fatalf("exit code %d:\n%s", result.ExitCode, result.Log)
	}
	r.server.Answer(nil)
	journals := r.journals()
	if len(journals) == 0 {
		t.Fatal("the upload left no journal")
	}

	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	child.Env = append(os.Environ(), fullDisk+"="+strings.Join([]string{r.home, r.server.Host, next}, "\n"))
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if got := r.contents(r.tag("app:latest")); !maps.Equal(got, before) {
		t.Error("the tag was moved")
	}
	if got := r.journals(); !maps.Equal(got, journals) {
		t.Errorf("journals %v, before %v", got, journals)
	}
	r.ok(next, "latest")
	if got := r.contents(r.tag("app:latest")); !maps.Equal(got, changed) {
		t.Error("with room again, the pushed image differs from the built one")
	}
}

func pushToFullDisk(t *testing.T, args []string) {
	signal.Ignore(syscall.SIGXFSZ) // so that the write fails, as on a full disk
	limit := syscall.Rlimit{Cur: 1_000_000, Max: 1_000_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	r := &runner{t: t, home: args[0], server: &registrytest.Server{Host: args[1]}}
	result := r.push(args[2], "latest")
	for _, want := range []string{"write the changed files", "file too large", "Try: free space in "} {
		if result.ExitCode != 1 || !strings.Contains(result.Log, want) {
			t.Errorf("exit code %d, want 1 and %q:\n%s", result.ExitCode, want, result.Log)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(r.home, "*", "shipkit-build-image-*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// journals reads the journals of unfinished uploads.
func (r *runner) journals() map[string]string {
	r.t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(filepath.Join(r.home, ".cache", "shipkit", "uploads"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		found[path] = string(content)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}
