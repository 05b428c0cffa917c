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
	var parts []string
	for _, part := range []struct {
		count int
		word  string
	}{{r.Failed, "failed"}, {r.Skipped, "skipped"}, {r.Warned, "warned"}} {
		if part.count > 0 {
			parts = append(parts, fmt.Sprintf("%d of %d checks %s", part.count, len(r.Checks), part.word))
		}
	}
	if len(parts) == 0 {
		parts = []string{fmt.Sprintf("%d of %d checks passed", r.Passed, len(r.Checks))}
	}
	text := "smoke test: " + strings.Join(parts, ", ")
	if r.Version != "" {
		text += ", version " + markdown.Digest(r.Version)
	}
	return text + " in " + markdown.Duration(r.Duration)
}

// summaryView is the job summary: the verdict, the table, what was measured.
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
	b.WriteString(compareView(r.Checks))
	b.WriteString(loadView(r.Checks))
	b.WriteString(chart(r.Checks))
	return b.String()
}

func row(c *smoke.CheckResult) []string {
	var facts []string
	for _, f := range c.Findings {
		facts = append(facts, fmt.Sprintf("%s: expected %s; seen %s",
			f.Severity, markdown.Escape(f.Expected), markdown.Escape(f.Seen)))
	}
	if c.Version != nil && c.Version.Holds {
		facts = append(facts, markdown.Escape(c.Version.Text()))
	}
	if c.Excerpt != "" {
		facts = append(facts, "body: "+markdown.Code(c.Excerpt))
	}
	return []string{
		markdown.Escape(c.Name) + "\n" + markdown.Code(c.Target), marks[c.Verdict] + " " + string(c.Verdict),
		fmt.Sprint(c.Attempts), markdown.Duration(c.Duration), strings.Join(facts, "\n"),
	}
}

// compareView shows both sides of each comparison.
func compareView(checks []*smoke.CheckResult) string {
	var rows [][]string
	for _, c := range checks {
		if c.Compare == nil || c.Compare.Pairs == 0 {
			continue
		}
		m := c.Compare
		for _, side := range []struct {
			name string
			smoke.Side
		}{{"stable", m.Stable}, {"canary", m.Canary}} {
			rows = append(rows, []string{
				markdown.Escape(c.Name), side.name, fmt.Sprintf("%d of %d", side.Errors, m.Pairs), short(side.P50), short(side.P95),
			})
		}
		rows = append(rows, []string{
			"", fmt.Sprintf("canary against stable, %g%% sure", 100*m.Confidence),
			fmt.Sprintf("%+.1f%% (%+.1f%% to %+.1f%%)",
				100*m.ErrorDifference.Value, 100*m.ErrorDifference.Low, 100*m.ErrorDifference.High),
			fmt.Sprintf("%.2f times (%.2f to %.2f)", m.LatencyRatio.Value, m.LatencyRatio.Low, m.LatencyRatio.High), "",
		})
	}
	if rows == nil {
		return ""
	}
	return "\n" + markdown.Table([]string{"Comparison", "Side", "Errors", "p50", "p95"}, rows)
}

// loadView shows what the loads measured.
func loadView(checks []*smoke.CheckResult) string {
	var rows [][]string
	for _, c := range checks {
		if c.Load == nil {
			continue
		}
		l := c.Load
		rows = append(rows, []string{
			markdown.Escape(c.Name), fmt.Sprintf("%d in %s", l.Sent, markdown.Duration(l.Duration)),
			fmt.Sprintf("%d (%.1f%%)", l.Errors, 100*l.ErrorRatio()), fmt.Sprint(l.Late),
			short(l.P50), short(l.P95), short(l.P99), short(l.Max),
		})
	}
	if rows == nil {
		return ""
	}
	return "\n" + markdown.Table([]string{"Load", "Sent", "Errors", "Not sent in time", "p50", "p95", "p99", "Max"}, rows)
}

// annotations are the findings, at their lines of the checks file.
func annotations(r *smoke.Result) []*diag.Diagnostic {
	var found []*diag.Diagnostic
	for _, c := range r.Checks {
		for _, f := range c.Findings {
			found = append(found, annotation(c, f))
		}
	}
	return found
}

// reason is why the test failed, in a line; "" if it did not.
func reason(r *smoke.Result) string {
	if r.OK() {
		return ""
	}
	for _, found := range annotations(r) {
		if found.Severity == diag.Error {
			return found.Summary
		}
	}
	return headline(r)
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
