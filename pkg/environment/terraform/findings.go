package terraform

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/org/shipkit/pkg/diag"
)

// ErrLocked says that another run holds the state's lock.
var ErrLocked = errors.New("the state is locked")

// diagnostic is one of Terraform's findings.
type diagnostic struct {
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
	Snippet *struct {
		Code string `json:"code"`
	} `json:"snippet"`
}

// finding is a diagnostic at its place, with the line that it is about.
func (b *Backend) finding(m diagnostic) *diag.Diagnostic {
	if strings.Contains(m.Summary, lockMessage) {
		return b.locked(m.Detail, nil)
	}
	d := &diag.Diagnostic{Severity: diag.Warning, Summary: "terraform: " + m.Summary, Detail: m.Detail}
	if m.Severity == "error" {
		d.Severity = diag.Error
	}
	if at := m.Range; at != nil {
		d.File, d.Line, d.Column = filepath.Join(b.Dir, at.Filename), at.Start.Line, at.Start.Column
	}
	if m.Snippet != nil {
		d.Detail += "\n" + strings.TrimSpace(m.Snippet.Code)
	}
	return d
}

// place is where Terraform's text says that an error is.
var place = regexp.MustCompile(`(?m)^on (\S+) line (\d+)`)

// failed explains a command's failure with the lines that it printed.
func (b *Backend) failed(what, text string, err error) error {
	text = plain(text)
	if strings.Contains(text, lockMessage) {
		return b.locked(text, err)
	}
	if _, after, ok := strings.Cut(text, "Error: "); ok {
		text = after
	}
	d := &diag.Diagnostic{Summary: fmt.Sprintf("%s %s in %s failed", filepath.Base(b.Binary), what, b.Dir), Detail: tail(text, 30), Err: err}
	if at := place.FindStringSubmatch(text); at != nil {
		d.File = filepath.Join(b.Dir, at[1])
		d.Line, _ = strconv.Atoi(at[2])
	}
	return d
}

const lockMessage = "Error acquiring the state lock"

// lockField is a line of what Terraform says of a lock.
var lockField = regexp.MustCompile(`(?m)^\s*(ID|Path|Who|Operation|Created):[ \t]+(\S.*?)\s*$`)

// locked says who holds the state's lock and how it is given back.
func (b *Backend) locked(text string, err error) *diag.Diagnostic {
	lock := map[string]string{"ID": "LOCK_ID", "Path": "in " + b.Dir, "Who": "somebody", "Operation": "an operation", "Created": "an unknown time"}
	for _, field := range lockField.FindAllStringSubmatch(text, -1) {
		lock[field[1]] = field[2]
	}
	return &diag.Diagnostic{
		Summary: fmt.Sprintf("the Terraform state %s is locked by %s for %s since %s", lock["Path"], lock["Who"], lock["Operation"], lock["Created"]),
		Try: fmt.Sprintf("wait for that run and run again; if it is dead, in the state's workspace: %s force-unlock %s",
			filepath.Base(b.Binary), lock["ID"]),
		Err: errors.Join(ErrLocked, err),
	}
}

// colour is a terminal's escape sequence.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// plain removes the colours and the frame that Terraform draws around errors.
func plain(s string) string {
	var lines []string
	for line := range strings.Lines(colour.ReplaceAllString(s, "")) {
		line = strings.TrimSpace(strings.TrimLeft(strings.TrimRight(line, "\n"), "╷│╵ "))
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
