package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestTheArchiveOfARunnerIsKept runs the script of docs/own-runner.md over a
// line that breaks every 64 kB: the archive arrives once, where the runner
// looks for the commit of v1, and a second run fetches nothing.
func TestTheArchiveOfARunnerIsKept(t *testing.T) {
	t.Parallel()
	archive := randomArchive(t)
	site := t.TempDir()
	commit := releases(t, filepath.Join(site, "org", "shipkit"))
	var sent atomic.Int64
	files := http.FileServer(http.Dir(site))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/org/shipkit/releases/download/v1.2.3/shipkit-v1.2.3.tar.gz" {
			files.ServeHTTP(w, r)
			return
		}
		http.ServeContent(&breaking{ResponseWriter: w, left: 64 << 10, sent: &sent}, r, "", time.Time{}, bytes.NewReader(archive))
	}))
	defer server.Close()

	page, err := os.ReadFile("../../docs/own-runner.md")
	if err != nil {
		t.Fatal(err)
	}
	script, bin, kept := shell.FindSubmatch(page)[1], t.TempDir(), filepath.Join(t.TempDir(), "actions")
	if err := os.WriteFile(filepath.Join(bin, "sleep"), []byte("#!/bin/sh\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	keep := func() {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sh", "-c", string(script))
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + bin, "GITHUB_SERVER_URL=" + server.URL, "ACTIONS_RUNNER_ACTION_ARCHIVE_CACHE=" + kept}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	keep()
	got, err := os.ReadFile(filepath.Join(kept, "org_shipkit", commit+".tar.gz"))
	if err != nil || !bytes.Equal(got, archive) {
		t.Fatalf("%d of %d bytes, %v", len(got), len(archive), err)
	}
	if sent.Load() != int64(len(archive)) {
		t.Errorf("%d bytes were sent of an archive of %d", sent.Load(), len(archive))
	}
	keep()
	if sent.Load() != int64(len(archive)) {
		t.Errorf("after the second run %d bytes were sent", sent.Load())
	}
}

// releases makes a repository that git can list over plain HTTP, whose v1 is
// v1.2.3, and returns that one's commit.
func releases(t *testing.T, dir string) (commit string) {
	t.Helper()
	git := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...).Output()
		if err != nil {
			t.Fatal(args, err)
		}
		return strings.TrimSpace(string(out))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	git("init", "-q", "--bare")
	tree := git("hash-object", "-t", "tree", "-w", "/dev/null")
	for _, version := range []string{"v1.2.2", "v1.2.3"} {
		commit = git("commit-tree", tree, "-m", version)
		git("tag", version, commit)
	}
	git("tag", "v1", commit)
	git("update-server-info")
	return commit
}

// randomArchive is an archive of 300 kB that does not compress.
func randomArchive(t *testing.T) []byte {
	t.Helper()
	content := make([]byte, 300<<10)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	packed := gzip.NewWriter(&out)
	files := tar.NewWriter(packed)
	if err := files.WriteHeader(&tar.Header{Name: "shipkit-v1.2.3/bin", Mode: 0o755, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// breaking is an answer whose connection breaks after some bytes.
type breaking struct {
	http.ResponseWriter
	left int
	sent *atomic.Int64
}

func (b *breaking) Write(p []byte) (int, error) {
	n, err := b.ResponseWriter.Write(p[:min(len(p), b.left)])
	b.left -= n
	b.sent.Add(int64(n))
	if err == nil && n < len(p) {
		http.NewResponseController(b.ResponseWriter).Flush() //nolint:errcheck // the connection breaks anyway
		panic(http.ErrAbortHandler)
	}
	return n, err //nolint:wrapcheck // passes on
}
