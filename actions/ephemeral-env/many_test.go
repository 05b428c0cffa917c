package ephemeralenv

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/pkg/action/actiontest"
	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/environment/store"
	"github.com/org/shipkit/pkg/namespace"
)

// many has 500 open pull requests, each with an environment.
func many(t testing.TB) *world {
	t.Helper()
	w := start(t)
	records := store.Records{SSM: ssm.NewFromConfig(w.Config()), Tagging: tagging.NewFromConfig(w.Config())}
	base := namespace.Namespace{Customer: "xy", Project: "0146", Environment: "dev"}
	now := time.Now().UTC().Truncate(time.Second)
	for i := 1; i <= 500; i++ {
		n, err := base.PullRequest(i)
		if err != nil {
			t.Fatal(err)
		}
		record := environment.Record{
			Namespace: n.String(), Repository: repository, Pull: i, State: environment.Ready, URL: fmt.Sprintf("https://pr%d.example.com", i),
			Created: now.Add(-24 * time.Hour), Since: now.Add(-24 * time.Hour), Expires: now.Add(48 * time.Hour), Hourly: 0.01,
		}
		if err := records.Put(t.Context(), n, record); err != nil {
			t.Fatal(err)
		}
		w.github.Pulls = append(w.github.Pulls, githubtest.Pull{Number: i, State: "open", SHA: sha})
	}
	return w
}

// counted runs a command and counts what it asks AWS for.
func (w *world) counted(t testing.TB, with map[string]string) (actiontest.Result, int) {
	t.Helper()
	before := len(w.Calls())
	got := w.step(t, with)
	calls := 0
	for _, call := range w.Calls()[before:] {
		if call.AccessKeyID == w.key {
			calls++
		}
	}
	return got, calls
}

func TestFiveHundredEnvironments(t *testing.T) {
	w := many(t)
	for _, test := range []struct {
		name  string
		with  map[string]string
		calls int
		want  string
	}{
		// Five pages of a hundred.
		{"list", map[string]string{"command": "list"}, 5, "### 500 environments, about $120."},
		{"reap", map[string]string{"command": "reap", "dry-run": "false", "hours": "mon-sun 00:00-24:00 UTC", "slack-webhook": "http://127.0.0.1:1"}, 5, "Nothing to reap"},
	} {
		got, calls := w.counted(t, test.with)
		if got.ExitCode != 0 || calls != test.calls || !strings.Contains(got.Summary, test.want) {
			t.Errorf("%s: %d calls, want %d: exit code %d\n%.500s\n%s", test.name, calls, test.calls, got.ExitCode, got.Summary, got.Log)
		}
	}
	w.github.Pulls = w.github.Pulls[:450]
	got, calls := w.counted(t, map[string]string{"command": "reap"})
	if got.ExitCode != 0 || calls != 5 || len(strings.Fields(got.Outputs["reaped"])) != 50 {
		t.Errorf("dry reap of 50: %d calls, reaped %q", calls, got.Outputs["reaped"])
	}
}

// BenchmarkFiveHundred is a list and a reap of 500 environments, with the
// action's start.
func BenchmarkFiveHundred(b *testing.B) {
	w := many(b)
	for _, command := range []string{"list", "reap"} {
		b.Run(command, func(b *testing.B) {
			for b.Loop() {
				if got := w.step(b, map[string]string{"command": command, "dry-run": "false"}); got.ExitCode != 0 {
					b.Fatal(got.Log)
				}
			}
		})
	}
}
