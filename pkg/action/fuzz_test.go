package action

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"net/url"
)

type fuzzed struct {
	Text     string        `input:"text"`
	Bool     bool          `input:"bool"`
	Number   *int64        `input:"number" min:"0" max:"100"`
	Share    float64       `input:"share"`
	Duration time.Duration `input:"duration" min:"1s"`
	Size     Bytes         `input:"size"`
	Rate     Rate          `input:"rate"`
	URL      *url.URL      `input:"url"`
	File     File          `input:"file"`
	Lines    []string      `input:"lines" sep:","`
	Pairs    []KeyValue    `input:"pairs"`
	Mode     string        `input:"mode" oneof:"a,b"`
	Secret   string        `input:"secret" secret:"true"`
}

// FuzzBind binds any text to every type: it never panics, what it accepts keeps
// its limits, and what it says shows no secret and no control character.
func FuzzBind(f *testing.F) {
	for _, text := range []string{
		"", " ", "true", "1", "-1", "0.5", "90s", "64MB", "8Mbit/s", "1e400MB", "https://u:p@example.com", "a=b\nc=d", "a,b\n,", "\x00", "\xff", "1h2m",
	} {
		f.Add(text)
	}
	fields, err := fieldsOf(reflect.TypeFor[fuzzed]())
	if err != nil {
		f.Fatal(err)
	}
	meta := &Metadata{}
	for _, field := range fields {
		meta.Inputs = append(meta.Inputs, Input{Name: field.Input, Description: "Any.", Required: true})
	}
	f.Fuzz(func(t *testing.T, text string) {
		values := map[string]given{}
		for _, field := range fields {
			values[field.Input] = given{text: text}
		}
		bound, problems := bind(reflect.TypeFor[fuzzed](), fields, meta, values, workflowHint)
		in := bound.Interface().(fuzzed)
		if in.Number != nil && (*in.Number < 0 || *in.Number > 100) || in.Duration != 0 && in.Duration < time.Second || in.Size < 0 || in.Rate < 0 {
			t.Errorf("out of limits: %+v", in)
		}
		for _, problem := range problems {
			if strings.ContainsFunc(problem.Summary, unicode.IsControl) {
				t.Errorf("control character in %q", problem.Summary)
			}
			if strings.Contains(problem.Summary, `"secret"`) && len(text) > 12 && strings.Contains(problem.Summary, text) {
				t.Errorf("secret shown: %s", problem.Summary)
			}
		}
	})
}

// FuzzOutput writes any value and reads the file as the runner does: only that
// output is there, with that value.
func FuzzOutput(f *testing.F) {
	f.Add("name", "value")
	f.Add("name", "a\n_GitHubActionsFileCommandDelimeter_\nother=evil\n")
	f.Add("name", "other<<EOF\nevil\nEOF")
	f.Add("a=b", "x\r\ny")
	f.Fuzz(func(t *testing.T, name, value string) {
		path := filepath.Join(t.TempDir(), "output")
		files := commandFiles{host: Host{Environ: []string{"GITHUB_OUTPUT=" + path}}}
		if err := files.value("output", name, value); err != nil {
			if name != "" && !strings.ContainsAny(name, "\r\n=<") {
				t.Error(err)
			}
			return
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, _ := strings.Cut(string(text), "\n")
		key, delimiter, ok := strings.Cut(head, "<<")
		got, after, found := strings.Cut(rest, "\n"+delimiter+"\n")
		if !ok || !found || key != name || got != value || after != "" {
			t.Errorf("%q", text)
		}
	})
}
