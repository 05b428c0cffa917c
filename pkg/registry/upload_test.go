package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/shipkit/internal/registrytest"
)

// noise returns a blob of n bytes that do not compress, the same each time.
func noise(seed uint64, n int64) Blob {
	content := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(content)
	digest, _, _ := v1.SHA256(bytes.NewReader(content))
	return Blob{Digest: digest, Size: n, Open: func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content[offset:])), nil
	}}
}

// open returns a repository that waits little between attempts.
func open(t *testing.T, repo name.Repository, o Options) (*Repository, *Link) {
	t.Helper()
	link := NewLink(LinkOptions{})
	t.Cleanup(link.Close)
	r, err := Open(t.Context(), link, repo, o)
	if err != nil {
		t.Fatal(err)
	}
	r.backoff = backoff{first: time.Millisecond, most: 5 * time.Millisecond}
	return r, link
}

func upload1(t *testing.T, r *Repository, blob Blob, want Outcome) {
	t.Helper()
	got, err := r.Upload(t.Context(), blob)
	if err != nil {
		t.Fatalf("upload %d bytes: %v", blob.Size, err)
	}
	if got != want {
		t.Errorf("the blob %s, want %s", got, want)
	}
	exists, err := r.Exists(t.Context(), blob.Digest)
	if err != nil || !exists {
		t.Errorf("exists = %t, %v after the upload", exists, err)
	}
}

func TestUploadSizes(t *testing.T) {
	for _, profile := range []Profile{Distribution, ECR, GHCR, Generic} {
		for _, size := range []int64{0, 1, 1000, profile.MaxChunk, profile.MaxChunk + 1, 2*profile.MaxChunk + 7} {
			t.Run(fmt.Sprintf("%s/%d", profile.Name, size), func(t *testing.T) {
				server := registrytest.Start(t)
				r, _ := open(t, server.Repository(t, "team/app"), Options{Profile: &profile})
				blob := noise(1, size)
				upload1(t, r, blob, Uploaded)
				if size >= worthAsking {
					upload1(t, r, blob, Existed)
				}
			})
		}
	}
}

// The measure of the product: a layer of 20 MiB over a line that drops every
// 6 MiB arrives with 1.5 % more bytes than it has, headers included.
func TestUploadSurvivesDrops(t *testing.T) {
	const size, limit = 20 * mib, 203 * mib / 10
	server := registrytest.Start(t)
	r, link := open(t, server.Repository(t, "team/app"), Options{})
	server.Line.CutAfter.Store(6 * mib)

	upload1(t, r, noise(2, size), Uploaded)
	if cuts := server.Line.Cuts.Load(); cuts < 3 {
		t.Errorf("the line was cut %d times: this test proves nothing", cuts)
	}
	t.Logf("%d bytes arrived, %d were sent, for %d", server.Line.Upstream(), link.Sent(), size)
	if got := server.Line.Upstream(); got > limit {
		t.Errorf("%d bytes arrived upstream, want at most %d", got, limit)
	}
}

