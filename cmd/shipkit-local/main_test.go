package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/shipkit/internal/localaws"
)

// call runs a command as main would.
func call(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

// freeAddr is a loopback port that nobody uses at the moment.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// TestStaleNote: a server that was killed left its note; the others must not be fooled by it.
func TestStaleNote(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	if err := os.MkdirAll(filepath.Join(cache, "shipkit-local"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := remember("http://" + freeAddr(t)); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"status", "env", "down"} {
		if code, _, stderr := call(t.Context(), command); code != exitFailed || !strings.Contains(stderr, "not running") {
			t.Errorf("%s: code %d, %q", command, code, stderr)
		}
	}
}

// TestAdminWantsItsHeader: a page in a browser cannot stop local AWS.
func TestAdminWantsItsHeader(t *testing.T) {
	s, err := localaws.Start(t.Context(), localaws.Options{Engine: localaws.Process})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/_local/stop", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("status = %s", resp.Status)
	}
	select {
	case <-s.Stopped():
		t.Error("it stopped")
	default:
	}
}

// await polls for what another goroutine brings about.
func await(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal("nothing happened in a minute")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
