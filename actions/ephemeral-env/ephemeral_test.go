package ephemeralenv

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/action/actiontest"
	"github.com/org/shipkit/pkg/namespace"
)

const sha = "0123456789abcdef0123456789abcdef01234567"

func (w *world) schedules(t *testing.T) int {
	t.Helper()
	out, err := scheduler.NewFromConfig(w.Config()).ListSchedules(t.Context(), &scheduler.ListSchedulesInput{})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Schedules)
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// The life of a pull request's environment, with real containers: opened,
// nothing changed, pushed, extended, paused, woken, listed, closed.
func TestLifeOfAPullRequest(t *testing.T) {
	w := start(t)
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}

	up := w.step(t, map[string]string{"image": w.images["v1"], "hours": "mon-fri 08:00-18:00 Africa/Lagos"})
	if up.ExitCode != 0 || up.Outputs["state"] != "ready" || up.Outputs["changed"] != "true" || up.Outputs["url"] != w.url {
		t.Fatalf("up: %+v", up)
	}
	if got := get(t, w.url+"/version"); !strings.Contains(got, "v1") {
		t.Errorf("it answers %s", got)
	}
	if n := w.schedules(t); n != 3 { // the end, the morning, the evening
		t.Errorf("%d schedules", n)
	}
	comments := w.github.Comments(7)
	if len(comments) != 1 || !strings.Contains(comments[0].Body, "✅ Environment `xy-0146-pr7`") || !strings.Contains(comments[0].Body, "saves 70 % of the week") {
		t.Errorf("comments: %v", comments)
	}
	if d := w.github.Deployments; len(d) != 1 || strings.Join(d[0].States, " ") != "in_progress success" || d[0].URL != w.url {
		t.Errorf("deployments: %+v", d)
	}
	if s := w.github.Statuses[sha]; len(s) != 1 || s[0] != "shipkit/environment=success" {
		t.Errorf("statuses: %v", s)
	}

	same := w.step(t, map[string]string{"image": w.images["v1"], "hours": "mon-fri 08:00-18:00 Africa/Lagos"})
	if same.ExitCode != 0 || same.Outputs["changed"] != "false" {
		t.Errorf("second up: %+v", same)
	}
	pushed := w.step(t, map[string]string{"image": w.images["v2"]})
	if pushed.ExitCode != 0 || pushed.Outputs["changed"] != "true" {
		t.Fatalf("up of v2: %+v", pushed)
	}
	if got := get(t, w.url+"/version"); !strings.Contains(got, "v2") {
		t.Errorf("after the push it answers %s", got)
	}
	for command, state := range map[string]string{"extend": "ready", "pause": "paused", "wake": "ready"} {
		if got := w.step(t, map[string]string{"command": command}); got.ExitCode != 0 || got.Outputs["state"] == "" {
			t.Errorf("%s (%s): %+v", command, state, got)
		}
	}
	if list := w.step(t, map[string]string{"command": "list"}); list.ExitCode != 0 || !strings.Contains(list.Summary, "### 1 environments") {
		t.Errorf("list: %+v", list)
	}

	down := w.step(t, map[string]string{"command": "down"})
	if down.ExitCode != 0 || down.Outputs["state"] != "ending" {
		t.Fatalf("down: %+v", down)
	}
	if stacks, parameters, schedules := w.left(t); stacks+parameters+schedules != 0 {
		t.Errorf("left: %d stacks, %d parameters, %d schedules", stacks, parameters, schedules)
	}
	if comments := w.github.Comments(7); len(comments) != 1 || !strings.Contains(comments[0].Body, "has ended") {
		t.Errorf("comments: %v", comments)
	}
	w.covers(t)
}

// A merge conflict or an outage of GitHub loses the close event: reap finds
// the environment. Without dry-run: false it only says so.
func TestReap(t *testing.T) {
	w := start(t)
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	if up := w.step(t, map[string]string{"image": w.images["v1"]}); up.ExitCode != 0 {
		t.Fatalf("up: %+v", up)
	}
	if reap := w.step(t, map[string]string{"command": "reap", "dry-run": "false"}); reap.Outputs["reaped"] != "" {
		t.Errorf("reap of an open one: %+v", reap)
	}
	w.github.Pulls[0].State = "closed"
	if reap := w.step(t, map[string]string{"command": "reap"}); reap.Outputs["reaped"] != "xy-0146-pr7" || !strings.Contains(reap.Summary, "would be ended") {
		t.Errorf("dry reap: %+v", reap)
	}
	reap := w.step(t, map[string]string{"command": "reap", "dry-run": "false"})
	if reap.ExitCode != 0 || reap.Outputs["reaped"] != "xy-0146-pr7" || !strings.Contains(reap.Summary, "pull request 7 is not open | ended") {
		t.Errorf("reap: %+v", reap)
	}
	if stacks, parameters, schedules := w.left(t); stacks+parameters+schedules != 0 {
		t.Errorf("left: %d stacks, %d parameters, %d schedules", stacks, parameters, schedules)
	}
}

