package registry

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/org/shipkit/internal/registrytest"
)

// cutBody answers a request for content and ends the connection after n bytes
// of it.
func cutBody(w http.ResponseWriter, req *http.Request, content []byte, n int, ranges bool) {
	if !ranges {
		req.Header.Del("Range")
	}
	cut := &cutWriter{ResponseWriter: w, left: n}
	http.ServeContent(cut, req, "", time.Time{}, bytes.NewReader(content))
	if cut.left <= 0 {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

type cutWriter struct {
	http.ResponseWriter
	left int
}

// Write implements [io.Writer].
func (c *cutWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), max(c.left, 0))])
	if c.left -= len(p); c.left <= 0 && err == nil {
		err = io.ErrShortWrite
	}
	return n, err //nolint:wrapcheck // http.ServeContent stops at any
}

// A download that drops goes on where it stopped.
func TestReadSurvivesDrops(t *testing.T) {
	const size, every = 1 * mib, 300 * kib
	blob := noise(3, size)
	body, _ := blob.Open(0)
	content, _ := io.ReadAll(body)
	for _, test := range []struct {
		name     string
		ranges   bool
		requests int
	}{
		{"ranges", true, 4}, {"no ranges, later drops come later", false, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, requests := registrytest.Start(t), 0
			server.Answer(func(w http.ResponseWriter, req *http.Request) bool {
				if !strings.Contains(req.URL.Path, "/blobs/") {
					return false
				}
				requests++
				limit := every
				if !test.ranges {
					limit *= requests
				}
				cutBody(w, req, content, limit, test.ranges)
				return true
			})
			r, _ := open(t, server.Repository(t, "team/app"), Options{})
			got, err := r.ReadBlob(t.Context(), blob.Digest, size)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("read %d of %d bytes, %v", len(got), size, err)
			}
			if requests != test.requests {
				t.Errorf("%d requests, want %d", requests, test.requests)
			}
		})
	}
}

func TestReadRefusals(t *testing.T) {
	blob := noise(3, 1000)
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter, req *http.Request)
		want   string
	}{
		{"not there", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, "answered 404"},
		{"other content", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x") }, "other content"},
		{"another part", func(w http.ResponseWriter, req *http.Request) {
			if req.Header.Get("Range") == "" {
				cutBody(w, req, make([]byte, 1000), 500, true)
			}
			w.Header().Set("Content-Range", "bytes 3-999/1000")
			w.WriteHeader(http.StatusPartialContent)
		}, `asked for the bytes from 500, the registry sent "bytes 3-999/1000"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := registrytest.Start(t)
			server.Answer(func(w http.ResponseWriter, req *http.Request) bool {
				if !strings.Contains(req.URL.Path, "/blobs/") {
					return false
				}
				test.answer(w, req)
				return true
			})
			r, _ := open(t, server.Repository(t, "team/app"), Options{})
			if _, err := r.ReadBlob(t.Context(), blob.Digest, blob.Size); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// A manifest that is cut off in the middle is read again.
func TestManifestSurvivesADrop(t *testing.T) {
	server := registrytest.Start(t)
	r, _ := open(t, server.Repository(t, "team/app"), Options{})
	m := push(t, r)
	put(t, r, "v1", m)
	requests := 0
	server.Answer(func(w http.ResponseWriter, req *http.Request) bool {
		if requests++; requests == 1 {
			w.Header().Set("Content-Type", string(m.MediaType))
			cutBody(w, req, m.Raw, 10, true)
		}
		return false
	})
	if got, found, err := r.Manifest(t.Context(), "v1"); err != nil || !found || !bytes.Equal(got.Raw, m.Raw) {
		t.Errorf("read %d bytes, found %t, %v", len(got.Raw), found, err)
	}
	if requests != 2 {
		t.Errorf("%d requests, want 2", requests)
	}
}
