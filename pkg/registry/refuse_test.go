package registry

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/shipkit/internal/registrytest"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/progress"
)

// refuse answers the first n requests of a method with a status.
func refuse(method string, n, status int, header http.Header) func(http.ResponseWriter, *http.Request) bool {
	var mutex sync.Mutex
	return func(w http.ResponseWriter, req *http.Request) bool {
		mutex.Lock()
		defer mutex.Unlock()
		if req.Method != method && req.Method != header.Get("Also") || n == 0 {
			return false
		}
		n--
		for key, values := range header {
			w.Header()[key] = values
		}
		w.WriteHeader(status)
		return true
	}
}

func TestUploadAnswers(t *testing.T) {
	tests := []struct {
		name   string
		method string
		times  int
		status int
		header http.Header
		want   string // of the error; "" if the upload survives
	}{
		{"server errors pass", "PATCH", 2, 500, nil, ""},
		{"bad gateway at the close", "PUT", 2, 502, nil, ""},
		{"session gone", "PATCH", 1, 404, nil, ""},
		{"too many requests", "POST", 1, 429, http.Header{"Retry-After": {"0"}}, ""},
		{"out of step", "PATCH", 1, 416, nil, ""},
		{"smaller pieces", "PATCH", 2, 413, nil, ""},
		{"no piece small enough", "PATCH", 100, 413, nil, "client_max_body_size"},
		{"no pieces", "PATCH", 100, 405, nil, ""},
		{"no pieces, nor the whole", "PATCH", 100, 501, http.Header{"Also": {"PUT"}}, "look at the registry"},
		{"no credentials", "POST", 100, 401, nil, "log in to 127.0.0.1"},
		{"no right", "POST", 100, 403, nil, "the right to push"},
		{"no repository", "POST", 100, 404, nil, "create the repository"},
		{"registry full", "PATCH", 100, 507, nil, "free space"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := registrytest.Start(t)
			profile := Profile{Name: "small pieces", MinChunk: 256 * kib, MaxChunk: 1 * mib, ExactRange: true}
			dir := t.TempDir()
			r, _ := open(t, server.Repository(t, "team/app"), Options{Profile: &profile, ResumeDir: dir})
			server.Answer(refuse(test.method, test.times, test.status, test.header))
			_, err := r.Upload(t.Context(), noise(6, 3*mib))
			if test.want == "" {
				if err != nil {
					t.Fatalf("the upload failed: %v", err)
				}
				return
			}
			found := diag.From(err)
			if len(found) != 1 || !strings.Contains(found[0].Try, test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
		})
	}
}

func TestUploadFailsForGood(t *testing.T) {
	server := registrytest.Start(t)
	dir := t.TempDir()
	r, _ := open(t, server.Repository(t, "team/app"), Options{ResumeDir: dir, Patience: 50 * time.Millisecond})

	t.Run("the layer ends early", func(t *testing.T) {
		blob := noise(7, 1000)
		blob.Size = 2000
		_, err := r.Upload(t.Context(), blob)
		if err == nil || !strings.Contains(err.Error(), "unexpected EOF") {
			t.Errorf("error %v, want unexpected EOF", err)
		}
	})
	t.Run("nothing moves and the journal stays", func(t *testing.T) {
		server.Answer(refuse("PATCH", 1000, 503, nil))
		blob := noise(8, 20*mib)
		_, err := r.Upload(t.Context(), blob)
		if err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("error %v, want 503", err)
		}
		if _, err := os.Stat(r.journal().path(r.name.String(), blob.Digest)); err != nil {
			t.Errorf("the journal is gone: %v", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Upload(ctx, noise(9, 1000)); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	})
}

func TestCorruptJournalStartsOver(t *testing.T) {
	server := registrytest.Start(t)
	var warned []string
	r, _ := open(t, server.Repository(t, "team/app"), Options{ResumeDir: t.TempDir(), Progress: func(e progress.Event) {
		if e.Warn {
			warned = append(warned, e.Text)
		}
	}})
	blob := noise(10, 1000)
	path := r.journal().path(r.name.String(), blob.Digest)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(`{"url": "half`), 0o600); err != nil {
		t.Fatal(err)
	}
	upload1(t, r, blob, Uploaded)
	if len(warned) != 1 || !strings.Contains(warned[0], path) {
		t.Errorf("warnings %q do not name the file", warned)
	}
}
