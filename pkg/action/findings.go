package action

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/markdown"
)

// maxAnnotations is the runner's limit a step and severity; it drops the rest
// without a word.
const maxAnnotations = 10

// findings shows diagnostics and keeps those that do not fit for the summary.
type findings struct {
	log *logger

	mu    sync.Mutex
	all   diag.List
	shown map[diag.Severity]int
	rest  diag.List
}

func (f *findings) add(d *diag.Diagnostic) {
	if d == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shown == nil {
		f.shown = map[diag.Severity]int{}
	}
	f.all.Add(d)
	f.shown[d.Severity]++
	if f.log.commands && f.shown[d.Severity] <= maxAnnotations {
		f.log.annotate(d)
		return
	}
	if f.log.commands {
		f.rest.Add(d)
	}
	f.log.line(plainFinding(d))
}

// list returns all findings, in their order.
func (f *findings) list() diag.List {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.all)
}

// folded returns the findings that were not annotated, as Markdown.
func (f *findings) folded() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.rest) == 0 {
		return ""
	}
	rows := make([][]string, len(f.rest))
	for i, d := range f.rest {
		rows[i] = []string{d.Severity.String(), markdown.Code(d.Place()), markdown.Escape(d.Summary), markdown.Escape(d.Try)}
	}
	title := strconv.Itoa(len(f.rest)) + " more findings"
	return f.log.redact(markdown.Details(title, markdown.Table([]string{"", "Place", "Finding", "Try"}, rows)))
}

// plainFinding renders a finding for a person: the place and the summary, then
// its detail and remedy indented.
func plainFinding(d *diag.Diagnostic) string {
	text := d.Severity.String() + ": " + d.Error()
	return strings.ReplaceAll(text, "\n", "\n  ")
}
