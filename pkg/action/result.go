package action

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/markdown"
)

// result is how a step ended.
type result struct {
	rt   *Runtime
	err  error
	code int
}

// show prints the result where a person or, with --json, a program reads it,
// and returns the exit code. On GitHub it was all written already.
func (r result) show(asJSON bool) int {
	var err error
	switch {
	case asJSON:
		err = r.writeJSON(r.rt.host.Stdout)
	case !r.rt.OnGitHub():
		err = r.writeText(r.rt.host.Stdout)
	}
	if err != nil && r.code == ExitOK {
		showAll(r.rt.log, diag.From(fmt.Errorf("print the result: %w", err)))
		return ExitFailed
	}
	return r.code
}

// jsonResult is the answer of --json.
type jsonResult struct {
	Action   string            `json:"action"`
	OK       bool              `json:"ok"`
	ExitCode int               `json:"exitCode"`
	Outputs  map[string]string `json:"outputs"`
	Findings []jsonFinding     `json:"findings"`
	Summary  string            `json:"summary,omitempty"`
}

type jsonFinding struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	Try      string `json:"try,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
}

func (r result) writeJSON(w io.Writer) error {
	rt := r.rt
	answer := jsonResult{
		Action: rt.name, OK: r.code == ExitOK, ExitCode: r.code,
		Outputs: rt.lastOutputs(), Findings: []jsonFinding{}, Summary: rt.summary.markdown(),
	}
	for _, d := range rt.findings.list() {
		answer.Findings = append(answer.Findings, jsonFinding{
			d.Severity.String(), rt.log.redact(d.Summary), rt.log.redact(d.Detail), rt.log.redact(d.Try), d.File, d.Line, d.Column,
		})
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// writeText prints the summary and the outputs.
func (r result) writeText(w io.Writer) error {
	text := markdown.Plain(r.rt.summary.markdown())
	last := r.rt.lastOutputs()
	for _, output := range r.rt.meta.Outputs {
		if value, ok := last[output.Name]; ok {
			text += output.Name + ": " + value + "\n"
		}
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	return nil
}
