package ephemeralenv

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/pkg/action"
)

// long is a time to live that the moved clock of local AWS does not reach.
const long = "8760h"

// elsewhere is an AWS whose clock is ahead of the runner's.
type elsewhere time.Duration

func (e elsewhere) Do(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultClient.Do(r)
	if err == nil {
		response.Header.Set("Date", time.Now().Add(time.Duration(e)).UTC().Format(http.TimeFormat))
	}
	return response, err //nolint:wrapcheck // as the client gave it
}

// spec is the action, on a runner whose clock may be off.
func (w *world) spec() action.Spec {
	if w.ahead == 0 {
		return Spec
	}
	return action.Define("ephemeral-env", metadata, func(ctx context.Context, rt *action.Runtime, in inputs) error {
		job, err := newJob(ctx, rt, in, func(ctx context.Context, in inputs) (aws.Config, error) {
			cfg, err := connect(ctx, in)
			cfg.HTTPClient = elsewhere(w.ahead)
			return cfg, err
		})
		if err != nil {
			return err
		}
		return job.perform(ctx)
	})
}

// due is when AWS ends an environment.
func (w *world) due(t *testing.T, name string) time.Time {
	t.Helper()
	out, err := scheduler.NewFromConfig(w.Config()).GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: new(name + "-ttl")})
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse("at(2006-01-02T15:04:05)", *out.ScheduleExpression)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// A runner's clock may be minutes off. The end is by AWS's, also where it would
// lie in the past; and nothing is reaped before it.
func TestRunnersWhoseClocksAreOff(t *testing.T) {
	w := start(t)
	template := small(t)
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	for _, ahead := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		w.ahead = ahead
		near := func(what string, want time.Duration) {
			t.Helper()
			if left := w.due(t, "xy-0146-pr7").Sub(time.Now().Add(ahead)); left > want || left < want-time.Minute {
				t.Errorf("AWS is %s ahead: after %s it ends in %s, want %s", ahead, what, left, want)
			}
		}
		if up := w.smallStep(t, template, map[string]string{"ttl": "10m"}); up.ExitCode != 0 {
			t.Fatalf("AWS is %s ahead: up: %+v", ahead, up)
		}
		near("up", 10*time.Minute)
		if extend := w.smallStep(t, template, map[string]string{"command": "extend", "ttl": "15m"}); extend.ExitCode != 0 {
			t.Errorf("extend: %+v", extend)
		}
		near("extend", 15*time.Minute)
		w.end(t, 5*time.Minute+ahead) // AWS's time: another five minutes to live
		reap := w.smallStep(t, template, map[string]string{"command": "reap", "dry-run": "false"})
		if reap.ExitCode != 0 || reap.Outputs["reaped"] != "" {
			t.Errorf("AWS is %s ahead: reap before its end: %+v", ahead, reap)
		}
		began := time.Now()
		if down := w.smallStep(t, template, map[string]string{"command": "down"}); down.ExitCode != 0 {
			t.Errorf("down: %+v", down)
		}
		w.ahead = -ahead // another runner, who would wait for ten minutes
		if up := w.smallStep(t, template, nil); up.ExitCode != 0 || time.Since(began) > time.Minute {
			t.Errorf("up on another runner after %s: %+v", time.Since(began), up)
		}
		if down := w.smallStep(t, template, map[string]string{"command": "down"}); down.ExitCode != 0 {
			t.Errorf("down: %+v", down)
		}
	}
	if stacks, parameters, schedules := w.left(t); stacks+parameters+schedules != 0 {
		t.Errorf("left: %d stacks, %d parameters, %d schedules", stacks, parameters, schedules)
	}
}

