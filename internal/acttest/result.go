package acttest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Result is what a run showed.
type Result struct {
	// ExitCode is act's: 0 if all jobs succeeded.
	ExitCode int
	// TimedOut tells that the run was ended for taking too long.
	TimedOut bool
	// Outputs holds those of the steps, by step ID and name.
	Outputs map[string]map[string]string
	// Steps and Jobs hold success, failure or skipped, by ID.
	Steps, Jobs map[string]string
	// Summary is the Markdown of all job summaries, in their order.
	Summary     string
	Annotations []Annotation
	// Masks are the values that were masked.
	Masks []string
	// Log holds the lines that steps wrote, as GitHub shows them.
	Log string
	// Stderr is what act itself complained about.
	Stderr string
}

// Annotation is an error, a warning or a notice that a step showed.
type Annotation struct {
	Level   string // error, warning or notice
	Message string
	File    string
	Line    int
	Step    string // ID
}

// record is one line of act's --json.
type record struct {
	Command    string            `json:"command"`
	Arg        string            `json:"arg"`
	Name       string            `json:"name"`
	Content    string            `json:"content"`
	Properties map[string]string `json:"kvPairs"`
	Message    string            `json:"msg"`
	Raw        bool              `json:"raw_output"`
	StepID     []string          `json:"stepID"`
	StepName   string            `json:"step"`
	StepResult string            `json:"stepResult"`
	Stage      string            `json:"stage"`
	JobID      string            `json:"jobID"`
	JobResult  string            `json:"jobResult"`
}

func parse(lines []byte) Result {
	r := Result{Outputs: map[string]map[string]string{}, Steps: map[string]string{}, Jobs: map[string]string{}}
	var log, summary strings.Builder
	for line := range bytes.Lines(lines) {
		var rec record
		if json.Unmarshal(line, &rec) != nil {
			log.Write(line)
			continue
		}
		step := strings.Join(rec.StepID, ".")
		switch {
		case rec.Command == "set-output":
			if r.Outputs[step] == nil {
				r.Outputs[step] = map[string]string{}
			}
			r.Outputs[step][rec.Name] = rec.Arg
		case rec.Command == "summary":
			summary.WriteString(rec.Content)
		case rec.Command == "add-mask":
			r.Masks = append(r.Masks, rec.Arg)
		case rec.Command == "error" || rec.Command == "warning" || rec.Command == "notice":
			number, _ := strconv.Atoi(rec.Properties["line"])
			r.Annotations = append(r.Annotations, Annotation{rec.Command, unescape(rec.Arg), rec.Properties["file"], number, step})
		case rec.Raw:
			log.WriteString(rec.Message)
		}
		if rec.StepResult != "" && rec.Stage == "Main" {
			r.Steps[step] = rec.StepResult
		}
		if rec.JobResult != "" {
			r.Jobs[rec.JobID] = rec.JobResult
		}
	}
	r.Log, r.Summary = log.String(), summary.String()
	return r
}

// watcher reads records while act writes them.
type watcher struct {
	tell func(step, result string)
	rest []byte
}

// Write takes a piece of act's output; it never fails.
func (w *watcher) Write(piece []byte) (int, error) {
	if w.tell == nil {
		return len(piece), nil
	}
	w.rest = append(w.rest, piece...)
	for {
		line, rest, whole := bytes.Cut(w.rest, []byte("\n"))
		if !whole {
			return len(piece), nil
		}
		w.rest = rest
		var rec record
		if json.Unmarshal(line, &rec) == nil && rec.StepResult != "" && rec.Stage == "Main" {
			w.tell(rec.StepName, rec.StepResult)
		}
	}
}

// unescape undoes the escapes of a workflow command, which act leaves.
func unescape(s string) string {
	return strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(s)
}
