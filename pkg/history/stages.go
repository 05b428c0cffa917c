package history

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxStages bounds the size of what ParseStages reads.
const maxStages = 1 << 20

// job is an entry of GitHub's contexts needs and steps.
type job struct {
	Result, Outcome, Conclusion string
	Outputs                     map[string]string
}

// ParseStages reads GitHub's contexts `needs` or `steps` as JSON
// (https://docs.github.com/en/actions/reference/workflows-and-actions/contexts),
// in the order of the names given; others follow by name. A job whose output
// `stages` is the JSON of its steps counts as those that ran. One whose ID begins
// with an underscore counts only if it failed.
func ParseStages(text string, order []string) ([]Stage, error) {
	if len(text) > maxStages {
		return nil, fmt.Errorf("stages have %d bytes, at most %d are allowed", len(text), maxStages)
	}
	var jobs map[string]job
	if err := json.Unmarshal([]byte(text), &jobs); err != nil {
		return nil, fmt.Errorf("stages are not the JSON of needs or steps: %w", err)
	}
	stages := make([]Stage, 0, len(jobs))
	for name, job := range jobs {
		stages = append(stages, job.stages(name)...)
	}
	slices.SortFunc(stages, func(a, b Stage) int {
		if c := place(order, a.Name) - place(order, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return stages, nil
}

// stageID is that of a step that is a stage. An underscore in front marks one
// that nobody asks for unless it fails, a digit one that act numbered.
var stageID = regexp.MustCompile(`^_?[A-Za-z]`)

// stages are a job's steps, if it tells them, else the job itself. A job that
// ended badly although no step did is a stage too: its runner was lost, or a
// step without an ID failed.
func (j job) stages(name string) []Stage {
	var steps map[string]job
	if json.Unmarshal([]byte(j.Outputs["stages"]), &steps) != nil {
		return []Stage{j.stage(name)}
	}
	own := j.stage(name)
	told := own.Result == "success" || own.Result == "skipped"
	var stages []Stage
	for id, step := range steps {
		name, quiet := strings.CutPrefix(id, "_")
		stage := step.stage(name)
		if !stageID.MatchString(id) || stage.Result == "skipped" || quiet && stage.Result != "failure" {
			continue
		}
		told = told || stage.Result == own.Result
		stages = append(stages, stage)
	}
	if !told {
		stages = slices.DeleteFunc(stages, func(s Stage) bool { return s.Name == name })
		stages = append(stages, own)
	}
	return stages
}

func (j job) stage(name string) Stage {
	return Stage{
		Name: name, Result: first(j.Result, j.Outcome, j.Conclusion), Seconds: seconds(j.Outputs["duration"]),
		BytesSent: number(j.Outputs["bytes-sent"]), BytesSaved: number(j.Outputs["bytes-saved"]),
		Reason: cut(first(j.Outputs["failure-reason"], j.Outputs["reason"]), 300), RolledBack: j.Outputs["rolled-back"] == "true",
	}
}

func place(order []string, name string) int {
	if i := slices.Index(order, name); i >= 0 {
		return i
	}
	return len(order)
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// seconds reads an output that is a number of seconds or a duration as 1m20s.
func seconds(s string) int {
	if f, err := strconv.ParseFloat(s, 64); err == nil && f >= 0 && f < 1e9 {
		return int(f + 0.5)
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return int(d.Seconds() + 0.5)
	}
	return 0
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// Judge says how a deployment ended from its stages: cancelled if one was,
// rolled back if a stage of that name succeeded after a failure or a failed one
// did it itself, failed if one failed, else succeeded. The reason is that of the first failed stage.
func Judge(stages []Stage) (Status, string) {
	status, reason := Succeeded, ""
	for _, stage := range stages {
		switch {
		case stage.Result == "failure" && status != Failed:
			status, reason = Failed, fmt.Sprintf("%s failed", stage.Name)
			if stage.Reason != "" {
				reason += ": " + stage.Reason
			}
		case stage.Result == "cancelled" && status == Succeeded:
			status, reason = Cancelled, stage.Name+" was cancelled"
		}
	}
	if status == Failed && slices.ContainsFunc(stages, func(s Stage) bool {
		return s.RolledBack || s.Name == "rollback" && s.Result == "success"
	}) {
		status = RolledBack
	}
	return status, reason
}
