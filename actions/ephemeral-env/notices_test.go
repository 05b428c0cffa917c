package ephemeralenv

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/internal/localaws/fault"
	"github.com/org/shipkit/internal/notifytest"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// small is an environment that is made in no time: it serves nothing.
func small(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "template.yml")
	text := "Parameters: {Namespace: {Type: String}, Value: {Type: String}}\n" +
		"Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Name: !Sub '/${Namespace}/p', Type: String, Value: !Ref Value}}}\n" +
		"Outputs: {Url: {Value: 'nothing to ask'}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// smallStep runs a command on the small environment of pull request 7.
func (w *world) smallStep(t *testing.T, template string, with map[string]string) actiontest.Result {
	t.Helper()
	all := smallWith(template, with)
	if w.ahead != 0 {
		return w.step(t, all)
	}
	return w.stepOf(t, w.hasty(), all)
}

func smallWith(template string, with map[string]string) map[string]string {
	all := map[string]string{
		"template": template, "template-parameters": "Namespace=${namespace}\nValue=1", "cluster": "", "url": "", "ttl": "1h",
	}
	maps.Copy(all, with)
	return all
}

// shown is a log without the lines that only tell GitHub what to hide.
func shown(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "::add-mask::") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// Everybody hears when an environment is ready, fails, is about to end and has
// ended; of each once.
func TestNotices(t *testing.T) {
	w := start(t)
	template := small(t)
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	hook, mail := notifytest.NewHook(t, 500, 200), notifytest.NewMail(t, notifytest.MailOptions{})
	for _, step := range []struct {
		name, command string
		with          map[string]string
		before        func()
		failed        bool
		want          string // "" for no notice
	}{
		{name: "made", command: "up", want: "Environment xy-0146-pr7 is ready"}, // the webhook fails at first
		{name: "made already", command: "up"},
		{name: "near its end", command: "reap", want: "Environment xy-0146-pr7 ends in "},
		{name: "told already", command: "reap"},
		{name: "extended", command: "extend", with: map[string]string{"ttl": "3h"}},
		{name: "near its other end", command: "reap", want: "Environment xy-0146-pr7 ends in "},
		{name: "not that near", command: "reap", with: map[string]string{"notice-before": "1h"}},
		{name: "closed", command: "down", want: "Environment xy-0146-pr7 has ended"},
		{name: "closed already", command: "down"},
		{
			name: "reopened without a right", command: "up", failed: true, want: "Environment xy-0146-pr7 could not be made",
			before: func() {
				w.Faults.Add(fault.Rule{Service: "scheduler", Operation: "CreateSchedule", Effect: fault.Deny})
			},
		},
	} {
		if step.before != nil {
			step.before()
		}
		with := map[string]string{
			"command": step.command, "dry-run": "false", "webhook-url": hook.Address,
			"email-to": "team@example.com", "email-from": "env@example.com", "smtp-host": "127.0.0.1", "smtp-port": strconv.Itoa(mail.Port), "smtp-tls": "none",
		}
		for name, value := range step.with {
			with[name] = value
		}
		hooked, mailed := len(hook.Bodies()), len(mail.Text())
		got := w.smallStep(t, template, with)
		if (got.ExitCode != 0) != step.failed {
			t.Fatalf("%s: %+v", step.name, got)
		}
		if strings.Contains(shown(got.Log), "SECRETPATH") {
			t.Errorf("%s: the webhook is shown:\n%s", step.name, got.Log)
		}
		told, letter := hook.Bodies()[hooked:], mail.Text()[mailed:]
		if step.want == "" && (len(told) > 0 || letter != "") {
			t.Errorf("%s: told %q, %q", step.name, told, letter)
		}
		if step.want != "" && (len(told) == 0 || len(told) > 2 || !strings.Contains(told[len(told)-1], step.want) || !strings.Contains(letter, step.want)) {
			t.Errorf("%s: told %q, %q, want %q", step.name, told, letter, step.want)
		}
	}
	last := hook.Bodies()[len(hook.Bodies())-1]
	if !strings.Contains(last, "scheduler:CreateSchedule") {
		t.Errorf("the failure does not name what is not allowed: %s", last)
	}
}

