package ephemeralenv

import (
	"strings"
	"testing"
	"time"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/environment/hours"
)

// What is too much is refused with the numbers, before anything is written.
func TestBounds(t *testing.T) {
	w := start(t)
	template := small(t)
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}, {Number: 8, State: "open", SHA: sha}}
	if up := w.smallStep(t, template, map[string]string{"max-envs": "1"}); up.ExitCode != 0 {
		t.Fatalf("up: %+v", up)
	}
	for name, test := range map[string]struct {
		with map[string]string
		want string
	}{
		"too many": {map[string]string{"max-envs": "1"}, "all 1 environments are taken: xy-0146-pr7; end one of them or allow more"},
		"too dear": {
			map[string]string{"hourly-cost": "2", "ttl": "100h", "max-cost": "99.5"},
			"the environment may cost $200.00 ($2.000 an hour, 100 hours, 100 % of the time on), max-cost is $99.50",
		},
		"too dear although it sleeps": {
			map[string]string{"hourly-cost": "2", "ttl": "168h", "max-cost": "99.5", "hours": "mon-fri 08:00-18:00 Africa/Lagos"},
			"the environment may cost $100.00 ($2.000 an hour, 168 hours, 30 % of the time on), max-cost is $99.50",
		},
	} {
		test.with["pr"] = "8"
		before := len(w.Calls())
		got := w.smallStep(t, template, test.with)
		if got.ExitCode == 0 || !strings.Contains(strings.ReplaceAll(got.Log, "%25", "%"), test.want) {
			t.Errorf("%s: %+v", name, got)
		}
		if comments := w.github.Comments(8); len(comments) != 1 || !strings.Contains(comments[0].Body, "could not be made") || !strings.Contains(comments[0].Body, test.want) {
			t.Errorf("%s: comments %+v", name, comments)
		}
		for _, call := range w.Calls()[before:] {
			if !strings.HasPrefix(call.Operation, "Get") && !strings.HasPrefix(call.Operation, "Describe") {
				t.Errorf("%s: it calls %s", name, call.Operation)
			}
		}
	}
}

// Nothing switches what Terraform makes, so hours make it no cheaper.
func TestHoursOfTerraform(t *testing.T) {
	w := start(t)
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	got := w.step(t, map[string]string{
		"backend": "terraform", "terraform-binary": "terraform", "terraform-dir": t.TempDir(), "dry-run": "true",
		"hourly-cost": "2", "ttl": "100h", "hours": "mon-fri 08:00-18:00 Africa/Lagos",
	})
	if got.ExitCode != 0 || got.Outputs["estimated-cost"] != "200.00" || !strings.Contains(got.Log, "they are ignored") {
		t.Errorf("%+v", got)
	}
}

func TestComment(t *testing.T) {
	clock, err := hours.Parse("mon-fri 08:00-18:00 Africa/Lagos")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	gh := action.GitHub{ServerURL: "https://github.com", Repository: "acme/shop", RunURL: "https://github.com/acme/shop/actions/runs/1"}
	r := environment.Record{
		Namespace: "xy-0146-pr7", State: environment.Ready, URL: "https://pr7.example.com", Hourly: 0.5, Created: now.Add(-4 * time.Hour), Expires: now.Add(68 * time.Hour),
	}
	const list, by = "https://github.com/acme/shop/actions", "https://github.com/acme/shop/actions/workflows/environment.yml"
	for _, test := range []struct {
		state    environment.State
		clock    *hours.Hours
		workflow string
		want     []string
	}{
		{environment.Ready, &clock, "environment.yml", []string{
			"https://pr7.example.com", "ends at 2026-11-24 08:00 UTC", "about $2.00 so far", "[run its workflow](" + by + ") with `command: extend`",
			"saves 70 % of the week; [wake it](" + by + ") with `command: wake`", "runs/1",
		}},
		{environment.Ready, nil, "", []string{"[run its workflow](" + list + ") with `command: extend`"}},
		{environment.Paused, nil, "", []string{"is paused", "It sleeps until you [wake it](" + list + ") with `command: wake`"}},
		{environment.Ending, &clock, "", []string{"has ended"}},
	} {
		r.State = test.state
		got := commentView(r, test.clock, gh, test.workflow, now)
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", test.state, want, got)
			}
		}
	}
}

// A schedule ends an environment and leaves its record: a list says so.
func TestListOfWhatIsOver(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	got := listView([]environment.Record{
		{Namespace: "xy-0146-pr7", State: environment.Ready, Expires: now.Add(time.Hour)},
		{Namespace: "xy-0146-pr8", State: environment.Ready, Expires: now.Add(-time.Hour)},
	}, now)
	for _, want := range []string{"| `xy-0146-pr7` | ready |", "2026-11-21 13:00 UTC (in 1h", "| `xy-0146-pr8` | over |", "| since 2026-11-21 11:00 UTC |"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
