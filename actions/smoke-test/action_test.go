package smoketest_test

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	smoketest "github.com/org/shipkit/actions/smoke-test"
	"github.com/org/shipkit/pkg/action/actiontest"
)

func shop(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	say := func(path, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<h1>Welcome</h1>")
	})
	say("GET /health", `{"version":"3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3","status":"ok"}`)
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		var who struct{ User, Password string }
		if json.NewDecoder(r.Body).Decode(&who) != nil || who.Password != "hunter2" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error":"no user `+who.User+` with password `+who.Password+`"}`)
			return
		}
		_, _ = io.WriteString(w, `{"token":"tok-123456"}`)
	})
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer tok-123456" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `[{"user":"smoke"}]`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestInputsAlone(t *testing.T) {
	server := shop(t)
	for name, test := range map[string]struct {
		with    map[string]string
		env     map[string]string
		code    int
		outputs map[string]string
		log     string
	}{
		"healthy": {
			with:    map[string]string{"jq": ".status == \"ok\"", "body-contains": "version"},
			outputs: map[string]string{"passed": "1", "failed": "0", "warned": "0", "version-observed": "", "failure-reason": ""},
		},
		"the expected version, abbreviated": {
			with:    map[string]string{"expect-version": "3f2a91c", "version-path": ".version"},
			outputs: map[string]string{"passed": "1", "version-observed": "3f2a91c"},
		},
		"the version of the deploy step": {
			with:    map[string]string{"version-path": ".version"},
			env:     map[string]string{"SHIPKIT_VERSION": "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3"},
			outputs: map[string]string{"passed": "1", "version-observed": "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3"},
		},
		"another version": {
			with: map[string]string{"expect-version": "v2", "version-path": ".version", "timeout": "3s"}, code: 1,
			outputs: map[string]string{"failed": "1", "version-observed": "3f2a91c0d4e5f60718293a4b5c6d7e8f90a1b2c3"},
			log:     "answers came from the old version 3f2a91c0d4e5",
		},
		"wrong status": {
			with: map[string]string{"status": "418"}, code: 1,
			outputs: map[string]string{
				"failed": "1", "failure-reason": "check 127.0.0.1/health (GET " + server.URL + "/health): expected status 418, seen status 200",
			},
			log: "expected status 418, seen status 200",
		},
		"canary against itself": {
			with:    map[string]string{"compare-url": server.URL + "/health", "compare-samples": "20", "jq": ".version"},
			outputs: map[string]string{"passed": "1"},
		},
		"load": {
			with:    map[string]string{"load-rate": "20", "load-duration": "1s"},
			outputs: map[string]string{"passed": "1"},
		},
		"dry run": {with: map[string]string{"dry-run": "true", "status": "418"}, log: "nothing is asked"},
		"all that is wrong": {
			with: map[string]string{
				"status": "fine", "retry-on": "maybe", "jq": ".a |", "resolve": "here", "expect-version": "v1", "method": "FETCH",
				"basic-auth": "nobody",
			},
			code: 2, log: "input status",
		},
		"out of range": {with: map[string]string{"samples": "0", "max-failure-ratio": "2", "timeout": "soon"}, code: 2, log: "max-failure-ratio"},
	} {
		t.Run(name, func(t *testing.T) {
			with := map[string]string{"url": server.URL + "/health", "interval": "50ms"}
			for input, value := range test.with {
				with[input] = value
			}
			got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: smoketest.Spec, With: with, Env: test.env})
			if got.ExitCode != test.code {
				t.Errorf("exit code %d, want %d:\n%s", got.ExitCode, test.code, got.Log)
			}
			for output, want := range test.outputs {
				if got.Outputs[output] != want {
					t.Errorf("output %s is %q, want %q", output, got.Outputs[output], want)
				}
			}
			if !strings.Contains(got.Log, test.log) {
				t.Errorf("the log does not tell %q:\n%s", test.log, got.Log)
			}
		})
	}
}

func TestAllInputProblemsAtOnce(t *testing.T) {
	got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: smoketest.Spec, With: map[string]string{
		"url": "http://127.0.0.1:1/", "status": "fine", "retry-on": "maybe", "fail-fast-on": "9xx", "jq": ".a |", "resolve": "here",
		"expect-version": "v1", "method": "FETCH", "basic-auth": "nobody",
	}})
	for _, input := range []string{"status", "retry-on", "fail-fast-on", "jq", "resolve", "expect-version", "method", "basic-auth"} {
		if !strings.Contains(got.Log, input) {
			t.Errorf("the problem of %s is not told:\n%s", input, got.Log)
		}
	}
}

