package buildimage

import (
	"errors"
	"io/fs"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// answerTo answers the requests of a method to a part of a path, n times.
func answerTo(method, part string, n int32, status int, header, body string) func(http.ResponseWriter, *http.Request) bool {
	var seen atomic.Int32
	return func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method != method || !strings.Contains(req.URL.Path, part) || seen.Add(1) > n {
			return false
		}
		if key, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(key, value)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

// What goes wrong ends with a clear error, moves no tag, and keeps what
// arrived.
func TestBadInput(t *testing.T) {
	const always = math.MaxInt32
	changed := app().with(files{"srv/f001": noise(6, 500_000)})
	good := ociLayout(t, built(t, changed, yesterday, "amd64"))
	archive := dockerArchive(t, "A=1", changed)
	whole, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(t.TempDir(), "half.tar")
	if err := os.WriteFile(half, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	endless, ok := mutate.Annotations(built(t, changed, yesterday, "amd64"), map[string]string{
		"note": strings.Repeat("long ", 1<<20),
	}).(v1.Image)
	if !ok {
		t.Fatal("no image")
	}
	r := newRunner(t)
	r.ok(ociLayout(t, built(t, app(), yesterday, "amd64")), "latest")
	before := r.contents(r.tag("app:latest"))
	for _, test := range []struct {
		name    string
		source  string
		with    []string
		answer  func(http.ResponseWriter, *http.Request) bool
		want    []string // nil for a push that succeeds after all
		journal bool
	}{
		{"unreachable registry", good, []string{"tags", "127.0.0.1:1/team/app:latest", "patience", "1s"}, nil,
			[]string{"connection refused", "check that this machine reaches https://127.0.0.1:1"}, false},
		{"401", good, nil, answerTo("POST", "/uploads/", always, 401, "", ""), []string{"answered 401", "log in to"}, false},
		{"403", good, nil, answerTo("POST", "/uploads/", always, 403, "", ""), []string{"answered 403", "the right to push"}, false},
		{"expired password", good, nil, answerTo("POST", "/uploads/", always, 403, "",
			`{"errors": [{"code": "DENIED", "message": "Your authorization token has expired. Reauthenticate and try again."}]}`),
			[]string{"answered 403", "log in to"}, false},
		{"branch as a tag", good, []string{"tags", "127.0.0.1:1/team/app:feature/x"}, nil, []string{"feature/x becomes feature-x"}, false},
		{"tag that begins with a dot", good, []string{"tags", "127.0.0.1:1/team/app:.x"}, nil, []string{`begins with "."`}, false},
		{"layer that is gone", good, nil, answerTo("PUT", "/manifests/latest", always, 500, "",
			`{"errors": [{"code": "UNKNOWN"}, {"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown to registry"}]}`),
			[]string{"answered 500", "run again, it is planned anew"}, false},
		{"413", good, nil, answerTo("PUT", "/uploads/", always, 413, "", ""), []string{"answered 413", "client_max_body_size"}, true},
		{"429 for ever", good, []string{"patience", "1s"}, answerTo("POST", "/uploads/", always, 429, "Retry-After: 5", ""),
			[]string{"answered 429", "wait for the registry's rate limit"}, false},
		{"immutable tag", good, nil, answerTo("PUT", "/manifests/latest", always, 400, "",
			`{"errors": [{"code": "TAG_INVALID", "message": "The image tag 'latest' is immutable."}]}`), []string{"push under a new tag"}, false},
		{"manifest too large", ociLayout(t, endless), nil, answerTo("PUT", "/uploads/", always, 500, "", "the blobs are sent"),
			[]string{"more than the 4194304 that distribution takes", "annotations"}, false},
		{"path traversal", "docker-archive:" + dockerArchive(t, "A=1", files{"../../etc/passwd": "x"}), nil, nil,
			[]string{"leads out of the image"}, false},
		{"cut-off archive", "docker-archive:" + half, nil, nil, []string{"cut off"}, false},
		{"429 once", good, nil, answerTo("POST", "/uploads/", 1, 429, "Retry-After: 1", ""), nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r.server.Answer(test.answer)
			result := r.push(test.source, "latest", test.with...)
			r.server.Answer(nil)
			if (result.ExitCode == 0) != (test.want == nil) {
				t.Errorf("exit code %d:\n%s", result.ExitCode, result.Log)
			}
			for _, want := range test.want {
				if !strings.Contains(result.Log, want) {
					t.Errorf("log without %q:\n%s", want, result.Log)
				}
			}
			uploads := filepath.Join(r.home, ".cache", "shipkit", "uploads")
			if journals := below(t, uploads); (len(journals) > 0) != test.journal {
				t.Errorf("journals %v, want some: %v", journals, test.journal)
			}
			if err := os.RemoveAll(uploads); err != nil {
				t.Error(err)
			}
			if got := r.contents(r.tag("app:latest")); test.want != nil && !maps.Equal(got, before) {
				t.Error("the tag was moved")
			}
		})
	}
}

// below lists the files below dir, none if it does not exist.
func below(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}
