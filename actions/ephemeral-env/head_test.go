package ephemeralenv

import (
	"strings"
	"testing"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/github"
)

const (
	evil    = "fedcba9876543210fedcba9876543210fedcba98"
	ofFork  = `{"pull_request": {"number": 7, "head": {"sha": "` + sha + `", "repo": {"full_name": "mallory/shop"}}}}`
	ofEvil  = `{"pull_request": {"number": 7, "head": {"sha": "` + evil + `", "repo": {"full_name": "mallory/shop"}}}}`
	ofOurs  = `{"pull_request": {"number": 7, "head": {"sha": "` + sha + `", "repo": {"full_name": "acme/shop"}}}}`
	ofRun   = `{"workflow_run": {"head_sha": "` + evil + `", "head_repository": {"full_name": "mallory/shop"}}}`
	ofGhost = `{"pull_request": {"number": 7, "head": {"sha": "` + sha + `", "repo": null}}}`
)

// A fork's code gets nothing without a maintainer's consent to that very
// commit, whatever the inputs say.
func TestForks(t *testing.T) {
	w := start(t)
	template := small(t)
	foreign := githubtest.Pull{Number: 7, State: "open", SHA: sha, Head: "mallory/shop"}
	w.github.Roles = map[string]string{"max": "maintain", "tess": "triage"}
	moved, short := foreign, foreign
	moved.SHA = evil
	short.Labels = []string{"shipkit-ok:" + sha[:12]}
	own := githubtest.Pull{Number: 7, State: "open", SHA: sha}
	other := githubtest.Pull{Number: 12, State: "open", SHA: sha}
	for name, test := range map[string]struct {
		pull  githubtest.Pull
		by    string // who sets the label of the first commit
		event string
		with  map[string]string
		want  string // why it is refused; "" if it is not
	}{
		"no label":                        {pull: foreign, want: `sets the label "` + github.Consent(sha) + `"`},
		"no label, by its event":          {pull: foreign, event: ofFork, with: map[string]string{"pr": ""}, want: "comes from a fork"},
		"a label of few digits":           {pull: short, want: "comes from a fork"},
		"pushed after the consent":        {pull: moved, by: "max", want: "comes from a fork: commit fedcba987654"},
		"a run of what was pushed before": {pull: foreign, by: "max", event: ofEvil, want: "comes from a fork: commit fedcba987654"},
		"consent":                         {pull: foreign, by: "max", event: ofFork},
		"a triager's consent":             {pull: foreign, by: "tess", event: ofFork, want: "was set by tess, whose role is triage"},
		"an app's consent":                {pull: foreign, by: "labeler[bot]", event: ofFork, want: "was set by labeler[bot], which is not a person"},
		"consent, and a name":             {pull: foreign, by: "max", event: ofFork, with: map[string]string{"pr": "", "name": "demo"}},
		"a name instead of a number":      {pull: foreign, event: ofFork, with: map[string]string{"pr": "", "name": "demo"}, want: "comes from a fork"},
		"a name that is a number":         {pull: own, with: map[string]string{"pr": "", "name": "pr12"}, want: `"pr12" is the name of a pull request's environment`},
		"another's number":                {pull: other, event: ofFork, with: map[string]string{"pr": "12"}, want: "input pr: 12 given, but the event is of pull request 7"},
		"another's number after a run":    {pull: other, event: ofRun, with: map[string]string{"pr": "12"}, want: "comes from a fork: commit fedcba987654"},
		"a run without a number":          {pull: own, event: ofRun, with: map[string]string{"pr": "", "name": "demo"}, want: "the run's code comes from a fork"},
		"a deleted fork":                  {pull: foreign, event: ofGhost, want: "comes from a fork"},
		"a fork, and no token":            {pull: foreign, event: ofFork, with: map[string]string{"github-token": ""}, want: "the run's code comes from a fork"},
		"a number, and no token":          {pull: foreign, with: map[string]string{"github-token": ""}, want: "input github-token: nothing given"},
		"our own":                         {pull: own, event: ofOurs},
		"our own, and no token":           {pull: own, event: ofOurs, with: map[string]string{"github-token": ""}},
		"not open":                        {pull: githubtest.Pull{Number: 7, State: "closed", SHA: sha}, want: "pull request 7 is not open"},
		"not there":                       {pull: other, want: "pull request 7 is not open"},
	} {
		w.github.Pulls = []githubtest.Pull{test.pull}
		if test.by != "" && !w.github.Label(7, test.by, github.Consent(sha)) {
			t.Fatalf("%s: %s sets no label", name, test.by)
		}
		w.event = test.event
		with := map[string]string{"dry-run": "true"}
		for key, value := range test.with {
			with[key] = value
		}
		got := w.smallStep(t, template, with)
		if test.want == "" && (got.ExitCode != 0 || !strings.Contains(got.Summary, "Plan: environment")) {
			t.Errorf("%s: %+v", name, got)
		}
		if test.want != "" && (got.ExitCode == 0 || !strings.Contains(got.Log, test.want)) {
			t.Errorf("%s: want %q: %+v", name, test.want, got)
		}
	}
	w.event = ""
	w.github.Pulls = []githubtest.Pull{foreign}
	if got := w.smallStep(t, template, nil); got.ExitCode == 0 {
		t.Errorf("a fork's environment is made: %+v", got)
	}
	w.github.Pulls = []githubtest.Pull{own}
	if got := w.smallStep(t, template, map[string]string{"label": "preview"}); got.ExitCode != 0 || got.Outputs["changed"] != "false" {
		t.Errorf("without the label: %+v", got)
	}
	if stacks, parameters, schedules := w.left(t); stacks+parameters+schedules != 0 {
		t.Errorf("something was made: %d stacks, %d parameters, %d schedules", stacks, parameters, schedules)
	}
}

func TestHeadOf(t *testing.T) {
	pull := func(number any) map[string]any {
		return map[string]any{"pull_request": map[string]any{"number": number}}
	}
	for _, test := range []struct {
		event map[string]any
		want  int
	}{
		{nil, 0},
		{map[string]any{"pull_request": "7"}, 0},
		{pull(7.0), 7}, {pull("7"), 0}, {pull(-7.0), 0}, {pull(0.0), 0}, {pull(7.5), 0}, {pull(1e300), 0}, {pull(nil), 0}, {pull([]any{7.0}), 0},
	} {
		if got := headOf(action.GitHub{Repository: repository, Event: test.event}); got.pull != test.want || got.pull > 0 && !got.fork {
			t.Errorf("%v: %+v, want %d", test.event, got, test.want)
		}
	}
}

// A name may come from a branch, which may hold anything.
func TestNamesFromBranches(t *testing.T) {
	w := start(t)
	template := small(t)
	for _, branch := range []string{
		"feature/cart", "$(touch /tmp/x)", "../../etc", "a b", "x\ny=1", "ünï", "🚀", "${namespace}", "A", "-a", strings.Repeat("a", 300), "'; drop", "pr7",
	} {
		got := w.smallStep(t, template, map[string]string{"pr": "", "name": branch})
		if got.ExitCode != 2 || !strings.Contains(got.Log, "input name") || strings.Count(got.Log, "Try:") != 1 {
			t.Errorf("%q: %+v", branch, got)
		}
	}
	if stacks, parameters, schedules := w.left(t); stacks+parameters+schedules != 0 {
		t.Errorf("left: %d stacks, %d parameters, %d schedules", stacks, parameters, schedules)
	}
}
