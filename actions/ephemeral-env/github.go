package ephemeralenv

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/github"
	"github.com/org/shipkit/pkg/namespace"
)

func (j *job) origin() namespace.Origin {
	return namespace.Origin{Operation: "ephemeral-env", Repository: j.rt.GitHub().Repository, RunURL: j.rt.GitHub().RunURL}
}

// wanted looks whether the pull request may have an environment, and wants one.
func (j *job) wanted(ctx context.Context) (github.Pull, bool, error) {
	number := cmp.Or(j.subject.pull, j.subject.head.pull)
	if j.github == nil || number == 0 {
		return github.Pull{}, true, j.unasked(number)
	}
	pull, found, err := j.github.Pull(ctx, number)
	if sha := j.subject.head.sha; sha != "" {
		// What this run holds, which is not what has been pushed since.
		pull.SHA, pull.Fork = sha, pull.Fork || j.subject.head.fork
	}
	if err == nil && found {
		err = j.github.Trusted(ctx, pull)
	}
	switch {
	case err != nil:
		return pull, false, err //nolint:wrapcheck // it names the pull request
	case found && j.subject.pull == 0:
		return github.Pull{}, true, nil // it has a name of its own
	case !found || !pull.Open:
		return pull, false, &diag.Diagnostic{
			Summary: fmt.Sprintf("pull request %d is not open: it gets no environment", number),
			Try:     "command: down",
		}
	case j.in.Label != "" && !slices.Contains(pull.Labels, j.in.Label):
		j.rt.Infof("pull request %d does not bear the label %q: it gets no environment", pull.Number, j.in.Label)
		return pull, false, nil
	default:
		return pull, true, nil
	}
}

// unasked refuses what GitHub would have to be asked about.
func (j *job) unasked(number int) error {
	switch {
	case j.subject.head.fork:
		return &diag.Diagnostic{
			Summary: "the run's code comes from a fork, and no maintainer's consent can be looked up",
			Try:     "give pr and github-token",
		}
	case number > 0 && j.subject.head.sha == "" && j.rt.OnGitHub():
		return &diag.Diagnostic{
			Summary: fmt.Sprintf("input github-token: nothing given, so pull request %d may be a fork's", number),
			Try:     "leave github-token to its default",
		}
	default:
		return nil
	}
}

// openPulls returns the open pull requests; nil without a token, so that only
// what has expired is reaped.
func (j *job) openPulls(ctx context.Context) (map[int]bool, error) {
	if j.github == nil {
		return nil, nil //nolint:nilnil // Overdue knows what nil means
	}
	pulls, err := j.github.Open(ctx)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it lists
	}
	open := map[int]bool{}
	for number, pull := range pulls {
		open[number] = j.in.Label == "" || slices.Contains(pull.Labels, j.in.Label)
	}
	return open, nil
}

// tolerate warns of what GitHub refuses: the environment matters more than
// what is said of it.
func (j *job) tolerate(err error) {
	for _, d := range diag.From(err) {
		d.Severity = diag.Warning
		j.rt.Annotate(d)
	}
}

// announce keeps the comment on the pull request.
func (j *job) announce(ctx context.Context, record environment.Record) {
	j.comment(ctx, record.Pull, commentView(record, j.subject.clock, j.rt.GitHub(), j.in.Workflow, time.Now()))
}

func (j *job) comment(ctx context.Context, pull int, body string) {
	if j.github == nil || pull == 0 || !j.in.Comment {
		return
	}
	_, err := j.github.Stick(context.WithoutCancel(ctx), pull, github.Comment{
		Key: "ephemeral-env", Run: j.rt.GitHub().RunID, Body: body, Same: func(known string) bool { return saysSame(known, body) },
	})
	j.tolerate(err)
}

// deployment opens GitHub's deployment; 0 if there is none.
func (j *job) deployment(ctx context.Context, commit string) int64 {
	if j.github == nil || commit == "" {
		return 0
	}
	id, err := j.github.Deploy(ctx, github.Deployment{Environment: j.subject.env.Environment, Ref: commit, Transient: true})
	if err != nil {
		j.tolerate(err)
		return 0
	}
	j.rt.SetOutput("deployment-id", fmt.Sprint(id))
	j.tolerate(j.github.Mark(ctx, id, github.InProgress, "", j.rt.GitHub().RunURL, "the environment is being made"))
	return id
}

// settle tells GitHub how it ended, also when the step was cancelled.
func (j *job) settle(ctx context.Context, id int64, commit string, record environment.Record, failure error) {
	if j.github == nil || commit == "" || id == 0 && failure == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	state, text := github.Success, isReady
	link, log := record.URL, j.rt.GitHub().RunURL
	if failure != nil {
		state, text, link = github.Failure, failure.Error(), log
	}
	if id != 0 {
		j.tolerate(j.github.Mark(ctx, id, state, record.URL, log, text))
	}
	j.tolerate(j.github.Set(ctx, commitStatus(commit, text, link, failure == nil)))
}

const isReady = "the environment is ready"

func commitStatus(commit, text, link string, passed bool) github.Status {
	return github.Status{SHA: commit, Context: "shipkit/environment", Passed: passed, Description: text, Link: link}
}

// stands sees that GitHub tells of an environment that needed no change. What
// tells of it already stays.
func (j *job) stands(ctx context.Context, commit string, record environment.Record) {
	if j.github == nil || commit == "" {
		return
	}
	id, err := j.github.Deployed(ctx, github.Deployment{Environment: j.subject.env.Environment, Ref: commit})
	j.tolerate(err)
	if id == 0 {
		j.settle(ctx, j.deployment(ctx, commit), commit, record, nil)
		return
	}
	j.rt.SetOutput("deployment-id", fmt.Sprint(id))
	status := commitStatus(commit, isReady, record.URL, true)
	known, err := j.github.Stands(ctx, status)
	j.tolerate(err)
	if !known {
		j.tolerate(j.github.Set(ctx, status))
	}
}

// retire ends GitHub's deployments of the environment.
func (j *job) retire(ctx context.Context, n namespace.Namespace) {
	if j.github == nil {
		return
	}
	_, err := j.github.Retire(ctx, n.Environment)
	j.tolerate(err)
}
