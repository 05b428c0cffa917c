package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/org/shipkit/internal/acttest"
	"github.com/org/shipkit/pkg/history"
)

// TestARerunDoesNotGoBackInTime ships a commit, and then an older one as a
// re-run of its workflow does.
func TestARerunDoesNotGoBackInTime(t *testing.T) {
	t.Parallel()
	c := startChain(t, "v1", "v2")
	newer := c.ships("v2", 12, nil)
	if newer.ExitCode != 0 || newer.Outputs["record"]["status"] != "succeeded" || c.serves() != "v2" {
		t.Fatalf("%v, %s serves\n%s\n%s", newer.Outputs["record"], c.serves(), newer.Log, newer.Stderr)
	}
	var result history.Record
	if err := json.Unmarshal([]byte(newer.Outputs["record"]["result"]), &result); err != nil || result.Status != history.Succeeded {
		t.Errorf("result %+v, %v", result, err)
	}
	if !strings.Contains(newer.Log, newer.Outputs["record"]["result"]) {
		t.Error("the artifact does not hold the result")
	}

	older := c.ships("v1", 11, nil)
	if older.ExitCode == 0 || older.Steps["check"] != "failure" || older.Steps["deploy"] == "success" || c.serves() != "v2" {
		t.Errorf("an older commit: %v, %s serves", older.Steps, c.serves())
	}
	if !hasAnnotation(older, "error: xy-0146-staging would go back in time") || !strings.HasPrefix(older.Outputs["record"]["reason"], "check failed: it would go back in time") {
		t.Errorf("it does not say why: %v, %v", older.Annotations, older.Outputs["record"])
	}

	status := c.shipkit("status")
	if version := newer.Outputs["record"]["version"]; !regexp.MustCompile(`(?m)^staging +` + version + ` .*failed`).MatchString(status) {
		t.Errorf("shipkit status:\n%s", status)
	}

	told := c.ships("v1", 11, map[string]string{"ALLOW_OLDER": "true"})
	if told.ExitCode != 0 || c.serves() != "v1" || !hasAnnotation(told, "warning: xy-0146-staging goes back in time") {
		t.Errorf("an older commit that is allowed: %v, %s serves", told.Annotations, c.serves())
	}
}

// TestTwoPushesAtOnce holds an older push after its check until a newer one is
// through. On GitHub they would queue; an approval that comes late and a re-run
// of the job deploy alone are the same case there.
func TestTwoPushesAtOnce(t *testing.T) {
	t.Parallel()
	c := startChain(t, "v1", "v2")
	reached, free := filepath.Join(t.TempDir(), "reached"), filepath.Join(t.TempDir(), "free")
	for _, pipe := range []string{reached, free} {
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	older := c.beside(map[string]string{"TEST_COMMAND": "echo > " + reached + "; read -r _ < " + free}, "v1", 11)
	if _, err := os.ReadFile(reached); err != nil { // blocks until the older push is past its check
		t.Fatal(err)
	}
	newer := c.ships("v2", 12, nil)
	if newer.ExitCode != 0 || c.serves() != "v2" {
		t.Errorf("the newer push: %v, %s serves\n%s", newer.Outputs["record"], c.serves(), newer.Log)
	}
	if err := os.WriteFile(free, []byte("go\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	late := <-older
	if late.ExitCode == 0 || late.Steps["check"] != "success" || late.Steps["_recheck"] != "failure" || late.Steps["deploy"] == "success" {
		t.Errorf("the older push was not refused: %v\n%s", late.Steps, late.Log)
	}
	if got := late.Outputs["record"]["reason"]; late.Outputs["record"]["status"] != "failed" || !strings.HasPrefix(got, "recheck failed: it would go back in time") || c.serves() != "v2" {
		t.Errorf("recorded %v, %s serves", late.Outputs["record"], c.serves())
	}
}

// TestTwoDeploymentsAtOnce lets both past their checks at the same time, as
// workflows without a concurrency group would. Whichever wins: what is recorded
// last as succeeded is what serves, and the other is not told to have succeeded
// over it.
func TestTwoDeploymentsAtOnce(t *testing.T) {
	t.Parallel()
	c := startChain(t, "v1", "v2")
	first, second := c.beside(nil, "v1", 11), c.beside(nil, "v2", 12)
	results := map[string]acttest.Result{"v1": <-first, "v2": <-second}
	current := history.Current(c.history())
	if current == nil {
		t.Fatalf("none succeeded: %v and %v", results["v1"].Outputs["record"], results["v2"].Outputs["record"])
	}
	serving := c.serves()
	if current.Image != c.images[serving] {
		t.Errorf("%s serves, recorded is %s", serving, current.Image)
	}
	for version, result := range results {
		if got := result.Outputs["record"]["status"]; version == serving && got != "succeeded" || got == "" {
			t.Errorf("%s is told to have %q, %s serves", version, got, serving)
		}
	}
}

// shipkit runs a command of the binary where the settings are.
func (c *chain) shipkit(args ...string) string {
	c.Helper()
	cmd := exec.CommandContext(c.Context(), acttest.Binary(c), args...)
	cmd.Dir, cmd.Env = c.TempDir(), os.Environ()
	for name, value := range c.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if err := os.WriteFile(filepath.Join(cmd.Dir, ".shipkit.yml"), []byte(settings), 0o600); err != nil {
		c.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.Errorf("shipkit %v: %v", args, err)
	}
	return string(out)
}

// beside runs a push beside the test.
func (c *chain) beside(vars map[string]string, version string, hour int) <-chan acttest.Result {
	done, dir := make(chan acttest.Result, 1), c.TempDir()
	go func() {
		result, err := c.push(dir, version, hour, vars)
		if err != nil {
			c.Error(err)
		}
		done <- result
	}()
	return done
}
