package mariadb

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/localaws/rds/engine"
)

// witness notes how a process's threads stand whenever something is written.
type witness struct {
	t      *testing.T
	pid    int
	writes int
}

func (w *witness) Write(p []byte) (int, error) {
	w.writes++
	if states := w.states(); strings.Trim(states, "T") != "" {
		w.t.Errorf("while files are copied, threads are %s", states)
	}
	return len(p), nil
}

// states has a letter for every thread, of proc_pid_stat(5).
func (w *witness) states() (letters string) {
	stats, err := filepath.Glob("/proc/" + strconv.Itoa(w.pid) + "/task/*/stat")
	if err != nil || len(stats) == 0 {
		w.t.Errorf("threads of %d: %v %v", w.pid, stats, err)
	}
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			w.t.Error(err)
		}
		letters += string(text[bytes.LastIndexByte(text, ')')+2])
	}
	return letters
}

// TestBackupIsOfOneMoment: nothing moves while files are copied, and all goes
// on after it.
func TestBackupIsOfOneMoment(t *testing.T) {
	e, err := New(engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := e.Create(t.Context(), "db", engine.Master{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(s.Dir(), "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{t: t, pid: pid}
	if err := program("").Backup(t.Context(), e, engine.Place{Dir: s.Dir(), Process: process}, w); err != nil || w.writes == 0 {
		t.Errorf("%d writes, %v", w.writes, err)
	}
	if err := s.SetMaster(t.Context(), engine.Master{User: "app", Password: "secret"}); err != nil {
		t.Errorf("after a backup: %v", err)
	}
}
