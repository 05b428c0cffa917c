package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/demo"
)

// TestTheDemo runs the story that `make demo` tells: each chapter checks what
// its workflow gave out and what the service answers. Here is added that the
// delta was small, that the failure was told, and that nothing is left.
func TestTheDemo(t *testing.T) {
	var told strings.Builder
	if err := demo.Run(t.Context(), demo.Options{Root: "../..", Out: &told}); err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	for _, want := range []string{
		"kB were sent", "container web exits with code 3", "web:4 serves again", "xy-0146-pr7 is ready", "xy-0146-pr7 is gone",
	} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("the story lacks %q:\n%s", want, told.String())
		}
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), fmt.Sprintf("shipkit-demo-%d-*", os.Getpid())))
	if err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
	if text, err := os.ReadFile("/proc/self/task/self/children"); err == nil && len(text) > 0 {
		t.Errorf("processes are left: %s", text)
	}
}