// What happens to a pull request beside pushes and its end: nothing of it makes
// a second environment, or ends the one.
func TestOddLivesOfPullRequests(t *testing.T) {
	w := start(t)
	template := small(t)
	up, down, reap := map[string]string{"ttl": long}, map[string]string{"command": "down"}, map[string]string{"command": "reap", "dry-run": "false"}
	pull := githubtest.Pull{Number: 7, State: "open", SHA: sha, Ref: "cart", Base: "main"}
	for _, step := range []struct {
		what   string
		change func(p *githubtest.Pull)
		with   map[string]string
		stacks int
		failed bool
	}{
		{"opened", func(*githubtest.Pull) {}, up, 1, false},
		{"converted to a draft", func(p *githubtest.Pull) { p.Draft = true }, up, 1, false},
		{"a draft at a reap", func(*githubtest.Pull) {}, reap, 1, false},
		{"its branch renamed", func(p *githubtest.Pull) { p.Ref = "feature/🛒 $(id)" }, up, 1, false},
		{"another base branch", func(p *githubtest.Pull) { p.Base = "release" }, up, 1, false},
		{"pushed", func(p *githubtest.Pull) { p.SHA = evil }, up, 1, false},
		{"closed", func(p *githubtest.Pull) { p.State = "closed" }, down, 0, false},
		{"run again after it", func(*githubtest.Pull) {}, up, 0, true},
		{"closed again", func(*githubtest.Pull) {}, down, 0, false},
		{"reopened", func(p *githubtest.Pull) { p.State = "open" }, up, 1, false},
		{"reopened at a reap", func(*githubtest.Pull) {}, reap, 1, false},
		{"merged, and the event lost", func(p *githubtest.Pull) { p.State = "closed" }, reap, 0, false},
	} {
		step.change(&pull)
		w.github.Pulls = []githubtest.Pull{pull}
		if got := w.smallStep(t, template, step.with); (got.ExitCode != 0) != step.failed {
			t.Errorf("%s: %+v", step.what, got)
		}
		if stacks, _, _ := w.left(t); stacks != step.stacks {
			t.Errorf("%s: %d stacks, want %d", step.what, stacks, step.stacks)
		}
	}
	if comments := w.github.Comments(7); len(comments) != 1 || !strings.Contains(comments[0].Body, "has ended") {
		t.Errorf("comments: %+v", comments)
	}
	for _, d := range w.github.Deployments {
		if d.Environment != "pr7" || d.States[len(d.States)-1] != "inactive" {
			t.Errorf("deployment: %+v", d)
		}
	}
}

// One namespace is the beginning of another, and another repository calls its
// project the same: neither is touched by what concerns its neighbour.
func TestNeighbours(t *testing.T) {
	w := start(t)
	template := small(t)
	for _, number := range []int{1, 11, 12} {
		w.github.Pulls = append(w.github.Pulls, githubtest.Pull{Number: number, State: "open", SHA: sha})
	}
	of := func(pr, command string) map[string]string {
		return map[string]string{"pr": pr, "command": command, "dry-run": "false", "hours": "mon-fri 08:00-18:00 Africa/Lagos", "max-envs": "3", "ttl": long}
	}
	must := func(pr, command string) {
		t.Helper()
		if got := w.smallStep(t, template, of(pr, command)); got.ExitCode != 0 {
			t.Fatalf("%s of %s: %+v", command, pr, got)
		}
	}
	must("12", "up")
	must("11", "up")
	before := w.there(t)
	must("1", "up")
	must("1", "extend")
	must("1", "down")
	if got := w.there(t); !slices.Equal(got, before) {
		t.Errorf("after the life of pull request 1 there is %q\nwant %q", got, before)
	}
	must("1", "up")
	w.github.Pulls[0].State = "closed"
	must("1", "reap")
	if got := w.there(t); !slices.Equal(got, before) {
		t.Errorf("after the reap of pull request 1 there is %q\nwant %q", got, before)
	}

	ours := w.github
	w.as, w.github = "acme/other", githubtest.New(t, "acme/other")
	w.github.Pulls = []githubtest.Pull{{Number: 12, State: "open", SHA: sha}}
	for _, command := range []string{"up", "extend", "pause", "wake", "down"} {
		got := w.smallStep(t, template, of("12", command))
		if got.ExitCode == 0 || !strings.Contains(got.Log, "xy-0146-pr12 belongs to repository acme/shop") {
			t.Errorf("another repository's %s: %+v", command, got)
		}
	}
	w.github.Pulls = nil
	must("12", "reap")
	if got := w.there(t); !slices.Equal(got, before) {
		t.Errorf("after another repository's runs there is %q\nwant %q", got, before)
	}
	w.as, w.github = "", ours
	must("11", "down")
	must("12", "down")
	if left := w.there(t); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
