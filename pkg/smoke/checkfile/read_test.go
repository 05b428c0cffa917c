package checkfile_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/checkfile"
)

var update = flag.Bool("update", false, "write the golden files")

// A case is two files: testdata/bad/NAME.yml and what is reported, NAME.out.
func TestReadReportsAllProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			suite, err := checkfile.Read(data, options(file))
			if err == nil {
				t.Fatalf("read gives %d checks, want problems", len(suite.Checks))
			}
			golden := strings.TrimSuffix(file, ".yml") + ".out"
			got := err.Error() + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadBoundsTheFile(t *testing.T) {
	big := append([]byte("checks:\n"), bytes.Repeat([]byte("  # filler\n"), 1_000_000)...)
	if _, err := checkfile.Read(big, options("big.yml")); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a file of %d bytes: %v", len(big), err)
	}
	bomb := "variables: {a: b}\nchecks:\n  - name: a\n    url: http://h\n    json:\n      - &l0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		item := "*l" + string(rune('0'+i))
		bomb += "      - &l" + string(rune('1'+i)) + " [" + strings.Repeat(item+", ", 9) + item + "]\n"
	}
	if _, err := checkfile.Read([]byte(bomb), options("bomb.yml")); err == nil || !strings.Contains(err.Error(), "aliases followed") {
		t.Errorf("a bomb of aliases: %v", err)
	}
}

func TestReadKeepsSecretsApart(t *testing.T) {
	data, err := os.ReadFile("testdata/good/everything.yml")
	if err != nil {
		t.Fatal(err)
	}
	suite, err := checkfile.Read(data, options("everything.yml"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, s := range suite.Secrets {
		got[s] = true
	}
	want := map[string]bool{"value-of-PASSWORD": true, "value-of-TOKEN": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

func TestReadTakesDefaults(t *testing.T) {
	suite, err := checkfile.Read([]byte(`
defaults: {severity: warn, headers: {A: one, B: two}, status: 204, stable: {samples: 3}}
checks:
  - {name: first, url: "http://h", headers: {b: three}}
  - {name: second, url: "http://h", severity: fail, status: 200, stable: {max-failure-ratio: 0.5}}
`), options("defaults.yml"))
	if err != nil {
		t.Fatal(err)
	}
	first, second := suite.Checks[0], suite.Checks[1]
	var headers []string
	for _, f := range first.Steps[0].Request.Header {
		headers = append(headers, f.Name+"="+f.Value.String())
	}
	if diff := cmp.Diff([]string{"A=one", "b=three"}, headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if first.Severity != smoke.Warn || second.Severity != smoke.Fail {
		t.Errorf("severities %s and %s, want warn and fail", first.Severity, second.Severity)
	}
	if !first.Steps[0].Status.Has(204) || first.Steps[0].Status.Has(200) || !second.Steps[0].Status.Has(200) {
		t.Errorf("statuses %s and %s, want 204 and 200", first.Steps[0].Status, second.Steps[0].Status)
	}
	if second.Stable.Samples != 3 || second.Stable.MaxFailures != 0.5 || first.Stable.MaxFailures != 0 {
		t.Errorf("windows %+v and %+v", first.Stable, second.Stable)
	}
}

func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yml", "testdata/bad/*.yml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		suite, err := checkfile.Read(data, options("fuzz.yml"))
		if (suite == nil) == (err == nil) {
			t.Fatalf("suite %v with error %v", suite, err)
		}
		var problems diag.List
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("error %v is no list", err)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Summary == "" {
				t.Fatalf("problem without a place or words: %+v", p)
			}
		}
		if suite != nil {
			smoke.Plan(suite)
		}
	})
}
