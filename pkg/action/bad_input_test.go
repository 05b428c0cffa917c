package action_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// neverRuns fails the test if the action starts in spite of a bad input.
func neverRuns(t *testing.T) action.Spec {
	return sample(func(context.Context, *action.Runtime, inputs) error {
		t.Error("the action ran")
		return nil
	})
}

func TestBadInputs(t *testing.T) {
	for name, test := range map[string]struct {
		input, value string
		want         string // of the annotation
	}{
		"missing":           {"url", "", `input "url" is required and was not given%0ATry: write url: https://example.com (Address to ask)`},
		"only blanks":       {"url", " \n ", `input "url" is required and was not given`},
		"no URL":            {"url", "example.com", `input "url": "example.com" was given; allowed is an absolute URL with https or http`},
		"other scheme":      {"url", "ftp://example.com", `allowed is an absolute URL with https or http`},
		"password":          {"url", "htp://u:hunter22@example.com", `what was given (not shown, it may hold a password) is not right`},
		"yes is no boolean": {"dry-run", "yes", `input "dry-run": "yes" was given; allowed is true or false%0ATry: write dry-run: true`},
		"duration":          {"timeout", "5 minutes", `input "timeout": "5 minutes" was given; allowed is a duration from 1s to 6h%0ATry: write timeout: 90s`},
		"too short":         {"timeout", "1ms", `"1ms" was given: too small; allowed is a duration from 1s to 6h`},
		"too long":          {"timeout", "7h", `was given: too large`},
		"none of them":      {"mode", "Always", `"Always" was given; allowed is one of auto, always, off%0ATry: write mode: auto`},
		"rate":              {"bandwidth-limit", "8Mb", `"8Mb" was given; allowed is a rate with its unit%0ATry: write bandwidth-limit: 8Mbit`},
		"size without unit": {"max-upload", "64", `"64" was given; allowed is a size with its unit at least 1MB`},
		"negative size":     {"max-upload", "-1MB", `"-1MB" was given; allowed is a size`},
		"huge size":         {"max-upload", "99999999999TB", `allowed is a size`},
		"negative":          {"desired-count", "-1", `"-1" was given: too small; allowed is a whole number at least 0`},
		"no whole number":   {"desired-count", "1.5", `"1.5" was given; allowed is a whole number`},
		"not finite":        {"share", "NaN", `"NaN" was given; allowed is a number from 0 to 1`},
		"no key":            {"build-args", "A=1\njust text", `"just text": no key=value; allowed is key=value lines`},
		"key twice":         {"build-args", "A=1\nA=2", `key "A" stands twice`},
		"control character": {"aws-region", "eu\x1b[31m", `"eu\x1b[31m" was given: holds the control character U+001B`},
		"in a list":         {"tags", "a\x07b", `holds the control character U+0007`},
		"no UTF-8":          {"aws-region", "\xff", `not valid UTF-8`},
		"secret":            {"token", "hunter22\x1b", `input "token": the 9 bytes given are not right`},
		"no file":           {"checks", "no/such.yml", `"no/such.yml" was given: no such file or directory; allowed is the path of a file`},
		"folder":            {"checks", ".", `was given: a folder`},
		"a megabyte":        {"aws-region", strings.Repeat("x", 1<<20), `input "aws-region": it is 1048576 bytes long, more than 131072`},
	} {
		t.Run(name, func(t *testing.T) {
			with := map[string]string{"url": "https://example.com"}
			with[test.input] = test.value
			result := actiontest.Run(t.Context(), t, actiontest.Step{Spec: neverRuns(t), With: with})
			if result.ExitCode != action.ExitBadInput {
				t.Errorf("exit code %d", result.ExitCode)
			}
			want := strings.ReplaceAll(test.want, "%0A", "\x00")
			want = strings.ReplaceAll(strings.ReplaceAll(want, "%", "%25"), "\x00", "%0A")
			if !strings.Contains(result.Log, want) || strings.Count(result.Log, "::error::") != 1 {
				t.Errorf("log lacks %q:\n%.2000s", want, result.Log)
			}
			if strings.Contains(strings.ReplaceAll(result.Log, "::add-mask::hunter22", ""), "hunter22") {
				t.Error("a secret is shown:", result.Log)
			}
		})
	}
}

