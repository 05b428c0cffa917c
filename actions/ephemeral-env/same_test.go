package ephemeralenv

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/environment"
)

// told are the writes to GitHub since the last look.
func (w *world) told() []string {
	var writes []string
	for _, call := range w.github.Calls {
		if !strings.HasPrefix(call, "GET ") {
			writes = append(writes, call)
		}
	}
	w.github.Calls = nil
	return writes
}

// An up without changes writes nothing, neither to AWS nor to GitHub; a new
// commit gets a deployment of its own.
func TestUpWithoutChangesWritesNothing(t *testing.T) {
	w := startWith(t, localaws.Options{Factor: 20, NoData: true, Engine: localaws.Process})
	template := small(t)
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	price := map[string]string{"hourly-cost": "0.0001"} // no cent comes together meanwhile
	first := w.smallStep(t, template, price)
	if writes := w.told(); first.ExitCode != 0 || len(writes) != 6 { // two comments, a deployment with two states, a status
		t.Fatalf("first up writes %q: %+v", writes, first)
	}
	for _, step := range []struct {
		what    string
		change  func()
		id, n   int // deployments that there are, and writes to GitHub
		changed string
	}{
		{"the same", func() {}, 1, 0, "false"},
		{"its status lost", func() { w.github.Forget(sha) }, 1, 1, "false"},
		{"its deployment lost", func() { w.github.Deployments = nil }, 1, 4, "false"}, // with two states, and a status
		{"a new commit", func() { w.github.Pulls[0].SHA = evil }, 2, 6, "true"},
		{"the same again", func() {}, 2, 0, "false"},
		{"another template", func() { rewrite(t, template, "!Ref Value", "!Sub '${Value}0'") }, 3, 6, "true"},
	} {
		step.change()
		w.Faults.Forget()
		got := w.smallStep(t, template, price)
		told := w.told()
		if got.ExitCode != 0 || got.Outputs["changed"] != step.changed || len(told) != step.n || len(w.github.Deployments) != step.id {
			t.Errorf("%s: %d deployments, writes %q: %+v", step.what, len(w.github.Deployments), told, got)
		}
		if id := w.github.Deployments[len(w.github.Deployments)-1].ID; got.Outputs["deployment-id"] != strconv.FormatInt(id, 10) {
			t.Errorf("%s: deployment-id %s, want %d", step.what, got.Outputs["deployment-id"], id)
		}
		for _, call := range w.Calls() {
			if step.changed == "false" && call.AccessKeyID == w.key && writes(call) {
				t.Errorf("%s: %s was called", step.what, call.Operation)
			}
		}
	}
	if comments := w.github.Comments(7); len(comments) != 1 {
		t.Errorf("comments %v", comments)
	}
}

// A comment stays unless people would read something else.
func TestCommentStays(t *testing.T) {
	now := time.Now()
	r := environment.Record{Namespace: "xy-0146-pr7", State: environment.Ready, URL: "https://pr7.dev.example.com", Created: now, Expires: now.Add(72 * time.Hour), Hourly: 1}
	body := func(r environment.Record, run string, at time.Duration) string {
		gh := action.GitHub{Repository: repository, ServerURL: "https://github.com", RunURL: "https://github.com/acme/shop/actions/runs/" + run}
		return commentView(r, nil, gh, "", now.Add(at))
	}
	paused := r
	paused.State = environment.Paused
	for what, test := range map[string]struct {
		body string
		same bool
	}{
		"another run":    {body(r, "2", time.Second), true},
		"a cent":         {body(r, "2", time.Minute), false},
		"another state":  {body(paused, "2", 0), false},
		"GitHub's lines": {strings.TrimSpace(body(r, "1", 0)), true},
	} {
		if saysSame(body(r, "1", 0), test.body) != test.same {
			t.Errorf("%s: same is %t", what, !test.same)
		}
	}
}

func rewrite(t *testing.T, file, from, to string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Clean(file))
	if err == nil {
		err = os.WriteFile(filepath.Clean(file), []byte(strings.ReplaceAll(string(text), from, to)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
