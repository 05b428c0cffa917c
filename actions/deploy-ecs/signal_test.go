package deployecs_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/org/shipkit/internal/acttest"
	"github.com/org/shipkit/internal/awstest/image"
)

// phase runs the released action, or its post phase, as a runner does, until
// it has ended or, after interrupt, must have.
func (w *world) phase(t *testing.T, entry, dir string, env []string, interrupt func()) (code int, log string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(acttest.Tree(t), "deploy-ecs", entry))
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DOCKER_CONFIG=" + os.Getenv("DOCKER_CONFIG"), "GITHUB_ACTIONS=true", "RUNNER_TEMP=" + dir,
		"GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary"), "GITHUB_OUTPUT=" + filepath.Join(dir, "output"), "GITHUB_STATE=" + filepath.Join(dir, "state"),
	}, append(w.env, env...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if interrupt != nil {
		interrupt()
		_ = cmd.Process.Signal(syscall.SIGINT)
		kill := time.AfterFunc(7*time.Second, func() { _ = cmd.Process.Kill() }) // the runner has no more patience
		defer kill.Stop()
	}
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), out.String()
}

// A cancelled step asks for the rollback with one call before the runner kills
// it, and the post phase sees it through. Both are the released program.
func TestCancellation(t *testing.T) {
	w := newWorld(t, 20)
	w.run(nil)
	defer w.traffic()()
	dir := t.TempDir()
	code, log := w.phase(t, "index.js", dir, []string{
		"INPUT_CLUSTER=shop", "INPUT_SERVICE=web", "INPUT_WAIT-MAX-DELAY-SECONDS=1", "INPUT_FAIL-FAST-AFTER=0",
		"INPUT_IMAGES=web=" + w.push("slow", image.Web{Env: map[string]string{"DELAY": "1h"}}),
	}, func() {
		w.until("the step follows the deployment", func() bool { return w.calls("DescribeServiceDeployments") > 0 })
	})
	if code != 130 {
		t.Errorf("exit code %d\n%s", code, log)
	}
	if n := w.calls("StopServiceDeployment"); n != 1 || w.calls("UpdateService") != 1 {
		t.Errorf("%d calls for the rollback, %d updates", n, w.calls("UpdateService"))
	}
	read := func(name string) string { return string(must(os.ReadFile(filepath.Join(dir, name)))(t)) }
	wants(t, read("output"), "cancelled")
	wants(t, read("summary"), "ECS was asked to roll back to web:1")

	saved := regexp.MustCompile(`(?m)^deployments<<.*\n(.*)$`).FindStringSubmatch(read("state"))
	if saved == nil || strings.Contains(read("state"), "done") {
		t.Fatalf("the step saved %q", read("state"))
	}
	code, log = w.phase(t, "post.js", dir, []string{"STATE_deployments=" + saved[1]}, nil)
	if code != 0 {
		t.Errorf("exit code %d of the post phase\n%s", code, log)
	}
	wants(t, read("summary"), "after the cancellation: web:1 serves again; web:2 was cancelled")
	wants(t, w.version(), "v1")
}
