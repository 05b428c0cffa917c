// Package e2e runs the suite as its users do: real workflows through act, the
// released binary behind its shim.
package e2e

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/acttest"
)

// service answers well under /healthy, to those with the token or none.
func service(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthy" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		if r.Header.Get("Authorization") == "Bearer wrong" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestTheSmokeTestWorkflow(t *testing.T) {
	result := acttest.Run(t, acttest.Workflow{
		File:    "testdata/workflows/smoke-test.yml",
		Vars:    map[string]string{"URL": service(t).URL},
		Secrets: map[string]string{"TOKEN": "hunter22-token"},
	})
	for job, want := range map[string]string{
		"healthy": "success", "next-job": "success", "broken": "failure", "command": "success",
	} {
		if result.Jobs[job] != want {
			t.Errorf("job %s: %q, want %q", job, result.Jobs[job], want)
		}
	}
	if result.ExitCode == 0 {
		t.Error("the run did not fail")
	}
	for _, want := range []string{"passed 1 in the next step", "passed 1 in the next job", "shown after the failure", `"ok": true`} {
		if !strings.Contains(result.Log, want) {
			t.Errorf("log lacks %q", want)
		}
	}
	if strings.Contains(result.Log, "never shown") || strings.Contains(result.Log+result.Summary, "hunter22-token") {
		t.Error("the log shows what it must not")
	}
	if !hasAnnotation(result, "error: ") {
		t.Error("the failure is not annotated:", result.Annotations)
	}
	if !strings.Contains(result.Summary, "/healthy") || !strings.Contains(result.Summary, "/broken") {
		t.Error("summary:", result.Summary)
	}
	if t.Failed() {
		t.Log(result.Log, result.Stderr)
	}
}

func TestATypoIsTold(t *testing.T) {
	result := acttest.Run(t, acttest.Workflow{YAML: `
on: push
jobs:
  typo:
    runs-on: ubuntu-latest
    steps:
      - uses: org/shipkit/smoke-test@v1
        with: {url: not a URL, timeout: soon, staus: 200}
`})
	if result.ExitCode == 0 {
		t.Error("the run did not fail")
	}
	for _, want := range []string{
		`error: input "url": "not a URL" was given`, `error: input "timeout": "soon" was given`,
		`warning: input "staus" is not one of this action's and was ignored`,
	} {
		if !hasAnnotation(result, want) {
			t.Errorf("no annotation %q in %v", want, result.Annotations)
		}
	}
}

func hasAnnotation(result acttest.Result, want string) bool {
	for _, a := range result.Annotations {
		if strings.HasPrefix(a.Level+": "+a.Message, want) {
			return true
		}
	}
	return false
}
