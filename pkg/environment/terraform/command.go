package terraform

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// failed explains a command's failure with the lines that it printed.
func (b *Backend) failed(what, text string, err error) error {
	d := &diag.Diagnostic{
		Summary: fmt.Sprintf("%s %s in %s failed", filepath.Base(b.Binary), what, b.Dir), Detail: tail(plain(text), 30), Err: err,
	}
	if strings.Contains(text, "Error acquiring the state lock") {
		d.Err, d.Try = errors.Join(ErrLocked, err), "wait for the run that holds the lock; if it died, terraform force-unlock"
	}
	return d
}

// plain removes the frame that Terraform draws around its errors.
func plain(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(strings.TrimLeft(strings.TrimRight(line, "\n"), "╷│╵ "))
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// message is a line of Terraform's machine-readable output
// (https://developer.hashicorp.com/terraform/internals/machine-readable-ui).
type message struct {
	Type       string `json:"type"`
	Text       string `json:"@message"`
	Diagnostic struct {
		Severity string `json:"severity"`
		Summary  string `json:"summary"`
		Detail   string `json:"detail"`
		Range    *struct {
			Filename string `json:"filename"`
			Start    struct {
				Line   int `json:"line"`
				Column int `json:"column"`
			} `json:"start"`
		} `json:"range"`
	} `json:"diagnostic"`
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
			findings.Add(b.finding(m))
		}
	}
	// A line too long to read stops the scan; the command must not block on it.
	_, _ = io.Copy(io.Discard, out)
	return findings
}

func (b *Backend) finding(m message) *diag.Diagnostic {
	d := &diag.Diagnostic{Severity: diag.Warning, Summary: "terraform: " + m.Diagnostic.Summary, Detail: m.Diagnostic.Detail}
	if m.Diagnostic.Severity == "error" {
		d.Severity = diag.Error
	}
	if at := m.Diagnostic.Range; at != nil {
		d.File, d.Line, d.Column = filepath.Join(b.Dir, at.Filename), at.Start.Line, at.Start.Column
	}
	return d
}
