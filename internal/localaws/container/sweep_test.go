package container

import (
	"os"
	"os/exec"
	"testing"
)

func TestDead(t *testing.T) {
	child := exec.CommandContext(t.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	id := identity(child.Process.Pid)
	if id == "" || dead(id) {
		t.Errorf("a running process %q counts as dead", id)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if !dead(id) {
		t.Errorf("a killed process %q counts as running", id)
	}
	for _, other := range []string{"", "nonsense", "pid:[1]/1/1", identity(os.Getpid())} {
		if dead(other) {
			t.Errorf("%q counts as dead", other)
		}
	}
}
