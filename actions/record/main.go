// Package record is the action record: it tells how a deployment went and keeps
// it in the environment's history.
package record

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/history"
)

//go:embed action.yml
var metadata []byte

// Spec keeps what was deployed.
var Spec = action.Define("record", metadata, run)

func run(ctx context.Context, rt *action.Runtime, in inputs) error {
	record, n, err := in.record(rt.GitHub(), time.Now())
	if err != nil {
		return action.BadInput(err)
	}
	if in.DryRun {
		rt.Summary(recordView(record))
		return nil
	}
	cfg, err := awsclient.Load(ctx, awsclient.Options{Region: in.Region, ExpectedAccountID: in.ExpectedAccount})
	if err != nil {
		return err
	}
	past := history.History{Parameters: ssm.NewFromConfig(cfg), Namespace: n}
	if in.Mode == "check" {
		return check(ctx, rt, past, record, in.AllowOlder)
	}
	if in.Restored {
		records, err := past.List(ctx)
		if err != nil {
			return awsclient.Explain(err)
		}
		restore(&record, records)
	}
	kept := past.Add(ctx, &record, in.Keep) // before all else: it may give another ID
	rt.Summary(recordView(record))
	setOutputs(rt, record, n.String())
	if err := tell(rt, in.ResultFile, record); err != nil {
		return err
	}
	return awsclient.Explain(kept)
}

// restore fills in the record that serves again: that of the image, or, where
// only the database went back, the current one.
func restore(record *history.Record, records []history.Record) {
	was := history.OfImage(records, record.Image)
	if record.Image == "" && record.Database != "" {
		was = history.Current(records)
	}
	if was == nil {
		return
	}
	record.Version, record.Commit, record.CommitTime, record.Image = was.Version, was.Commit, was.CommitTime, cmp.Or(record.Image, was.Image)
	record.Database = cmp.Or(record.Database, was.Database)
}

// check refuses to go back in time, as a re-run of an old workflow would.
func check(ctx context.Context, rt *action.Runtime, past history.History, r history.Record, allow bool) error {
	records, err := past.List(ctx)
	if err != nil {
		return awsclient.Explain(err)
	}
	why := history.BackInTime(records, r.Commit, r.CommitTime)
	switch {
	case why == "":
		rt.Infof("%s: nothing newer is deployed", past.Namespace)
		return nil
	case allow:
		rt.Annotate(&diag.Diagnostic{Severity: diag.Warning, Summary: past.Namespace.String() + " goes back in time: " + why})
		return nil
	default:
		rt.SetOutput("reason", "it would go back in time: "+why)
		return &diag.Diagnostic{
			Summary: past.Namespace.String() + " would go back in time: " + why,
			Try:     "the rollback workflow to go back on purpose, or allow-older: true",
		}
	}
}

func setOutputs(rt *action.Runtime, r history.Record, environment string) {
	var sent, saved int64
	for _, stage := range r.Stages {
		sent, saved = sent+stage.BytesSent, saved+stage.BytesSaved
	}
	rt.SetOutput("deployment-id", string(r.ID))
	rt.SetOutput("status", string(r.Status))
	rt.SetOutput("version", r.Version)
	rt.SetOutput("environment", environment)
	rt.SetOutput("reason", r.Reason)
	rt.SetOutput("duration", strconv.Itoa(r.Seconds))
	rt.SetOutput("bytes-sent", strconv.FormatInt(sent, 10))
	rt.SetOutput("bytes-saved", strconv.FormatInt(saved, 10))
}

// tell gives the whole record to later jobs as an output, and to later steps
// and artifacts as a file.
func tell(rt *action.Runtime, path string, r history.Record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	rt.SetOutput("result", string(text))
	if path == "" {
		return nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(rt.GitHub().Workspace, path)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write result-file: %w", err)
	}
	rt.SetOutput("result-path", path)
	return nil
}
