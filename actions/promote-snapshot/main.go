// Package promotesnapshot is the action promote-snapshot: it promotes a
// database through environments like an artifact.
package promotesnapshot

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/markdown"
	"github.com/org/shipkit/pkg/saga"
	"github.com/org/shipkit/pkg/snapshot"
	"github.com/org/shipkit/pkg/snapshot/database"
)

//go:embed action.yml
var metadata []byte

// Spec promotes a database to the next environment.
var Spec = action.Define("promote-snapshot", metadata, run)

func run(ctx context.Context, rt *action.Runtime, in inputs) error {
	job, err := newJob(ctx, rt, in, connect)
	if err != nil {
		return awsclient.Explain(err)
	}
	return job.perform(ctx, rt, in)
}

// perform does what the mode says.
func (j *job) perform(ctx context.Context, rt *action.Runtime, in inputs) (err error) {
	defer func() {
		if err != nil {
			reason, _, _ := strings.Cut(err.Error(), "\n")
			rt.SetOutput("failure-reason", reason)
		}
	}()
	switch in.Mode {
	case "status":
		return j.status(ctx, rt, in)
	case "orphans":
		return j.orphans(ctx, rt, in)
	case "plan", "run":
		if err := j.plan(ctx, rt, in); err != nil || in.DryRun || in.Mode == "plan" {
			return err
		}
	default:
		if in.DryRun {
			rt.Infof("%s: dry-run, mode %s changes nothing", in.Namespace, in.Mode)
			return j.status(ctx, rt, in)
		}
	}
	result, err := j.do(ctx, in)
	return j.conclude(rt, in, result, err)
}

// plan looks, shows and refuses what cannot work.
func (j *job) plan(ctx context.Context, rt *action.Runtime, in inputs) error {
	plan, err := j.promoter.Plan(ctx, j.request, j.gates)
	if err == nil && (in.DryRun || in.Mode == "plan") {
		err = j.promoter.Compare(ctx, plan)
	}
	if err != nil {
		return awsclient.Explain(err)
	}
	j.replaced, j.replacedSince = plan.Current, plan.Active
	rt.Summary(planView(in, plan))
	rt.SetOutput("phase", "planned")
	rt.SetOutput("changed", "false")
	rt.SetOutput("previous-timestamp", string(plan.Active))
	rt.SetOutput("estimated-cost", fmt.Sprintf("%.2f", plan.Cost.Total()))
	if err := plan.Findings.Err(); err != nil && plan.Resumes == nil {
		return err
	}
	rt.Annotate(plan.Findings...)
	j.request.Planned = plan
	return nil
}

func (j *job) do(ctx context.Context, in inputs) (snapshot.Result, error) {
	switch in.Mode {
	case "resume":
		return j.promoter.Resume(ctx, j.request)
	case "abort":
		return j.promoter.Abort(ctx, j.request)
	case "undo":
		return j.promoter.Undo(ctx, j.request)
	case "retire":
		return j.promoter.Retire(ctx, j.request)
	default:
		return j.promoter.Run(ctx, j.request)
	}
}

// conclude shows how it ended, also after a failure.
func (j *job) conclude(rt *action.Runtime, in inputs, r snapshot.Result, err error) error {
	if errors.Is(err, saga.ErrNothing) {
		rt.Infof("%s: %v", in.Namespace, err)
		rt.SetOutput("changed", "false")
		return nil
	}
	if r.Operation.Kind == "" && err == nil {
		rt.Summary(fmt.Sprintf("### ✅ %s: there is nothing to %s\n", markdown.Escape(in.Namespace), in.Mode))
		rt.SetOutput("changed", "false")
		return nil
	}
	detached := errors.Is(err, saga.ErrDetached)
	if detached {
		err = nil
	}
	if r.Operation.Status == saga.Undone {
		r.SnapshotARN, r.StackID = "", "" // they are gone
	}
	rt.Summary(resultView(in, r, j.previous(r), err))
	op := r.Operation
	rt.SetOutput("operation-id", op.Kind+"-"+string(op.Timestamp))
	rt.SetOutput("timestamp", string(r.Active))
	rt.SetOutput("previous-timestamp", string(r.Previous))
	rt.SetOutput("snapshot-arn", r.SnapshotARN)
	rt.SetOutput("stack-id", r.StackID)
	rt.SetOutput("phase", string(op.Status))
	rt.SetOutput("changed", strconv.FormatBool(op.Kind != ""))
	if r.Database != nil {
		rt.SetOutput("endpoint", r.Database.Endpoint)
	}
	return awsclient.Explain(err)
}

// previous is the database of the previous version, if the plan saw it.
func (j *job) previous(r snapshot.Result) *database.Database {
	if r.Previous == "" || r.Previous != j.replacedSince {
		return nil
	}
	return j.replaced
}

func (j *job) status(ctx context.Context, rt *action.Runtime, in inputs) error {
	status, err := j.promoter.Status(ctx)
	if err != nil {
		return awsclient.Explain(err)
	}
	rt.Summary(statusView(in.Namespace, status))
	rt.SetOutput("timestamp", string(status.Active))
	rt.SetOutput("changed", "false")
	if status.Operation != nil {
		rt.SetOutput("phase", string(status.Operation.Status))
	}
	return status.Findings.Err() //nolint:wrapcheck // they name the parameters
}

func (j *job) orphans(ctx context.Context, rt *action.Runtime, in inputs) error {
	orphans, err := j.promoter.Orphans(ctx)
	if err != nil {
		return awsclient.Explain(err)
	}
	rt.Summary(orphansView(in.Namespace, orphans))
	rt.SetOutput("orphans", joinOrphans(orphans))
	remove := in.RemoveOrphans && !in.DryRun && len(orphans) > 0
	rt.SetOutput("changed", strconv.FormatBool(remove))
	if !remove {
		return nil
	}
	_, err = j.promoter.RemoveOrphans(ctx, j.request, orphans)
	return awsclient.Explain(err)
}
