package action_test

import (
	"context"
	"strings"
	"testing"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// A re-run of a job is the same run to a lock, another job is not; and so are
// two processes at terminals.
func TestRunKey(t *testing.T) {
	key := func(env map[string]string) (key string) {
		spec := sample(func(_ context.Context, rt *action.Runtime, _ inputs) error {
			key = rt.RunKey()
			return nil
		})
		if got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: spec, With: map[string]string{"url": "https://example.com"}, Env: env}); got.ExitCode != 0 {
			t.Fatal(got.Log)
		}
		return key
	}
	run := map[string]string{"GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_JOB": "ship"}
	again := map[string]string{"GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_JOB": "ship"}
	other := map[string]string{"GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "42", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_JOB": "test"}
	if got := key(run); got != "acme/shop/42/ship" || key(again) != got || key(other) == got {
		t.Errorf("keys: %q, %q, %q", got, key(again), key(other))
	}
	if got := key(nil); !strings.Contains(got, "/") || strings.Contains(got, "/0/") {
		t.Errorf("key at a terminal: %q", got)
	}
}