func TestAllBadInputsAtOnce(t *testing.T) {
	result := actiontest.Run(t.Context(), t, actiontest.Step{Spec: neverRuns(t), With: map[string]string{
		"timeout": "x", "mode": "x", "tag": "v1", "totally-other": "1",
	}})
	for _, want := range []string{
		`::error::input "url" is required`, `::error::input "timeout": "x"`, `::error::input "mode": "x"`,
		`::warning::input "tag" is not one of this action's and was ignored%0ATry: did you mean "tags"?`,
		`::warning::input "totally-other" is not one of this action's and was ignored%0ATry: one of aws-region, url,`,
	} {
		if !strings.Contains(result.Log, want) {
			t.Errorf("log lacks %s:\n%s", want, result.Log)
		}
	}
	for _, want := range []string{"### ❌ sample failed", "- input \"url\" is required and was not given<br>**Try:** ", "- input \"mode\": \"x\""} {
		if !strings.Contains(result.Summary, want) {
			t.Errorf("summary lacks %s:\n%s", want, result.Summary)
		}
	}
	if strings.Contains(result.Summary, "tags") {
		t.Errorf("a warning is no reason to fail:\n%s", result.Summary)
	}
}

func TestUnwritableOutputFailsTheStep(t *testing.T) {
	folder := t.TempDir() // to write to a folder fails for root, too
	spec := sample(func(_ context.Context, rt *action.Runtime, _ inputs) error {
		rt.SetOutput("status", "ok")
		rt.Summary("# Done")
		return nil
	})
	for name, env := range map[string]map[string]string{
		"a folder": {"GITHUB_OUTPUT": folder},
		"not set":  {"GITHUB_OUTPUT": ""},
		"gone":     {"GITHUB_OUTPUT": filepath.Join(folder, "no", "file")},
		"summary":  {"GITHUB_STEP_SUMMARY": folder},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			log, code := onGitHub(t, spec, dir, map[string]string{"INPUT_URL": "https://example.com"}, env)
			if code != action.ExitFailed || !strings.Contains(log, "::error::write ") || !strings.Contains(log, "GITHUB_") {
				t.Errorf("exit code %d, log:\n%s", code, log)
			}
		})
	}
}

// onGitHub runs a Spec on a runner whose environment is given layer by layer.
func onGitHub(t *testing.T, spec action.Spec, dir string, layers ...map[string]string) (log string, code int) {
	t.Helper()
	var out strings.Builder
	host := action.Host{Stdout: &out, Stderr: &out, Environ: []string{
		"GITHUB_ACTIONS=true", "GITHUB_OUTPUT=" + filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary"),
	}}
	for _, layer := range layers {
		for name, value := range layer {
			host.Environ = append(host.Environ, name+"="+value)
		}
	}
	code = action.Program{Specs: []action.Spec{spec}}.Main(t.Context(), host, []string{spec.Name()})
	return out.String(), code
}

func TestOutputs(t *testing.T) {
	crafted := "a\nGITHUB\n_GitHubActionsFileCommandDelimeter_\nstatus=evil\nstatus<<EOF\nevil\nEOF\n"
	spec := sample(func(_ context.Context, rt *action.Runtime, _ inputs) error {
		rt.SetOutput("text", crafted)
		rt.SetOutput("status", "first")
		rt.SetOutput("status", "")
		return nil
	})
	result := actiontest.Run(t.Context(), t, actiontest.Step{Spec: spec, With: map[string]string{"url": "https://example.com"}})
	if result.ExitCode != 0 || result.Outputs["text"] != crafted || result.Outputs["status"] != "" || len(result.Outputs) != 2 {
		t.Errorf("%d %q", result.ExitCode, result.Outputs)
	}
}

func TestOutputsThatCannotBe(t *testing.T) {
	for name, test := range map[string]struct{ output, value, want string }{
		"undeclared": {"stauts", "x", `set output "stauts" of sample: action.yml does not declare it`},
		"too long":   {"text", strings.Repeat("x", 1<<20+1), `write output "text": 1048577 bytes are more than GitHub's limit`},
	} {
		t.Run(name, func(t *testing.T) {
			spec := sample(func(_ context.Context, rt *action.Runtime, _ inputs) error {
				rt.SetOutput(test.output, test.value)
				return nil
			})
			result := actiontest.Run(t.Context(), t, actiontest.Step{Spec: spec, With: map[string]string{"url": "https://example.com"}})
			if result.ExitCode != action.ExitFailed || !strings.Contains(result.Log, test.want) {
				t.Errorf("%d\n%.500s", result.ExitCode, result.Log)
			}
		})
	}
}

func TestBrokenLogBreaksNothing(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	spec := sample(func(_ context.Context, rt *action.Runtime, _ inputs) error {
		rt.Infof("nobody reads this")
		return nil
	})
	host := action.Host{Stdout: write, Stderr: write, Environ: []string{"INPUT_URL=https://example.com", "GITHUB_ACTIONS=true"}}
	if code := (action.Program{Specs: []action.Spec{spec}}).Main(t.Context(), host, []string{"sample"}); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
