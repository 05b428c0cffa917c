// Package diag holds findings: what is wrong, where, and what to do next.
//
// A finding is data. Whoever shows it (an annotation, a terminal, a summary)
// decides how it looks.
package diag

import (
	"errors"
	"fmt"
	"strings"
)

// Severity ranks a finding.
type Severity int

// The severities, in the order of GitHub's annotation levels.
const (
	Error Severity = iota
	Warning
	Notice
)

// String returns the name of GitHub's workflow command for s.
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Notice:
		return "notice"
	default:
		return fmt.Sprintf("severity(%d)", int(s))
	}
}

// Diagnostic is one finding. It is an error, so that one problem found deep
// in a domain reaches the user with its place and its remedy.
type Diagnostic struct {
	Severity Severity
	// Summary is one plain sentence: the operation, the object, what is wrong.
	Summary string
	// Detail adds what was seen, such as the last lines of a log. It may have
	// several lines.
	Detail string
	// Try says what to do next, without the words "Try:".
	Try string
	// File, Line and Column point into a file of the user's repository. Lines
	// and columns count from 1; 0 means unknown.
	File   string
	Line   int
	Column int
	// Err is the cause, for errors.Is and errors.As. It may be nil.
	Err error
}

// Error implements error: the place, the summary, the detail and the remedy.
func (d *Diagnostic) Error() string {
	var b strings.Builder
	if d.File != "" {
		b.WriteString(d.Place() + ": ")
	}
	b.WriteString(d.Summary)
	if d.Detail != "" {
		b.WriteString("\n" + d.Detail)
	}
	if d.Try != "" {
		b.WriteString("\nTry: " + d.Try)
	}
	return b.String()
}

// Unwrap returns the cause.
func (d *Diagnostic) Unwrap() error { return d.Err }

// Place returns file:line:column, without the parts that are unknown.
func (d *Diagnostic) Place() string {
	place := d.File
	if d.Line > 0 {
		place += fmt.Sprintf(":%d", d.Line)
		if d.Column > 0 {
			place += fmt.Sprintf(":%d", d.Column)
		}
	}
	return place
}

// List is all findings of one look. Its zero value is ready to use.
type List []*Diagnostic

// Add appends findings.
func (l *List) Add(d ...*Diagnostic) { *l = append(*l, d...) }

// Errorf appends an error with a remedy.
func (l *List) Errorf(try, format string, args ...any) {
	l.Add(&Diagnostic{Severity: Error, Summary: fmt.Sprintf(format, args...), Try: try})
}

// Warnf appends a warning with a remedy.
func (l *List) Warnf(try, format string, args ...any) {
	l.Add(&Diagnostic{Severity: Warning, Summary: fmt.Sprintf(format, args...), Try: try})
}

// HasErrors tells whether any finding is an error.
func (l List) HasErrors() bool {
	for _, d := range l {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// Err returns the list as an error if it holds an error, else nil.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return l
}

// Error implements error: one finding after the other.
func (l List) Error() string {
	texts := make([]string, len(l))
	for i, d := range l {
		texts[i] = d.Error()
	}
	return strings.Join(texts, "\n")
}

// Unwrap lets errors.Is and errors.As look into every finding.
func (l List) Unwrap() []error {
	errs := make([]error, len(l))
	for i, d := range l {
		errs[i] = d
	}
	return errs
}

// From returns the findings that err carries; nil gives nil. Errors that were
// joined give theirs one after the other, an error without any becomes one
// finding of severity Error, and text wrapped around one finding leads its
// summary.
func From(err error) List {
	if err == nil {
		return nil
	}
	if parts := joined(err); parts != nil {
		var all List
		for _, part := range parts {
			all.Add(From(part)...)
		}
		return all
	}
	var list List
	if errors.As(err, &list) {
		return list
	}
	var d *Diagnostic
	if !errors.As(err, &d) {
		return List{{Severity: Error, Summary: err.Error(), Err: err}}
	}
	around, ok := strings.CutSuffix(err.Error(), d.Error())
	if !ok || around == "" {
		return List{d}
	}
	outer := *d
	outer.Summary, outer.Err = around+d.Summary, err
	return List{&outer}
}

// joined returns the parts of an error that is no more than they are, as
// errors.Join makes it; one with words of its own is not.
func joined(err error) []error {
	several, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // its own parts, not those of what it wraps
	if !ok {
		return nil
	}
	parts := several.Unwrap()
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.Error()
	}
	if err.Error() != strings.Join(texts, "\n") {
		return nil
	}
	return parts
}
