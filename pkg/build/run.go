package build

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/org/shipkit/pkg/diag"
)

// stopTime is how long a builder has to end after the build was cancelled.
const stopTime = 5 * time.Second

// run runs the builder and reads what it says.
func (b Builder) run(ctx context.Context, r Request, args []string) error {
	cmd := b.Engine.command(ctx, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTime
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer

	said := &plainLog{progress: b.Progress}
	var reading sync.WaitGroup
	reading.Go(func() {
		b.read(reader, said)
		// A line longer than the buffer ends the reading, not the build.
		_, _ = io.Copy(io.Discard, reader)
	})
	err := cmd.Run()
	_ = writer.Close()
	reading.Wait()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("build %s: %w", r.Context, ctx.Err())
	case errors.Is(err, exec.ErrNotFound):
		return &diag.Diagnostic{
			Summary: "build " + r.Context + ": there is no docker on this runner",
			Try:     "install Docker, or push an image that exists with `source:`", Err: err,
		}
	case err != nil:
		return said.failure(r.dockerfile(), err)
	}
	return nil
}

// maxLine bounds a line of the builder's output.
const maxLine = 1 << 20

func (b Builder) read(from io.Reader, said *plainLog) {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		said.add(line)
		if b.Output != nil {
			b.Output(line)
		}
	}
}

// dockerfile returns the path of the Dockerfile in the user's repository, ""
// when it is not there.
func (r Request) dockerfile() string {
	if r.File != "" {
		return r.File
	}
	if strings.Contains(r.Context, "://") || strings.HasPrefix(r.Context, "git@") || r.Context == "-" {
		return ""
	}
	return filepath.Join(r.Context, "Dockerfile")
}