func TestChecksFile(t *testing.T) {
	server := shop(t)
	dir := t.TempDir()
	step := actiontest.Step{
		Spec: smoketest.Spec,
		With: map[string]string{"checks": "../../testdata/smoke/shop.yml", "report-dir": dir},
		Env:  map[string]string{"SHOP_URL": server.URL, "SHOP_VERSION": "3f2a91c", "SHOP_PASSWORD": "hunter2"},
	}
	got := actiontest.Run(t.Context(), t, step)
	if got.ExitCode != 0 || got.Outputs["passed"] != "3" {
		t.Fatalf("exit code %d, outputs %v:\n%s", got.ExitCode, got.Outputs, got.Log)
	}
	checkReports(t, got.Outputs)

	step.Env["SHOP_PASSWORD"] = "wrong-password"
	got = actiontest.Run(t.Context(), t, step)
	if got.ExitCode != 1 || got.Outputs["passed"] != "2" || got.Outputs["failed"] != "1" {
		t.Errorf("exit code %d, outputs %v:\n%s", got.ExitCode, got.Outputs, got.Log)
	}
	if !strings.Contains(got.Log, "file=../../testdata/smoke/shop.yml") || !strings.Contains(got.Log, "seen status 403") {
		t.Errorf("no annotation at the line of the file:\n%s", got.Log)
	}
	everything := got.Log + got.Summary
	for _, path := range []string{got.Outputs["report-path"], got.Outputs["junit-path"]} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		everything += string(data)
	}
	if shown := strings.ReplaceAll(everything, "::add-mask::wrong-password", ""); strings.Contains(shown, "wrong-password") {
		t.Errorf("the password is shown:\n%s", shown)
	}
}

func checkReports(t *testing.T, outputs map[string]string) {
	t.Helper()
	data, err := os.ReadFile(outputs["report-path"])
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Checks []struct{ Name, Verdict string }
		Passed int
	}
	if err := json.Unmarshal(data, &report); err != nil || report.Passed != 3 || len(report.Checks) != 3 {
		t.Errorf("JSON report %+v: %v", report, err)
	}
	data, err = os.ReadFile(outputs["junit-path"])
	if err != nil {
		t.Fatal(err)
	}
	var junit struct {
		Tests int `xml:"tests,attr"`
	}
	if err := xml.Unmarshal(data, &junit); err != nil || junit.Tests != 3 {
		t.Errorf("JUnit report %+v: %v", junit, err)
	}
}

func TestBadChecksFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.yml")
	if err := os.WriteFile(file, []byte("checks:\n  - name: a\n    urll: http://h\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: smoketest.Spec, With: map[string]string{"checks": file}})
	if got.ExitCode == 0 || !strings.Contains(got.Log, "line=3") || !strings.Contains(got.Log, "col=5") || !strings.Contains(got.Log, `unknown key "urll"`) {
		t.Errorf("exit code %d:\n%s", got.ExitCode, got.Log)
	}
}

func TestNeither(t *testing.T) {
	got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: smoketest.Spec})
	if got.ExitCode == 0 || !strings.Contains(got.Log, "neither url nor checks") {
		t.Errorf("exit code %d:\n%s", got.ExitCode, got.Log)
	}
}

// An environment's settings give url and version; the file says what to check.
func TestChecksFileKnowsTheInputs(t *testing.T) {
	server := shop(t)
	file := filepath.Join(t.TempDir(), "smoke.yml")
	text := `
variables: {url: "https://default.invalid", page: "{{url}}/health"}
checks:
  - {name: version, url: "{{page}}", version: {expect: "{{version}}", jq: .version}, asserts: [{jq: .version | startswith($version)}]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := actiontest.Run(t.Context(), t, actiontest.Step{
		Spec: smoketest.Spec, With: map[string]string{"checks": file, "url": server.URL + "/"}, Env: map[string]string{"SHIPKIT_VERSION": "3f2a91c"},
	})
	if got.ExitCode != 0 || got.Outputs["version-observed"] != "3f2a91c" {
		t.Errorf("exit code %d, outputs %v:\n%s", got.ExitCode, got.Outputs, got.Log)
	}
}

// What the file would ignore must not pass without a word.
func TestInputsBesideAFile(t *testing.T) {
	got := actiontest.Run(t.Context(), t, actiontest.Step{Spec: smoketest.Spec, With: map[string]string{
		"checks": "../../testdata/smoke/shop.yml", "jq": ".ok", "bearer-token": "t0ken", "headers": "A=b",
	}})
	for _, want := range []string{"input jq is given beside checks", "input bearer-token", "input headers"} {
		if got.ExitCode != 2 || !strings.Contains(got.Log, want) {
			t.Errorf("exit code %d, the log lacks %q:\n%s", got.ExitCode, want, got.Log)
		}
	}
}