// A channel that is down fails no good environment; of an end that nobody has
// heard of, the next reap tells.
func TestNoticesNeverFailIt(t *testing.T) {
	w := start(t)
	template := small(t)
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	gone, good := notifytest.NewHook(t, 404), notifytest.NewHook(t)
	for _, step := range []struct {
		command string
		hook    *notifytest.Hook
		told    int
	}{{"up", gone, 1}, {"reap", gone, 2}, {"reap", good, 1}, {"reap", good, 1}} {
		got := w.smallStep(t, template, map[string]string{"command": step.command, "dry-run": "false", "slack-webhook": step.hook.Address})
		warned := strings.Contains(got.Log, "::warning") && strings.Contains(got.Log, "status 404")
		if got.ExitCode != 0 || warned != (step.hook == gone) || len(step.hook.Bodies()) != step.told || strings.Contains(shown(got.Log), "SECRETPATH") {
			t.Errorf("%s: %d messages, want %d: %+v", step.command, len(step.hook.Bodies()), step.told, got)
		}
	}
	// Without a mail server it goes by Amazon SES, here of an end by a reap.
	w.github.Pulls[0].State = "closed"
	got := w.smallStep(t, template, map[string]string{
		"command": "reap", "dry-run": "false", "email-to": "team@example.com", "email-from": "env@example.com", "level": "all",
	})
	inbox := w.Mail.Inbox()
	if got.ExitCode != 0 || len(inbox) != 1 || !strings.Contains(inbox[0].Text, "xy-0146-pr7: pull request 7 is not open; it has cost about $") {
		t.Errorf("mail %+v: %+v", inbox, got)
	}
	comments, deployments := w.github.Comments(7), w.github.Deployments
	if len(comments) != 1 || !strings.Contains(comments[0].Body, "has ended") {
		t.Errorf("comments after a reap: %+v", comments)
	}
	if len(deployments) != 1 || !slices.Contains(deployments[0].States, "inactive") {
		t.Errorf("deployments after a reap: %+v", deployments[0])
	}
	w.covers(t)
}

// The mail of a run says what passed; neither the command nor its output is in
// it, where no log masks them.
func TestRunTellsWhatPassed(t *testing.T) {
	w := start(t)
	template := small(t)
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	report := filepath.Join(t.TempDir(), "junit.xml")
	for _, test := range []struct {
		cases, exit string
		want        []string
	}{
		{`<testcase name="cart"/><testcase name="pay &amp; ship"/><testcase name="old"><skipped/></testcase>`, "0",
			[]string{"✅ Environment xy-0146-pr7: the test passed", "Tests: 2 passed, 1 skipped", "Passed: cart, pay & ship", "Took: ", "Address: nothing to ask", "Cost: $"}},
		{`<testcase name="cart"/><testcase name="pay"><failure message="x"/></testcase>`, "1",
			[]string{"❌ Environment xy-0146-pr7: the test failed", "Tests: 1 passed, 1 failed", "Failed: pay"}},
	} {
		before := len(w.Mail.Inbox())
		got := w.smallStep(t, template, map[string]string{
			"command": "run", "email-to": "team@example.com", "email-from": "env@example.com", "test-report": report,
			"test-command": "echo PASSWORD; echo '<testsuites><testsuite>" + test.cases + "</testsuite></testsuites>' > " + report + "; exit " + test.exit,
		})
		inbox := w.Mail.Inbox()[before:]
		if (got.ExitCode == 0) != (test.exit == "0") || len(inbox) != 1 {
			t.Fatalf("%d mails: %+v", len(inbox), got)
		}
		text := inbox[0].Subject + "\n" + inbox[0].Text
		for _, want := range test.want {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		if strings.Contains(text, "PASSWORD") || strings.Contains(text, "echo") {
			t.Errorf("the mail holds the command:\n%s", text)
		}
	}
}

func TestReadTests(t *testing.T) {
	for text, want := range map[string]string{
		`<testsuite/>`: "none ran",
		`<testsuites><testsuite><testcase name="a"/><testcase name="b"><error/></testcase></testsuite></testsuites>`: "1 passed, 1 failed",
		`<testsuite><testcase name="a">`: "is no JUnit report",
		`{"tests": 1}`:                   "none ran",
	} {
		file := filepath.Join(t.TempDir(), "report.xml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := readTests(file)
		if got := found.String(); got != want && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	many := tests{passed: slices.Repeat([]string{"t"}, 12)}
	if got := many.names(passed); got != strings.Repeat("t, ", 9)+"t and 2 more" {
		t.Errorf("names %q", got)
	}
	if _, err := readTests("no such file"); err == nil {
		t.Error("a missing report is read")
	}
}