// The one-click test environment: up, test, down. The second comes at once,
// and must let the names of the first rest.
func TestRun(t *testing.T) {
	w := start(t)
	w.SSM.RefuseReuse(30 * time.Second)
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	for command, failed := range map[string]string{`curl -fsS "$SHIPKIT_URL/version" | grep v1`: "false", "echo the cart is empty; exit 3": "true"} {
		got := w.step(t, map[string]string{"command": "run", "image": w.images["v1"], "test-command": command})
		if got.Outputs["failed"] != failed || (got.ExitCode != 0) != (failed == "true") {
			t.Errorf("run %s: %+v", command, got)
		}
		if stacks, parameters, schedules := w.left(t); stacks+parameters+schedules != 0 {
			t.Errorf("run %s left %d stacks, %d parameters, %d schedules", command, stacks, parameters, schedules)
		}
	}
}

func TestOffHours(t *testing.T) {
	w := start(t)
	// A working day to come, a weekend, and a day that is over.
	monday := time.Now().AddDate(0, 0, 7)
	monday = monday.AddDate(0, 0, -int(monday.Weekday())+8)
	got := w.step(t, map[string]string{
		"command": "off-hours", "services": "web,worker", "databases": "main", "hours": "mon-fri 08:00-18:00 Africa/Lagos", "pr": "",
		"holidays": monday.Format(time.DateOnly) + " a holiday\n" + monday.AddDate(0, 0, -1).Format(time.DateOnly) + "\n2026-01-01",
	})
	morning := "`at(" + monday.Format(time.DateOnly) + "T08:05:00)`"
	if got.ExitCode != 0 || w.schedules(t) != 9 || strings.Count(got.Summary, morning) != 2 || !strings.Contains(got.Summary, "`xy-0146-dev` is off 70 % of the week") {
		t.Errorf("%d schedules, %+v", w.schedules(t), got)
	}
	w.covers(t)
}

func TestBadInputs(t *testing.T) {
	got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: Spec, With: map[string]string{
		"namespace": "dev", "hours": "always", "github-token": "",
	}})
	for _, want := range []string{"input namespace", "inputs hours and holidays", "input schedule-role-arn"} {
		if got.ExitCode == 0 || !strings.Contains(got.Log, want) {
			t.Errorf("the log lacks %q:\n%s", want, got.Log)
		}
	}
	for _, ttl := range []string{"0s", "9600h"} {
		if got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: Spec, With: map[string]string{"namespace": "xy-0146-dev", "ttl": ttl}}); got.ExitCode != 2 || !strings.Contains(got.Log, "ttl: 10m") {
			t.Errorf("ttl %s: %+v", ttl, got)
		}
	}
	got = actiontest.Run(t.Context(), t, actiontest.Step{Spec: Spec, With: map[string]string{"namespace": "xy-0146-dev", "command": "extend", "pr": "7"}})
	if got.ExitCode != 2 || !strings.Contains(got.Log, "input schedule-role-arn") {
		t.Errorf("extend without a role: %+v", got)
	}
	got = actiontest.Run(t.Context(), t, actiontest.Step{Spec: Spec, With: map[string]string{"namespace": "xy-0146-dev", "command": "down"}})
	if got.ExitCode == 0 || !strings.Contains(got.Log, "inputs pr and name: none given") {
		t.Errorf("without a pull request: %+v", got)
	}
}

func TestSnapshotIsPassedOn(t *testing.T) {
	step := map[string]string{"namespace": "xy-0146-dev", "name": "demo", "backend": "terraform", "db-snapshot": "latest"}
	got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: Spec, With: step})
	if got.ExitCode != 2 || !strings.Contains(got.Log, "no template parameter takes it") || !strings.Contains(got.Log, "SnapshotIdentifier=${snapshot}") {
		t.Errorf("a snapshot that nothing takes: %+v", got)
	}
	var in inputs
	in.Backend, in.Parameters = "terraform", []action.KeyValue{{Key: "from", Value: "${snapshot}"}, {Key: "who", Value: "${name}"}}
	parameters := in.request(subject{env: namespace.Namespace{Customer: "xy", Project: "0146", Environment: "demo"}}, "c1", "golden",
		namespace.Origin{}).Parameters
	if parameters["from"] != "golden" || parameters["who"] != "demo" || len(parameters) != 2 {
		t.Errorf("parameters: %v", parameters)
	}
}
