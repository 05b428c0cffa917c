package action

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/org/shipkit/pkg/markdown"
)

const (
	// maxSummary is GitHub's limit for the summary of a step, in bytes. The
	// runner drops a longer one whole.
	maxSummary = 1 << 20
	// summaryReserve is kept for what finish adds: folded findings, the note
	// that something was cut.
	summaryReserve = 64 << 10
)

// summary is the job summary, written as it grows so that a killed action
// leaves what it had.
type summary struct {
	write  func(md string) error
	redact func(string) string

	mu      sync.Mutex
	text    strings.Builder // for --json
	written int
	cut     int // bytes that did not fit
}

func (s *summary) add(md string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	md = strings.ToValidUTF8(s.redact(md), "\uFFFD")
	room := maxSummary - summaryReserve - s.written
	if s.cut > 0 {
		room = 0
	}
	fitting := fit(md, room)
	s.cut += len(md) - len(fitting)
	if s.cut > 0 {
		fitting = closeFences(fitting)
	}
	return s.append(fitting)
}

// end adds what was held back until the action ended.
func (s *summary) end(folded string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut > 0 {
		folded += fmt.Sprintf("\n> The summary was cut: %s more did not fit GitHub's limit of 1 MiB. See the log of the step.\n",
			markdown.Bytes(int64(s.cut)))
	}
	return s.append(fit(folded, summaryReserve/2))
}

// markdown returns all that was written.
func (s *summary) markdown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *summary) append(md string) error {
	if md == "" {
		return nil
	}
	s.written += len(md) + 1
	s.text.WriteString(md + "\n")
	return s.write(md)
}

// fit returns the longest run of whole lines of md within room bytes.
func fit(md string, room int) string {
	if len(md) <= room {
		return md
	}
	if room <= 0 {
		return ""
	}
	for room > 0 && !utf8.RuneStart(md[room]) {
		room--
	}
	return md[:strings.LastIndexByte(md[:room], '\n')+1]
}

// closeFences ends a code block and a folded part that a cut left open, so
// that what follows is shown.
func closeFences(md string) string {
	open := ""
	for line := range strings.Lines(md) {
		line = strings.TrimSpace(line)
		fence := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case len(fence) < 3:
		case open == "":
			open = fence
		case len(fence) >= len(open) && line == fence:
			open = ""
		}
	}
	if open != "" {
		md += "\n" + open + "\n"
	}
	for range strings.Count(md, "<details>") - strings.Count(md, "</details>") {
		md += "\n</details>\n"
	}
	return md
}
