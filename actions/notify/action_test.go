package notify_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	notifyaction "github.com/org/shipkit/actions/notify"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/notifytest"
	"github.com/org/shipkit/internal/policytest"
	"github.com/org/shipkit/pkg/action/actiontest"
)

func run(t *testing.T, with map[string]string) actiontest.Result {
	t.Helper()
	env := map[string]string{
		"GITHUB_REPOSITORY": "org/shop", "GITHUB_SHA": "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3", "GITHUB_RUN_ID": "7",
		"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REF_NAME": "main",
	}
	return actiontest.Run(context.Background(), t, actiontest.Step{Spec: notifyaction.Spec, With: with, Env: env})
}

func TestTellsEveryChannel(t *testing.T) {
	good := notifytest.NewHook(t)
	got := run(t, map[string]string{
		"status": "failure", "title": "{{.repository}} {{short .commit}} on {{.environment}}", "text": "{{.reason}}",
		"fields": "environment=production\nreason=2 of 3 tasks died\nempty=", "slack-webhook": good.Address, "webhook-url": good.Address, "teams-webhook": good.Address,
	})
	if got.ExitCode != 0 || got.Outputs["sent"] != "3" || got.Outputs["failed"] != "0" || len(good.Bodies()) != 3 {
		t.Fatalf("exit code %d, outputs %v:\n%s", got.ExitCode, got.Outputs, got.Log)
	}
	for _, body := range good.Bodies() {
		if !strings.Contains(body, "org/shop 3f2a91c0d4e5 on production") || !strings.Contains(body, "2 of 3 tasks died") ||
			!strings.Contains(body, "https://github.com/org/shop/actions/runs/7") || strings.Contains(body, "empty") || !json.Valid([]byte(body)) {
			t.Errorf("body %s", body)
		}
	}
}

func TestNeverFailsAGoodDeployment(t *testing.T) {
	gone := notifytest.NewHook(t, 404)
	good := notifytest.NewHook(t)
	got := run(t, map[string]string{"status": "success", "slack-webhook": gone.Address, "webhook-url": good.Address, "teams-webhook": "http://127.0.0.1:1/SECRETPATH", "timeout": "1s"})
	if got.ExitCode != 0 || got.Outputs["sent"] != "1" || got.Outputs["failed"] != "2" || !strings.Contains(got.Log, "::warning") {
		t.Errorf("exit code %d, outputs %v:\n%s", got.ExitCode, got.Outputs, got.Log)
	}
	shown := ""
	for line := range strings.Lines(got.Log) {
		if !strings.HasPrefix(line, "::add-mask::") {
			shown += line
		}
	}
	if strings.Contains(shown, "SECRETPATH") {
		t.Errorf("a webhook is told:\n%s", shown)
	}
}

func TestLevel(t *testing.T) {
	good := notifytest.NewHook(t)
	for _, status := range []string{"success", "info", "skipped", "failure", "cancelled"} {
		run(t, map[string]string{"status": status, "level": "failure", "slack-webhook": good.Address})
	}
	if n := len(good.Bodies()); n != 2 {
		t.Errorf("%d messages, want those of failure and cancelled", n)
	}
}

func TestDryRunTellsNobody(t *testing.T) {
	good := notifytest.NewHook(t)
	got := run(t, map[string]string{"slack-webhook": good.Address, "dry-run": "true"})
	if got.ExitCode != 0 || len(good.Bodies()) != 0 || !strings.Contains(got.Log, "slack would be told") {
		t.Errorf("exit code %d, %d messages:\n%s", got.ExitCode, len(good.Bodies()), got.Log)
	}
}

func TestBadInputs(t *testing.T) {
	for words, with := range map[string]map[string]string{
		"no channel is given": {},
		"email-to":            {"email-to": "nobody", "email-from": "a@example.com"},
		"email-from":          {"email-to": "a@example.com"},
		"input title":         {"title": "{{.unknown}}", "webhook-url": "http://127.0.0.1:1/"},
		"input text":          {"text": "{{", "webhook-url": "http://127.0.0.1:1/"},
	} {
		if got := run(t, with); got.ExitCode == 0 || !strings.Contains(got.Log, words) {
			t.Errorf("exit code %d, want %q:\n%s", got.ExitCode, words, got.Log)
		}
	}
}

func TestMailByAmazonSES(t *testing.T) {
	cloud, err := localaws.Start(t.Context(), localaws.Options{NoData: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	key, env := cloud.SessionEnv("action")
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	got := run(t, map[string]string{
		"status": "success", "title": "shop is up", "email-to": "a@example.com, b@example.com", "email-from": "deploy@example.com",
	})
	inbox := cloud.Mail.Inbox()
	if got.ExitCode != 0 || got.Outputs["sent"] != "1" || len(inbox) != 1 {
		t.Fatalf("exit code %d, outputs %v, %d messages:\n%s", got.ExitCode, got.Outputs, len(inbox), got.Log)
	}
	if inbox[0].Subject != "✅ shop is up" || len(inbox[0].To) != 2 || !strings.Contains(inbox[0].Text, "actions/runs/7") {
		t.Errorf("message %+v", inbox[0])
	}
	policytest.Covers(t, cloud.Calls(), key, "README.md")
}

// Without credentials e-mail fails, and nothing else.
func TestMailWithoutCredentials(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, "")
	}
	good := notifytest.NewHook(t)
	got := run(t, map[string]string{
		"slack-webhook": good.Address, "email-to": "a@example.com", "email-from": "b@example.com", "timeout": "5s", "expected-account-id": "111122223333",
	})
	if got.ExitCode != 0 || len(good.Bodies()) != 1 || got.Outputs["failed"] != "1" {
		t.Errorf("exit code %d, outputs %v:\n%s", got.ExitCode, got.Outputs, got.Log)
	}
}
