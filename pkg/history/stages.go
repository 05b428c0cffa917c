package history

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxStages bounds the size of what ParseStages reads.
const maxStages = 1 << 20

// ParseStages reads GitHub's contexts `needs` or `steps` as JSON
// (https://docs.github.com/en/actions/reference/workflows-and-actions/contexts),
// in the order of the names given; others follow by name.
func ParseStages(text string, order []string) ([]Stage, error) {
	if len(text) > maxStages {
		return nil, fmt.Errorf("stages have %d bytes, at most %d are allowed", len(text), maxStages)
	}
	var jobs map[string]struct {
		Result, Outcome, Conclusion string
		Outputs                     map[string]string
	}
	if err := json.Unmarshal([]byte(text), &jobs); err != nil {
		return nil, fmt.Errorf("stages are not the JSON of needs or steps: %w", err)
	}
	stages := make([]Stage, 0, len(jobs))
	for name, job := range jobs {
		stage := Stage{Name: name, Result: first(job.Result, job.Outcome, job.Conclusion)}
		stage.Seconds = seconds(job.Outputs["duration"])
		stage.BytesSent = number(job.Outputs["bytes-sent"])
		stage.BytesSaved = number(job.Outputs["bytes-saved"])
		stage.Reason = cut(job.Outputs["failure-reason"], 300)
		stages = append(stages, stage)
	}
	slices.SortFunc(stages, func(a, b Stage) int {
		if c := place(order, a.Name) - place(order, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return stages, nil
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
// rolled back if a stage of that name succeeded after a failure, failed if one
// failed, else succeeded. The reason is that of the first failed stage.
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
	if status == Failed && slices.ContainsFunc(stages, func(s Stage) bool { return s.Name == "rollback" && s.Result == "success" }) {
		status = RolledBack
	}
	return status, reason
}
