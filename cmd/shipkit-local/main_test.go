package main

import (
	"bytes"
	"context"
	"errors"
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

func TestWrongUsage(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "shipkit-local up"},
		{[]string{"start"}, exitUsage, `unknown command "start"`},
		{[]string{"up", "-speed", "0"}, exitUsage, "want 1 to 10000"},
		{[]string{"up", "-engine", "podman"}, exitUsage, "want docker, process or auto"},
		{[]string{"up", "now"}, exitUsage, `unexpected argument "now"`},
		{[]string{"up", "-seed=false", "-engine=process", "-addr", "127.0.0.1:0", "-fault", "nonsense"}, exitFailed, `fault "nonsense"`},
		{[]string{"status"}, exitFailed, "local AWS is not running; start it with: shipkit-local up"},
		{[]string{"env"}, exitFailed, "not running"},
		{[]string{"down"}, exitFailed, "not running"},
		{[]string{"down", "now"}, exitUsage, "takes no arguments"},
	} {
		code, _, stderr := call(t.Context(), test.args...)
		if code != test.code || !strings.Contains(stderr, test.want) {
			t.Errorf("%v: code %d, %q; want %d, %q", test.args, code, stderr, test.code, test.want)
		}
	}
}

func TestPortTakenSaysWhatToDo(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	s, err := localaws.Start(t.Context(), localaws.Options{Engine: localaws.Process})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	taken := strings.TrimPrefix(s.URL, "http://")
	code, _, stderr := call(t.Context(), "up", "-seed=false", "-engine=process", "-addr", taken)
	if code != exitFailed || !strings.Contains(stderr, taken+" is taken") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("code %d, %q", code, stderr)
	}
}

func TestMissingToolsSayWhatToInstall(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	if code, _, stderr := call(t.Context(), "up"); code != exitFailed || !strings.Contains(stderr, "install Go") {
		t.Errorf("without Go: code %d, %q", code, stderr)
	}
	t.Setenv("DOCKER_HOST", "unix:///nonexistent.sock")
	code, _, stderr := call(t.Context(), "up", "-seed=false", "-engine=docker", "-addr", "127.0.0.1:0")
	if code != exitFailed || !strings.Contains(stderr, "apt-get install docker.io") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("without Docker: code %d, %q", code, stderr)
	}
}

// TestUpStatusEnvDown goes the whole way without the demo.
func TestUpStatusEnvDown(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	addr := freeAddr(t)
	ended := make(chan int)
	go func() {
		code, _, _ := call(context.WithoutCancel(t.Context()), "up", "-seed=false", "-engine=process", "-addr", addr, "-fault",
			"ecs.UpdateService=throttle")
		ended <- code
	}()
	await(t, func() bool {
		code, _, _ := call(t.Context(), "status")
		return code == exitOK
	})
	if _, stdout, _ := call(t.Context(), "status"); !strings.Contains(stdout, "local AWS at http://"+addr) ||
		!strings.Contains(stdout, "no services, tasks, databases, snapshots, stacks, parameters, schedules") {
		t.Errorf("status = %s", stdout)
	}
	if _, stdout, _ := call(t.Context(), "env"); !strings.Contains(stdout, "export AWS_ENDPOINT_URL=http://"+addr+"\n") {
		t.Errorf("env = %s", stdout)
	}
	if code, stdout, stderr := call(t.Context(), "down"); code != exitOK || stdout != "local AWS is down\n" {
		t.Errorf("down: code %d, %q, %q", code, stdout, stderr)
	}
	if code := <-ended; code != exitOK {
		t.Errorf("up ended with code %d", code)
	}
	if _, err := running(); !errors.Is(err, errNotRunning) {
		t.Errorf("a note is left: %v", err)
	}
	var dialer net.Dialer
	if conn, err := dialer.DialContext(t.Context(), "tcp", addr); err == nil {
		_ = conn.Close()
		t.Error("the port is still open")
	}
}

func TestInterruptEndsUp(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() {
		code, _, _ := call(ctx, "up", "-seed=false", "-engine=process", "-addr", freeAddr(t))
		ended <- code
	}()
	await(t, func() bool { _, err := running(); return err == nil })
	interrupt()
	if code := <-ended; code != exitOK {
		t.Errorf("up ended with code %d", code)
	}
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
