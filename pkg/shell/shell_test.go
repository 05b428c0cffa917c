package shell

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestRun(t *testing.T) {
	dir := t.TempDir()
	out, err := Run(t.Context(), dir, []string{"WHO=Ada"}, "sh", "-c", `echo "$WHO in $PWD"; echo late >&2; exit 3`)
	if string(out) != "Ada in "+dir+"\nlate\n" || err == nil || err.Error() != "exit status 3" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := Run(t.Context(), dir, nil, filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing program is no error")
	}
}

// A cancel ends the children too, also one that does not want to, and also
// while it holds the outputs open.
func TestCancelEndsAllProcesses(t *testing.T) {
	for name, trap := range map[string]string{"willing": "", "stubborn": "trap '' TERM;"} {
		t.Run(name, func(t *testing.T) {
			pipe := filepath.Join(t.TempDir(), "alive") // has a writer as long as a process lives
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			why := errors.New("somebody cancelled")
			done := make(chan error, 1)
			go func() {
				child := trap + "echo alive; while :; do sleep 1; done"
				_, err := Run(ctx, "", os.Environ(), "sh", "-c", trap+"exec 3> "+pipe+"; sh -c '"+child+"' >&3 & wait")
				done <- err
			}()
			alive, err := os.Open(pipe) //nolint:gosec // the test's own
			if err != nil {
				t.Fatal(err)
			}
			defer alive.Close() //nolint:errcheck // it was read
			if _, err := alive.Read(make([]byte, 6)); err != nil {
				t.Fatal(err)
			}
			cancel(why)
			if err := <-done; !errors.Is(err, why) {
				t.Errorf("error: %v", err)
			}
			if rest, err := io.ReadAll(alive); err != nil || len(rest) > 0 {
				t.Errorf("the processes said %q, %v", rest, err)
			}
		})
	}
}
