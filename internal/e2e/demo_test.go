package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/demo"
	"github.com/org/shipkit/internal/localaws/fault"
	"github.com/org/shipkit/internal/localaws/owner"
	"github.com/org/shipkit/internal/policytest"
)

// TestTheDemo runs the story that `make demo` tells: each chapter checks what
// its workflow gave out and what the service answers. Here is added that the
// delta was small, that the failure was told, and that nothing is left.
func TestTheDemo(t *testing.T) {
	var told strings.Builder
	options := demo.Options{Root: "../..", Out: &told, Calls: func(calls []fault.Call, keys map[string]string) { policies(t, calls, keys) }}
	if err := demo.Run(t.Context(), options); err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	for _, want := range []string{
		"the database of staging says: Ẹ káàbọ̀, Sannu da zuwa, Nnọọ", "kB went to the registry", "container web exits with code 3",
		"web:4 serves again", "expected version", "xy-0146-pr7 is ready", "xy-0146-pr7 is gone",
	} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("the story lacks %q:\n%s", want, told.String())
		}
	}
	nothingRuns(t, told.String())
}

var address = regexp.MustCompile(`http://(127\.0\.0\.1:\d+)`)

// nothingRuns looks for what a demo leaves: files, processes, containers, and
// ports that it told of.
func nothingRuns(t *testing.T, told string) {
	t.Helper()
	for _, match := range address.FindAllStringSubmatch(told, -1) {
		if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", match[1]); err == nil {
			_ = conn.Close()
			t.Errorf("%s still answers", match[1])
		}
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), fmt.Sprintf("shipkit-demo-%d-*", os.Getpid())))
	if err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
	threads, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(threads) == 0 {
		t.Errorf("it cannot be seen which processes are left: %v", err)
	}
	for _, thread := range threads {
		if text, err := os.ReadFile(thread); err == nil && len(text) > 0 {
			t.Errorf("processes are left: %s", text)
		}
	}
	containers, err := exec.CommandContext(t.Context(), "docker", "ps", "--all", "--quiet", "--filter", "label=shipkit.local.owner="+owner.Self()).Output()
	if err != nil || len(containers) > 0 {
		t.Errorf("containers are left: %s, %v", containers, err)
	}
}

// policies holds what each action called in the workflows against the policy
// of its README, and of those that it says to add.
func policies(t *testing.T, calls []fault.Call, keys map[string]string) {
	t.Helper()
	for _, action := range []string{"deploy-ecs", "ephemeral-env", "promote-snapshot", "record"} {
		readmes := []string{"../../actions/" + action + "/README.md"}
		if action == "promote-snapshot" {
			readmes = append(readmes, "../../actions/deploy-ecs/README.md") // it has services
		}
		policytest.Covers(t, calls, keys[action], readmes...)
	}
	for _, action := range []string{"build-image", "smoke-test", "notify"} { // the runner is logged in to the registry
		if needed := policytest.Needed(calls, keys[action]); len(needed) > 0 {
			t.Errorf("%s needs %v here, which its README does not say", action, needed)
		}
	}
}
