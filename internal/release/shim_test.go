package release_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var (
	platform = runtime.GOOS + "-" + runtime.GOARCH
	// standIn answers as the binary does to signals, arguments and exits.
	standIn = `#!/bin/sh
trap 'echo got INT; exit 130' INT
trap 'echo got TERM; exit 143' TERM
echo "args $*, input ${INPUT_URL}, pid $$"
case "$2" in
wait) while :; do sleep 0.05; done ;;
exit) exit 7 ;;
die) kill -KILL $$ ;;
esac
`
)

// layShim lays a tree whose binary is the stand-in, without building.
func layShim(t *testing.T) string {
	t.Helper()
	tree := t.TempDir()
	shims, err := filepath.Glob("shim/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range shims {
		text, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			t.Fatal(err)
		}
		lay(t, filepath.Join(tree, "lib", filepath.Base(file)), string(text), 0o600)
	}
	sum := sha256.Sum256([]byte(standIn))
	lay(t, filepath.Join(tree, "smoke-test", "index.js"), "require('../lib/run.js')('smoke-test', process.argv[2] || 'exit');\n", 0o600)
	lay(t, filepath.Join(tree, "bin", "shipkit-"+platform), standIn, 0o700)
	lay(t, filepath.Join(tree, "bin", "SHA256SUMS"), hex.EncodeToString(sum[:])+"  shipkit-"+platform+"\n", 0o600)
	lay(t, filepath.Join(tree, "VERSION"), "v1.2.3\n", 0o600)
	return tree
}

func lay(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func node(t *testing.T, tree string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "node", append([]string{filepath.Join(tree, "smoke-test", "index.js")}, args...)...)
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what a broken shim left
		}
	})
	cmd.Env = append(os.Environ(), "INPUT_URL=https://example.com", "RUNNER_TOOL_CACHE="+filepath.Join(tree, "cache"))
	return cmd
}

func TestShimPassesTheExitCode(t *testing.T) {
	tree := layShim(t)
	for how, want := range map[string]int{"exit": 7, "die": 137, "other": 0} {
		cmd := node(t, tree, how)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != want || !strings.Contains(string(out), "args smoke-test "+how+", input https://example.com") {
			t.Errorf("%s: exit code %d, want %d\n%s", how, cmd.ProcessState.ExitCode(), want, out)
		}
	}
}

func TestShimForwardsSignals(t *testing.T) {
	tree := layShim(t)
	for name, test := range map[string]struct {
		signal syscall.Signal
		code   int
	}{"INT": {syscall.SIGINT, 130}, "TERM": {syscall.SIGTERM, 143}} {
		t.Run(name, func(t *testing.T) {
			cmd := node(t, tree, "wait")
			out := newOutput()
			cmd.Stdout = out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-out.started
			_, pid, _ := strings.Cut(strings.TrimSpace(out.String()), "pid ")
			if err := cmd.Process.Signal(test.signal); err != nil { // to node alone, as the runner does
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if !strings.Contains(out.String(), "got "+name) {
				t.Errorf("the binary said %q", out.String())
			}
			if cmd.ProcessState.ExitCode() != test.code {
				t.Errorf("exit code %d", cmd.ProcessState.ExitCode())
			}
			if _, err := os.Stat("/proc/" + pid); runtime.GOOS == "linux" && err == nil {
				t.Errorf("process %s is left running", pid)
			}
		})
	}
}

// output keeps what was written and tells when it begins.
type output struct {
	started chan struct{}
	mu      sync.Mutex
	text    strings.Builder
}

func newOutput() *output { return &output{started: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text.Len() == 0 {
		close(o.started)
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func TestShimDownloadsWhatTheTreeLacks(t *testing.T) {
	var requests atomic.Int64
	var asset atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.URL.Path != "/acme/shipkit/releases/download/v1.2.3/shipkit-"+platform {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(asset.Load().(string)))
	}))
	defer server.Close()
	tree := layShim(t)
	if err := os.Remove(filepath.Join(tree, "bin", "shipkit-"+platform)); err != nil {
		t.Fatal(err)
	}
	run := func(repository string) (string, int) {
		cmd := node(t, tree)
		cmd.Env = append(cmd.Env, "GITHUB_SERVER_URL="+server.URL, "GITHUB_ACTION_REPOSITORY="+repository)
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	asset.Store("tampered")
	if out, code := run("acme/shipkit"); code != 1 || !strings.Contains(out, "::error::download ") || !strings.Contains(out, "SHA-256 is") {
		t.Errorf("tampered: %d\n%s", code, out)
	}
	if out, code := run("acme/other"); code != 1 || !strings.Contains(out, "404 Not Found") {
		t.Errorf("missing: %d\n%s", code, out)
	}
	asset.Store(standIn)
	if out, code := run("acme/shipkit"); code != 7 || !strings.Contains(out, "shipkit carries no shipkit-"+platform+": downloading "+server.URL) {
		t.Errorf("first: %d\n%s", code, out)
	}
	before := requests.Load()
	if out, code := run("acme/shipkit"); code != 7 || requests.Load() != before || strings.Contains(out, "downloading") {
		t.Errorf("second: %d, %d requests\n%s", code, requests.Load()-before, out)
	}
}

func TestShimSaysThatThereIsNoBinary(t *testing.T) {
	tree := layShim(t)
	if err := os.Remove(filepath.Join(tree, "bin", "shipkit-"+platform)); err != nil {
		t.Fatal(err)
	}
	lay(t, filepath.Join(tree, "bin", "SHA256SUMS"), strings.Repeat("0", 64)+"  shipkit-plan9-mips\n", 0o600)
	cmd := node(t, tree)
	out, _ := cmd.CombinedOutput()
	want := "::error::shipkit has no binary for this platform (shipkit-" + platform + "), only shipkit-plan9-mips. Try: runs-on: ubuntu-latest"
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), want) {
		t.Errorf("%d\n%s", cmd.ProcessState.ExitCode(), out)
	}
}

// The benchmarks report the median of a run: BenchmarkShim and
// BenchmarkEmptyNodeScript differ by what the shim and the binary add.
func BenchmarkShim(b *testing.B) {
	tree := filepath.Join(b.TempDir(), "tree")
	build(b, root, tree)
	script := filepath.Join(b.TempDir(), "version.js")
	text := "require('" + tree + "/lib/run.js')('version');\n"
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	benchmarkCommand(b, "node", script)
}

func BenchmarkEmptyNodeScript(b *testing.B) {
	script := filepath.Join(b.TempDir(), "empty.js")
	if err := os.WriteFile(script, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	benchmarkCommand(b, "node", script)
}

func BenchmarkBinaryStart(b *testing.B) {
	tree := filepath.Join(b.TempDir(), "tree")
	build(b, root, tree)
	benchmarkCommand(b, filepath.Join(tree, "bin", "shipkit-"+platform), "version")
}

func benchmarkCommand(b *testing.B, name string, args ...string) {
	b.Helper()
	var times []time.Duration
	for b.Loop() {
		start := time.Now()
		if out, err := exec.CommandContext(b.Context(), name, args...).CombinedOutput(); err != nil {
			b.Fatal(err, string(out))
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms/median")
}
