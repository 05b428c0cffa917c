// Package ephemeralenv is the action ephemeral-env: an environment per pull
// request that always ends.
package ephemeralenv

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/namespace"
)

//go:embed action.yml
var metadata []byte

// Spec makes environments that end.
var Spec = action.Define("ephemeral-env", metadata, run)

func run(ctx context.Context, rt *action.Runtime, in inputs) error {
	job, err := newJob(ctx, rt, in, connect)
	if err != nil {
		return awsclient.Explain(err)
	}
	return awsclient.Explain(job.perform(ctx))
}

// perform does what the command says.
func (j *job) perform(ctx context.Context) error {
	j.rt.SetOutput("changed", "false")
	commands := map[string]func(context.Context) error{
		"up": j.up, "down": j.down, "list": j.list, "extend": j.extend, "pause": j.pause, "wake": j.wake,
		"reap": j.reap, "run": j.test, "off-hours": j.offHours,
	}
	return commands[j.in.Command](ctx)
}

func (j *job) up(ctx context.Context) error {
	pull, wanted, err := j.wanted(ctx)
	if err != nil || !wanted {
		return err
	}
	snapshotID, err := j.snapshotID(ctx)
	if err != nil {
		return err
	}
	commit := j.rt.GitHub().SHA
	if pull.SHA != "" {
		commit = pull.SHA
	}
	request := j.in.request(j.subject, commit, snapshotID, j.origin())
	request.Source = j.template
	j.rt.SetOutput("estimated-cost", fmt.Sprintf("%.2f", request.Estimate()))
	if j.in.dry() {
		j.rt.Summary(planView(j.subject.env.String(), request))
		return nil
	}
	var deployment int64
	j.manager.Begins = func(ctx context.Context) {
		j.announce(ctx, environment.Record{Namespace: j.subject.env.String(), State: environment.Creating, Pull: j.subject.pull})
		deployment = j.deployment(ctx, commit)
	}
	result, err := j.manager.Up(ctx, j.subject.env, request)
	if err == nil && !result.Changed {
		j.stands(ctx, commit, result.Record)
	} else {
		j.settle(ctx, deployment, commit, result.Record, err)
	}
	j.rt.Summary(recordView(j.subject.env.String(), result.Record, request, j.subject.clock, err))
	if err != nil {
		j.comment(ctx, j.subject.pull, failedView(j.subject.env.String(), err, j.rt.GitHub()))
		j.tellFailure(ctx, "Environment "+j.subject.env.String()+" could not be made", err)
		return err
	}
	j.announce(ctx, result.Record)
	if result.Changed {
		// A test that a dead run has left would test something else now.
		if err := j.trials.end(ctx, j.subject.env); err != nil {
			return err
		}
	}
	if result.Changed && j.in.Command == "up" { // a run tells when it knows more
		j.tell(ctx, readyNotice(result.Record, request.Estimate()))
	}
	return j.show(result)
}

// show sets the outputs of one environment.
func (j *job) show(result environment.Result) error {
	r := result.Record
	j.rt.SetOutput("url", r.URL)
	j.rt.SetOutput("environment", j.subject.env.String())
	j.rt.SetOutput("state", string(r.State))
	j.rt.SetOutput("changed", strconv.FormatBool(result.Changed))
	if !r.Expires.IsZero() {
		j.rt.SetOutput("expires-at", r.Expires.UTC().Format(time.RFC3339))
	}
	text, err := json.Marshal(result.Outputs)
	if err != nil {
		return fmt.Errorf("output outputs: %w", err)
	}
	j.rt.SetOutput("outputs", string(text))
	return nil
}

func (j *job) down(ctx context.Context) error {
	if j.in.dry() {
		j.rt.Infof("%s would be ended", j.subject.env)
		return nil
	}
	result, err := j.manager.Down(ctx, j.subject.env)
	if err != nil {
		j.tellFailure(ctx, "Environment "+j.subject.env.String()+" could not be ended", err)
		return err
	}
	if !result.Changed {
		j.rt.Infof("%s is not there", j.subject.env)
	}
	ended := environment.Record{Namespace: j.subject.env.String(), State: environment.Ending, Pull: j.subject.pull, Expires: time.Now()}
	if result.Changed {
		j.announce(ctx, ended)
		j.retire(ctx, j.subject.env)
		if j.in.Command == "down" {
			why := environment.Doomed{Record: result.Record, Why: "ended by " + cmp.Or(j.rt.GitHub().Actor, "hand")}
			j.tell(ctx, endedNotice([]environment.Doomed{why}, time.Now()))
		}
	}
	result.Record = ended
	return j.show(result)
}

func (j *job) list(ctx context.Context) error {
	records, err := j.manager.List(ctx)
	if err != nil {
		return err
	}
	j.rt.Summary(listView(records, time.Now()))
	return nil
}

func (j *job) extend(ctx context.Context) error {
	return j.change(ctx, func() (environment.Result, error) { return j.manager.Extend(ctx, j.subject.env, j.in.TTL) })
}

func (j *job) pause(ctx context.Context) error {
	return j.change(ctx, func() (environment.Result, error) { return j.manager.Pause(ctx, j.subject.env) })
}

func (j *job) wake(ctx context.Context) error {
	return j.change(ctx, func() (environment.Result, error) { return j.manager.Wake(ctx, j.subject.env) })
}

func (j *job) change(ctx context.Context, change func() (environment.Result, error)) error {
	if j.in.dry() {
		j.rt.Infof("%s: %s would be done", j.subject.env, j.in.Command)
		return nil
	}
	result, err := change()
	if err != nil {
		return err
	}
	j.rt.Summary(listView([]environment.Record{result.Record}, time.Now()))
	j.announce(ctx, result.Record)
	return j.show(result)
}

func (j *job) reap(ctx context.Context) error {
	open, err := j.openPulls(ctx)
	if err != nil {
		return err
	}
	records, err := j.manager.List(ctx)
	if err != nil {
		return err
	}
	j.leaveOthers(records)
	doomed := j.manager.Overdue(records, open)
	ended := doomed
	if !j.in.dry() {
		ended, err = j.manager.Reap(ctx, doomed)
		j.bury(ctx, ended)
		j.tellFailure(ctx, "Environments could not be ended", err)
		err = errors.Join(err, j.keepHours(ctx, records, doomed), j.tellEnds(ctx, records))
	}
	var names []string
	for _, d := range ended {
		names = append(names, d.Record.Namespace)
	}
	j.rt.SetOutput("reaped", strings.Join(names, "\n"))
	j.rt.SetOutput("changed", strconv.FormatBool(len(ended) > 0 && !j.in.dry()))
	j.rt.Summary(reapView(doomed, ended, j.in.dry()))
	return err
}

// bury tells everybody of environments that a reap has ended.
func (j *job) bury(ctx context.Context, ended []environment.Doomed) {
	for _, d := range ended {
		if n, err := namespace.Parse(d.Record.Namespace); err == nil {
			j.announce(ctx, d.Record)
			j.retire(ctx, n)
		}
	}
	if len(ended) > 0 {
		j.tell(ctx, endedNotice(ended, time.Now()))
	}
}