// TestMain lets a test start this binary as a process of its own that uploads,
// to be killed.
func TestMain(m *testing.M) {
	if repo := os.Getenv("UPLOAD_TO"); repo != "" {
		if err := uploadInChild(repo, os.Getenv("RESUME_DIR")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func uploadInChild(to, resumeDir string) error {
	repo, err := name.NewRepository(to)
	if err != nil {
		return err
	}
	r, err := Open(context.Background(), NewLink(LinkOptions{}), repo, Options{ResumeDir: resumeDir})
	if err != nil {
		return err
	}
	_, err = r.Upload(context.Background(), noise(3, 20*mib))
	return err
}

// Killed three times and restarted, on a line that also drops: at most 22 MiB.
func TestUploadSurvivesTheProcess(t *testing.T) {
	const limit = 22 * mib
	server := registrytest.Start(t)
	server.Line.CutAfter.Store(6 * mib)
	repo, resumeDir := server.Repository(t, "team/app"), t.TempDir()

	for _, killAt := range []int64{4 * mib, 9 * mib, 15 * mib, 1 << 40} {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), "UPLOAD_TO="+repo.String(), "RESUME_DIR="+resumeDir)
		child.Stderr = os.Stderr
		var once sync.Once
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		server.Line.Watch(func(total int64) {
			if total >= killAt {
				once.Do(func() { _ = child.Process.Signal(syscall.SIGKILL) })
			}
		})
		err := child.Wait()
		if killed := err != nil; killed != (killAt < 1<<40) {
			t.Fatalf("the process that is killed at %d ended with %v", killAt, err)
		}
	}
	t.Logf("%d bytes arrived", server.Line.Upstream())
	if got := server.Line.Upstream(); got > limit {
		t.Errorf("%d bytes arrived upstream, want at most %d", got, limit)
	}
	r, _ := open(t, repo, Options{})
	if exists, err := r.Exists(t.Context(), noise(3, 20*mib).Digest); err != nil || !exists {
		t.Errorf("exists = %t, %v", exists, err)
	}
	if left, _ := filepath.Glob(filepath.Join(resumeDir, "*", "*", "*", "*")); len(left) > 0 {
		t.Errorf("the journal still holds %v", left)
	}
}

// Artifact Registry takes no pieces: a drop costs the blob, and it is sent anew.
func TestUploadWhole(t *testing.T) {
	server := registrytest.Start(t)
	puts := 0
	server.Answer(func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodPut {
			puts++
		}
		if req.Method == http.MethodPatch || req.Header.Get("Content-Range") != "" {
			w.WriteHeader(http.StatusBadRequest)
			return true
		}
		if puts == 1 && req.Method == http.MethodPut {
			_, _ = io.CopyN(io.Discard, req.Body, 2*mib)
			panic(http.ErrAbortHandler)
		}
		return false
	})
	r, _ := open(t, server.Repository(t, "team/app"), Options{Profile: &GAR, ResumeDir: t.TempDir()})
	upload1(t, r, noise(8, 20*mib), Uploaded)
	if puts != 2 {
		t.Errorf("%d uploads, want 2", puts)
	}
}

func TestMount(t *testing.T) {
	server := registrytest.Start(t)
	first, second := server.Repository(t, "team/app"), server.Repository(t, "team/other")
	blob := noise(4, 300_000)
	r, _ := open(t, first, Options{})
	upload1(t, r, blob, Uploaded)

	r, link := open(t, second, Options{})
	blob.From = []name.Repository{first}
	upload1(t, r, blob, Mounted)
	if link.Sent() > 5000 {
		t.Errorf("a mount sent %d bytes", link.Sent())
	}
	missing := noise(5, 100_000)
	missing.From = blob.From
	upload1(t, r, missing, Uploaded)
}

// ECR's answers: 201 on a PATCH, and a Range that sticks at the first piece.
func TestUploadWithStickyRange(t *testing.T) {
	server := registrytest.Start(t)
	r, _ := open(t, server.Repository(t, "team/app"), Options{Profile: &ECR})
	server.Answer(func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/uploads/") {
			w.Header().Set("Range", "0-9")
			w.WriteHeader(http.StatusNoContent)
			return true
		}
		return false
	})
	upload1(t, r, noise(11, 27*mib), Uploaded)
}

func FuzzParseSession(f *testing.F) {
	f.Add([]byte(`{"repository":"a/b","size":10,"url":"http://a/b","offset":3}`))
	f.Add([]byte(`{"blob":"sha256:zz"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseSession(text)
		if err == nil && (s.Offset < 0 || s.Offset > s.Size || s.URL == "") {
			t.Errorf("accepted %+v", s)
		}
	})
}

func TestUploadThroughToxiproxy(t *testing.T) {
	server := registrytest.Start(t)
	repo, err := name.NewRepository(registrytest.Toxic(t, server.Host, 6*mib) + "/team/app")
	if err != nil {
		t.Fatal(err)
	}
	r, link := open(t, repo, Options{})
	upload1(t, r, noise(12, 20*mib), Uploaded)
	t.Logf("%d bytes arrived, %d were sent", server.Line.Upstream(), link.Sent())
	if got, limit := server.Line.Upstream(), int64(203*mib/10); got > limit {
		t.Errorf("%d bytes arrived upstream, want at most %d", got, limit)
	}
}
