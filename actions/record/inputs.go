package record

import (
	"fmt"
	"time"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/history"
	"github.com/org/shipkit/pkg/namespace"
)

// inputs are those of action.yml.
type inputs struct {
	Mode            string   `input:"mode" oneof:"record,check"`
	Environment     string   `input:"environment"`
	Config          string   `input:"config"`
	Namespace       string   `input:"namespace"`
	Stages          string   `input:"stages"`
	Order           []string `input:"order" sep:","`
	Release         string   `input:"release"`
	Commit          string   `input:"commit"`
	CommitTime      string   `input:"commit-time"`
	Image           string   `input:"image"`
	Restored        bool     `input:"restored"`
	Database        string   `input:"database"`
	Keep            int      `input:"keep" min:"1" max:"1000"`
	AllowOlder      bool     `input:"allow-older"`
	ResultFile      string   `input:"result-file"`
	Region          string   `input:"aws-region"`
	ExpectedAccount string   `input:"expected-account-id"`
	DryRun          bool     `input:"dry-run"`
}

// record makes the record that the inputs and the run describe.
func (in inputs) record(gh action.GitHub, now time.Time) (history.Record, namespace.Namespace, error) {
	var bad diag.List
	n, err := namespace.Parse(in.Namespace)
	if err != nil {
		bad.Errorf("give environment, or namespace such as xy-0146-staging", "input namespace: %v", err)
	}
	stages, err := history.ParseStages(in.Stages, in.Order)
	if err != nil {
		bad.Errorf("write stages: ${{ toJSON(needs) }}", "input stages: %v", err)
	}
	at, err := commitTime(in.CommitTime, gh)
	if err != nil {
		bad.Errorf("take it from: git log -1 --format=%cI", "input commit-time: %v", err)
	}
	database := namespace.Timestamp("")
	if in.Database != "" {
		if database, err = namespace.ParseTimestamp(in.Database); err != nil {
			bad.Errorf("take it from the output timestamp of promote-snapshot", "input database: %v", err)
		}
	}
	r := history.Record{
		ID: namespace.TimestampOf(now), Environment: n.Environment, Version: in.Release, Commit: in.Commit, CommitTime: at,
		Image: in.Image, Database: database, By: gh.Actor, RunURL: gh.RunURL, Stages: stages,
	}
	if r.Commit == "" {
		r.Commit = gh.SHA
	}
	if r.Version == "" {
		r.Version = fmt.Sprintf("%.12s", r.Commit)
	}
	if in.Restored { // what the run checked out does not serve
		r.Commit, r.CommitTime = in.Commit, time.Time{}
	}
	r.Status, r.Reason = history.Judge(stages)
	for _, stage := range stages {
		r.Seconds += stage.Seconds
	}
	return r, n, bad.Err()
}

// commitTime reads when the commit was made; the zero time if nobody says it.
func commitTime(given string, gh action.GitHub) (time.Time, error) {
	if given == "" {
		head, _ := gh.Event["head_commit"].(map[string]any)
		given, _ = head["timestamp"].(string)
	}
	if given == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, given)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time such as 2026-01-02T15:04:05+01:00", given)
	}
	return at.UTC(), nil
}
