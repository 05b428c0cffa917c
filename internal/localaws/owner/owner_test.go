package owner_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/org/shipkit/internal/localaws/owner"
)

// child runs until it is killed.
func child(t *testing.T) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sleep", "60")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return c
}

func TestDead(t *testing.T) {
	c := child(t)
	id := owner.ID(c.Process.Pid)
	if id == "" || owner.Dead(id) {
		t.Errorf("a running process %q counts as dead", id)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !owner.Dead(id); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a killed process that nobody waits for, %q, counts as running", id)
		}
	}
	_ = c.Wait()
	if !owner.Dead(id) {
		t.Errorf("a killed process %q counts as running", id)
	}
	for _, other := range []string{"", "nonsense", "pid:[1]/1/1", owner.Self()} {
		if owner.Dead(other) {
			t.Errorf("%q counts as dead", other)
		}
	}
}

func TestFolderRemovesThoseOfTheDead(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	c := child(t)
	dead := owner.ID(c.Process.Pid)
	_ = c.Process.Kill()
	_ = c.Wait()
	folders := map[string]struct {
		id    string
		stays bool
	}{
		"x-dead":       {dead, false},
		"x-running":    {owner.Self(), true},
		"x-elsewhere":  {"pid:[1]/1/1", true},
		"another-dead": {dead, true},
	}
	for name, f := range folders {
		if err := os.MkdirAll(filepath.Join(tmp, name, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(tmp, name, ".owner"), []byte(f.id), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(tmp, "x-nobody"), 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := owner.Folder("x-")
	if err != nil || filepath.Dir(dir) != tmp {
		t.Fatalf("%s, %v", dir, err)
	}
	if _, err := os.Stat(filepath.Join(tmp, "x-nobody")); err != nil {
		t.Error("a folder that names no owner is gone")
	}
	for name, f := range folders {
		if _, err := os.Stat(filepath.Join(tmp, name)); (err == nil) != f.stays {
			t.Errorf("%s: %v", name, err)
		}
	}
	again, err := owner.Folder("x-")
	if err != nil || again == dir {
		t.Fatalf("%s, %v", again, err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error("a running process's folder is gone")
	}
}

func TestClaim(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	release, err := owner.Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	var inUse *owner.InUseError
	if _, err := owner.Claim(dir); !errors.As(err, &inUse) || inUse.PID != strconv.Itoa(os.Getpid()) {
		t.Errorf("a second claim: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", "pid:[1]/1/1", "pid:[1]"} {
		if err := os.WriteFile(filepath.Join(dir, ".owner"), []byte(id), 0o600); err != nil {
			t.Fatal(err)
		}
		release, err := owner.Claim(dir)
		if err != nil {
			t.Fatalf("after a dead one's %q: %v", id, err)
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
	}
}
