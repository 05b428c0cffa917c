package record

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/policytest"
	"github.com/org/shipkit/pkg/action/actiontest"
	"github.com/org/shipkit/pkg/history"
)

func start(t *testing.T) (server *localaws.Server, key string, env map[string]string) {
	t.Helper()
	server, err := localaws.Start(t.Context(), localaws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	key, variables := server.SessionEnv("action")
	t.Cleanup(func() { policytest.Covers(t, server.Calls(), key, "README.md") })
	for _, line := range variables {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
	return server, key, map[string]string{"GITHUB_WORKSPACE": t.TempDir(), "GITHUB_ACTOR": "ada"}
}

func step(t *testing.T, env, with map[string]string) actiontest.Result {
	t.Helper()
	return actiontest.Run(t.Context(), t, actiontest.Step{Spec: Spec, With: with, Env: env})
}

func TestRecordThenCheck(t *testing.T) {
	server, _, env := start(t)
	_, err := ssm.NewFromConfig(server.Config()).PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: aws.String("/xy-0146-staging/deployments/20250102T100000Z"), Value: aws.String("{}"), Type: types.ParameterTypeString,
	})
	if err != nil {
		t.Fatal(err)
	}
	env["GITHUB_SHA"] = "2222222222222222222222222222222222222222"
	got := step(t, env, map[string]string{
		"namespace": "xy-0146-staging", "commit-time": "2026-01-02T10:00:00+01:00", "image": "r/app@sha256:abcdef", "keep": "1",
		"stages": `{"build":{"result":"success","outputs":{"bytes-sent":"200000","bytes-saved":"100800000","duration":"62"}},
			"deploy":{"result":"success","outputs":{"duration":"1m5s"}}}`,
	})
	if got.ExitCode != 0 || got.Outputs["status"] != "succeeded" || got.Outputs["bytes-saved"] != "100800000" || got.Outputs["duration"] != "127" {
		t.Fatalf("record: %+v", got)
	}
	for _, want := range []string{"### ✅ staging: 222222222222 succeeded", "| build | ✅ success | 1m02s | 200.0 kB of 101.0 MB (99.8 % saved) |", "by `ada`"} {
		if !strings.Contains(got.Summary, want) {
			t.Errorf("the summary lacks %q:\n%s", want, got.Summary)
		}
	}
	text, err := os.ReadFile(got.Outputs["result-path"])
	if err != nil || strings.TrimSpace(string(text)) != got.Outputs["result"] {
		t.Errorf("result file: %s, %v", text, err)
	}
	var result history.Record
	if err := json.Unmarshal(text, &result); err != nil || result.Status != history.Succeeded || len(result.Stages) != 2 ||
		result.Stages[0].BytesSaved != 100800000 || result.Stages[1].Seconds != 65 {
		t.Errorf("result %+v, %v", result, err)
	}
	env["GITHUB_SHA"] = "1111111111111111111111111111111111111111"
	check := map[string]string{"mode": "check", "namespace": "xy-0146-staging", "commit-time": "2026-01-01T10:00:00Z"}
	if got = step(t, env, check); got.ExitCode != 1 || !strings.Contains(got.Log, "would go back in time") {
		t.Errorf("an older commit: %+v", got)
	}
	check["allow-older"] = "true"
	if got = step(t, env, check); got.ExitCode != 0 || !strings.Contains(got.Log, "goes back in time") {
		t.Errorf("an older commit that is allowed: %+v", got)
	}
	delete(check, "allow-older")
	check["commit-time"] = "2026-01-03T10:00:00Z"
	if got = step(t, env, check); got.ExitCode != 0 {
		t.Errorf("a newer commit: %+v", got)
	}
}

// TestARestoredImageIsTheVersionThatServes: the commit of a rollback's run is
// not what runs.
func TestARestoredImageIsTheVersionThatServes(t *testing.T) {
	_, _, env := start(t)
	image := "r/app@sha256:" + strings.Repeat("1", 64)
	env["GITHUB_SHA"] = "1111111111111111111111111111111111111111"
	step(t, env, map[string]string{"namespace": "xy-0146-staging", "image": image, "commit-time": "2026-01-02T10:00:00Z"})
	env["GITHUB_SHA"] = "2222222222222222222222222222222222222222"
	for _, test := range []struct{ given, version, commit string }{
		{`["` + image + `"]`, "111111111111", "1111111111111111111111111111111111111111"},
		{"r/app:unknown", "back", ""},
	} {
		got := step(t, env, map[string]string{"namespace": "xy-0146-staging", "image": test.given, "restored": "true", "release": "back"})
		var result history.Record
		if err := json.Unmarshal([]byte(got.Outputs["result"]), &result); err != nil || result.Version != test.version || result.Commit != test.commit {
			t.Errorf("%s: %+v, %v", test.given, result, err)
		}
	}
}

func TestFailureTellsWhy(t *testing.T) {
	_, _, env := start(t)
	got := step(t, env, map[string]string{
		"namespace": "xy-0146-staging",
		"stages":    `{"deploy":{"result":"failure","outputs":{"failure-reason":"the task exits with 1"}},"rollback":{"result":"success"}}`,
	})
	if got.ExitCode != 0 || got.Outputs["status"] != "rolled-back" || got.Outputs["reason"] != "deploy failed: the task exits with 1" {
		t.Errorf("%+v", got)
	}
}

func TestNextSaysHowToGoOn(t *testing.T) {
	for stages, want := range map[string]string{
		"":                "",
		"test failure":    "The service was not touched. Mend",
		"promote failure": "Running again goes on with the database",
		"promote success, deploy failure, rollback success": "serves again. The database stays promoted",
		"deploy failure":                   "may be that the new version serves in part",
		"deploy success, smoke failure":    "The new version serves. The rollback",
		"promote success, recheck failure": "not touched. The database stays promoted",
	} {
		var r history.Record
		for stage := range strings.SplitSeq(stages, ", ") {
			if name, result, ok := strings.Cut(stage, " "); ok {
				r.Stages = append(r.Stages, history.Stage{Name: name, Result: result})
			}
		}
		r.Status, r.Reason = history.Judge(r.Stages)
		if got := next(r); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("after %s: %q, want %q", stages, got, want)
		}
	}
}

func TestBadInputs(t *testing.T) {
	got := step(t, nil, map[string]string{"namespace": "staging", "stages": "[", "commit-time": "today", "database": "old"})
	if got.ExitCode != 2 {
		t.Errorf("bad inputs end with exit code %d", got.ExitCode)
	}
	for _, want := range []string{"input namespace", "input stages", "input commit-time", "input database"} {
		if !strings.Contains(got.Log, want) {
			t.Errorf("the log lacks %q:\n%s", want, got.Log)
		}
	}
}
