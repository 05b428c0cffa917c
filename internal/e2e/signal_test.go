package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/org/shipkit/internal/acttest"
)

// TestACancelReachesTheAction sends SIGINT to node alone, as the runner does
// when somebody cancels: act kills without it.
func TestACancelReachesTheAction(t *testing.T) {
	asked := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		asked <- struct{}{}
	}))
	defer server.Close()
	dir := t.TempDir()
	summary := filepath.Join(dir, "summary.md")
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(acttest.Tree(t), "smoke-test", "index.js"))
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY=" + summary, "GITHUB_OUTPUT=" + filepath.Join(dir, "output"),
		"INPUT_URL=" + server.URL, "INPUT_TIMEOUT=10m",
	}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked // it waits for the service to become ready
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d\n%s", code, log.String())
	}
	if !strings.Contains(log.String(), "::error::") {
		t.Error("nothing says that it was cancelled:", log.String())
	}
	if text, err := os.ReadFile(summary); err != nil || len(text) == 0 {
		t.Error("no summary after a cancel:", err)
	}
	if err := syscall.Kill(-cmd.Process.Pid, 0); err == nil {
		t.Error("something of its process group is left running")
	}
}
