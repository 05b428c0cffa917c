package terraform

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/org/shipkit/pkg/diag"
)

// grace is how long a command has to write its state after an interrupt.
const grace = 30 * time.Second

func (b *Backend) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, b.Binary, args...) //nolint:gosec // Find chose the binary, or the user
	command.Dir = b.Dir
	command.Env = append(append([]string{}, b.Env...), "TF_IN_AUTOMATION=1", "TF_INPUT=0")
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = grace
	return command
}

// run runs a command and returns what it printed.
func (b *Backend) run(ctx context.Context, args ...string) (string, error) {
	var out, problems bytes.Buffer
	command := b.command(ctx, args...)
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		return "", b.failed(args[0], problems.String(), err)
	}
	return out.String(), nil
}

// message is a line of Terraform's machine-readable output
// (https://developer.hashicorp.com/terraform/internals/machine-readable-ui).
type message struct {
	Type       string     `json:"type"`
	Text       string     `json:"@message"`
	Diagnostic diagnostic `json:"diagnostic"`
}

// change runs a command with -json, passes its progress on, and turns its
// diagnostics into findings at their lines.
func (b *Backend) change(ctx context.Context, args ...string) error {
	var problems bytes.Buffer
	command := b.command(ctx, args...)
	command.Stderr = &problems
	out, err := command.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start %s: %w", b.Binary, err)
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", b.Binary, err)
	}
	findings := b.read(out)
	if err := command.Wait(); err != nil {
		if findings.HasErrors() {
			return findings
		}
		return b.failed(args[0], problems.String(), err)
	}
	return nil
}

func (b *Backend) read(out io.Reader) diag.List {
	var findings diag.List
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue
		}
		switch m.Type {
		case "apply_start", "apply_complete", "change_summary":
			b.Progress.Milestone("terraform", m.Text)
		case "diagnostic":
			findings.Add(b.finding(m.Diagnostic))
		}
	}
	// A line too long to read stops the scan; the command must not block on it.
	_, _ = io.Copy(io.Discard, out)
	return findings
}
