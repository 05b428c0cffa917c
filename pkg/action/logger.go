package action

import (
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sethvargo/go-githubactions"

	"github.com/org/shipkit/pkg/diag"
)

const (
	clearLine = "\r\x1b[K"
	liveWidth = 79 // a live line that wraps cannot be redrawn
)

// logger writes the log of a step: workflow commands for a runner, plain lines
// for a terminal. It replaces masked values.
type logger struct {
	commands bool // a runner reads what is written
	verbose  bool

	mu       sync.Mutex
	out      io.Writer
	masks    []string
	liveLine string // at the bottom of a terminal
}

func newLogger(host Host, toStderr bool) *logger {
	out := host.Stdout
	if toStderr || !host.OnGitHub() {
		out = host.Stderr
	}
	return &logger{commands: host.OnGitHub(), verbose: host.Getenv("RUNNER_DEBUG") == "1", out: out}
}

// line writes text. Text from elsewhere (a log of a container, an answer of a
// server) must not become a workflow command.
func (l *logger) line(text string) {
	if l.commands {
		text = defuse(text)
	}
	l.write(text)
}

func (l *logger) debug(text string) {
	switch {
	case l.commands:
		l.command("debug", nil, text)
	case l.verbose:
		l.write("debug: " + text)
	}
}

func (l *logger) group(title string) (end func()) {
	if !l.commands {
		l.write(title)
		return func() {}
	}
	l.command("group", nil, title)
	return sync.OnceFunc(func() { l.command("endgroup", nil, "") })
}

func (l *logger) annotate(d *diag.Diagnostic) {
	properties := githubactions.CommandProperties{}
	if d.File != "" {
		properties["file"] = d.File
	}
	if d.Line > 0 {
		properties["line"] = strconv.Itoa(d.Line)
	}
	if d.Column > 0 {
		properties["col"] = strconv.Itoa(d.Column)
	}
	text := *d
	text.File = ""
	l.command(d.Severity.String(), properties, text.Error())
}

func (l *logger) command(name string, properties githubactions.CommandProperties, message string) {
	l.write((&githubactions.Command{Name: name, Properties: properties, Message: l.redact(message)}).String())
}

// mask hides a value from now on. Its lines are hidden too, since a log shows
// them one by one; short ones, such as a brace, would hide too much.
func (l *logger) mask(secret string) {
	values := []string{strings.TrimSpace(secret)}
	if strings.Contains(values[0], "\n") {
		for line := range strings.Lines(values[0]) {
			if line = strings.TrimSpace(line); len(line) >= 4 {
				values = append(values, line)
			}
		}
	}
	for _, value := range values {
		if value == "" {
			continue
		}
		if l.commands {
			l.put((&githubactions.Command{Name: "add-mask", Message: value}).String())
		}
		l.addMask(value)
	}
}

// addMask keeps the longer masks first: one may begin with another.
func (l *logger) addMask(value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, _ := slices.BinarySearchFunc(l.masks, value, func(a, b string) int { return len(b) - len(a) })
	l.masks = slices.Insert(l.masks, at, value)
}

// redact replaces masked values in text.
func (l *logger) redact(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, secret := range l.masks {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}

func (l *logger) write(text string) { l.put(l.redact(text)) }

// put writes a line above the live line.
func (l *logger) put(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.liveLine != "" {
		text = clearLine + text
	}
	l.print(text + "\n" + l.liveLine)
}

// live replaces the line at the bottom of a terminal; "" removes it.
func (l *logger) live(text string) {
	text = clip(l.redact(text), liveWidth)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.liveLine = text
	l.print(clearLine + text)
}

// print drops the error: a log that cannot be written has nobody to tell.
func (l *logger) print(text string) { _, _ = io.WriteString(l.out, text) }

// clip cuts text to a width in characters, and to one line.
func clip(text string, width int) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return text
}

// defuse keeps the runner from taking a line of text for a command: it reads
// those that start with :: after blanks, and ##[ anywhere.
func defuse(text string) string {
	text = strings.ReplaceAll(text, "##[", "## [")
	if !strings.Contains(text, "::") && !strings.Contains(text, "\r") {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(text, "\r", "\n")) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			line = strings.Replace(line, "::", ": :", 1)
		}
		b.WriteString(line)
	}
	return b.String()
}
