package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSweepRemovesWhatKilledProcessesLeft(t *testing.T) {
	parent := t.TempDir()
	const nobody = 1 << 30 // above the largest process ID of Linux
	folders := map[string]bool{
		fmt.Sprintf("shipkit-pg-%d-1", nobody):      false,
		fmt.Sprintf("shipkit-pg-%d-1", os.Getpid()): true,
		"shipkit-pg-other":                          true,
		"somebody-else":                             true,
	}
	for name := range folders {
		if err := os.MkdirAll(filepath.Join(parent, name, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sweep(parent, time.Now())
	if _, err := os.Stat(filepath.Join(parent, fmt.Sprintf("shipkit-pg-%d-1", nobody))); err != nil {
		t.Errorf("a fresh folder is gone: %v", err)
	}
	sweep(parent, time.Now().Add(2*abandoned))
	for name, stays := range folders {
		if _, err := os.Stat(filepath.Join(parent, name)); (err == nil) != stays {
			t.Errorf("%s: %v", name, err)
		}
	}
}
