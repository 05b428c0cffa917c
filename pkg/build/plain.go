package build

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/progress"
)

// plainLog understands `--progress=plain`: "#5 [2/3] RUN make" begins a step,
// "#5 DONE 1.2s", "#5 CACHED" and "#5 ERROR: …" end it, and after a failure
// BuildKit prints the failing lines of the Dockerfile.
type plainLog struct {
	progress progress.Func
	steps    map[string]string
	output   map[string][]string
	failed   string
	reason   string
	place    int
	arrow    int
	tail     []string
}

var (
	stepLine    = regexp.MustCompile(`^#(\d+) (.*)$`)
	stepName    = regexp.MustCompile(`^\[[^\]]+\] `)
	placeLine   = regexp.MustCompile(`^(\S*Dockerfile\S*|\S+):(\d+)$`)
	arrowLine   = regexp.MustCompile(`^\s*(\d+) \| >>> `)
	outputTime  = regexp.MustCompile(`^\d+\.\d+ `)
	parseFailed = regexp.MustCompile(`dockerfile parse error (?:on )?line (\d+)|Dockerfile:(\d+)`)
)

const (
	keptLines = 20
	buildTask = "build"
)

// add reads a line.
func (l *plainLog) add(line string) {
	if l.steps == nil {
		l.steps, l.output = map[string]string{}, map[string][]string{}
	}
	l.tail = last(append(l.tail, line), keptLines)
	if m := stepLine.FindStringSubmatch(line); m != nil {
		l.step(m[1], m[2])
		return
	}
	if m := arrowLine.FindStringSubmatch(line); m != nil && l.arrow == 0 {
		l.arrow, _ = strconv.Atoi(m[1])
		return
	}
	if m := placeLine.FindStringSubmatch(line); m != nil && l.place == 0 {
		l.place, _ = strconv.Atoi(m[2])
	}
	if reason, ok := strings.CutPrefix(line, "ERROR: "); ok {
		l.reason = reason
	}
}

func (l *plainLog) step(id, text string) {
	name := l.steps[id]
	switch {
	case name == "" && stepName.MatchString(text):
		l.steps[id] = text
		l.progress.Send(progress.Event{Task: buildTask, Text: text})
	case strings.HasPrefix(text, "ERROR"):
		l.failed = id
		l.reason = strings.TrimPrefix(strings.TrimPrefix(text, "ERROR"), ": ")
	case strings.HasPrefix(text, "DONE "):
		l.progress.Send(progress.Event{Task: buildTask, Text: name + ", " + text})
	case text == "CACHED":
		l.progress.Send(progress.Event{Task: buildTask, Text: name + ", cached"})
	case strings.HasPrefix(text, "sha256:"):
		// The step's own digest, as old versions of BuildKit print it.
	default:
		l.output[id] = last(append(l.output[id], outputTime.ReplaceAllString(text, "")), keptLines)
	}
}

// failure tells which step failed, with what it printed, at its line.
func (l *plainLog) failure(dockerfile string, err error) error {
	d := &diag.Diagnostic{
		Summary: "the build failed", Detail: strings.Join(l.tail, "\n"), File: dockerfile, Line: l.line(), Err: err,
		Try: "read the builder's output above; `docker build .` repeats this step alone",
	}
	if reason := l.lastWords(); reason != "" {
		d.Summary += ": " + reason
	}
	if l.failed != "" {
		d.Summary = "build step failed: " + l.steps[l.failed]
		d.Detail = strings.Join(append(l.output[l.failed], l.reason), "\n")
	}
	if d.Line == 0 && dockerfile != "" && l.failed != "" {
		// BuildKit before 0.12 prints no place: look the step up.
		_, instruction, _ := strings.Cut(l.steps[l.failed], "] ")
		d.Line = lineOf(dockerfile, instruction)
	}
	if d.Line == 0 {
		d.File = ""
	}
	if strings.Contains(d.Summary+d.Detail, syscall.ENOSPC.Error()) {
		d.Try = "free space on the disk of the builder (docker buildx prune) and in RUNNER_TEMP"
	}
	return d
}

// lastWords returns why the build failed: what BuildKit called an error, or
// the last line.
func (l *plainLog) lastWords() string {
	if l.reason == "" && len(l.tail) > 0 {
		l.reason = strings.TrimSpace(l.tail[len(l.tail)-1])
	}
	return l.reason
}

// lineOf returns the line where an instruction begins, 0 if it is not found.
// Continued lines are joined, as BuildKit shows them.
func lineOf(dockerfile, instruction string) int {
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		return 0
	}
	want := strings.Join(strings.Fields(instruction), " ")
	start, joined := 0, ""
	for n, line := range strings.Split(string(text), "\n") {
		if joined == "" {
			start = n + 1
		}
		part, continued := strings.CutSuffix(strings.TrimSpace(line), "\\")
		joined += part + " "
		if continued {
			continue
		}
		if strings.Join(strings.Fields(joined), " ") == want {
			return start
		}
		joined = ""
	}
	return 0
}

// line returns the line of the Dockerfile that failed, 0 if BuildKit told none.
func (l *plainLog) line() int {
	if l.arrow > 0 {
		return l.arrow
	}
	if m := parseFailed.FindStringSubmatch(l.lastWords()); m != nil {
		n, _ := strconv.Atoi(m[1] + m[2])
		return n
	}
	return l.place
}

func last(lines []string, n int) []string { return lines[max(0, len(lines)-n):] }
