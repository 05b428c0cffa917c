package smoketest

import (
	"fmt"
	"strings"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/markdown"
	"github.com/org/shipkit/pkg/smoke"
)

var marks = map[smoke.Verdict]string{
	smoke.Passed: "✅", smoke.Warned: "⚠️", smoke.Failed: "❌", smoke.Skipped: "⏭️",
}

// headline is the verdict in one line.
func headline(r *smoke.Result) string {
	total := len(r.Checks)
	var parts []string
	for _, part := range []struct {
		count int
		word  string
	}{{r.Failed, "failed"}, {r.Skipped, "skipped"}, {r.Warned, "warned"}} {
		if part.count > 0 {
			parts = append(parts, fmt.Sprintf("%d of %d checks %s", part.count, total, part.word))
		}
	}
	if len(parts) == 0 {
		parts = []string{fmt.Sprintf("%d of %d checks passed", r.Passed, total)}
	}
	text := "smoke test: " + strings.Join(parts, ", ")
	if r.Version != "" {
		text += ", version " + markdown.Digest(r.Version)
	}
	return text + " in " + markdown.Duration(r.Duration)
}

// summaryView is the job summary: the verdict, the table, the latencies.
func summaryView(r *smoke.Result) string {
	var b strings.Builder
	mark := marks[smoke.Passed]
	if !r.OK() {
		mark = marks[smoke.Failed]
	}
	fmt.Fprintf(&b, "### %s %s\n\n", mark, markdown.Escape(headline(r)))
	var rows [][]string
	for _, c := range r.Checks {
		rows = append(rows, row(c))
	}
	b.WriteString(markdown.Table([]string{"Check", "Verdict", "Attempts", "Time", "Expected and seen"}, rows))
	return b.String()
}

func row(c *smoke.CheckResult) []string {
	name := markdown.Escape(c.Name) + "\n" + markdown.Code(c.Target)
	var facts []string
	for _, f := range c.Findings {
		facts = append(facts, "expected "+markdown.Escape(f.Expected)+"; seen "+markdown.Escape(f.Seen))
	}
	if c.Version != nil && c.Version.Holds {
		facts = append(facts, markdown.Escape(c.Version.Text()))
	}
	if c.Excerpt != "" {
		facts = append(facts, markdown.Code(c.Excerpt))
	}
	return []string{
		name, marks[c.Verdict] + " " + string(c.Verdict), fmt.Sprint(c.Attempts),
		markdown.Duration(c.Duration), strings.Join(facts, "\n"),
	}
}

// annotations are the findings at their lines of the checks file.
func annotations(r *smoke.Result) []*diag.Diagnostic {
	var found []*diag.Diagnostic
	for _, c := range r.Checks {
		for _, f := range c.Findings {
			found = append(found, annotation(c, f))
		}
	}
	return found
}

func annotation(c *smoke.CheckResult, f smoke.Finding) *diag.Diagnostic {
	severity := map[smoke.Severity]diag.Severity{smoke.Fail: diag.Error, smoke.Warn: diag.Warning, smoke.Note: diag.Notice}
	return &diag.Diagnostic{
		Severity: severity[f.Severity],
		Summary:  fmt.Sprintf("check %s (%s): expected %s, seen %s", c.Name, c.Target, f.Expected, f.Seen),
		Try:      f.Try,
		File:     f.Place.File, Line: f.Place.Line, Column: f.Place.Column,
	}
}
