package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/report"
)

var update = flag.Bool("update", false, "write the golden files")

var result = &smoke.Result{
	Passed: 1, Warned: 1, Failed: 1, Skipped: 1, Version: "def5678", Duration: 83 * time.Second,
	Checks: []*smoke.CheckResult{
		{
			Name: "home <page>", Verdict: smoke.Passed, Target: "GET https://shop.test/", Status: 200, Attempts: 1, Duration: 80 * time.Millisecond,
			Latencies: []time.Duration{80 * time.Millisecond}, Window: &smoke.WindowResult{Samples: 1},
		},
		{
			Name: "version", Verdict: smoke.Failed, Place: smoke.Place{File: "smoke.yml", Line: 7, Column: 5}, Target: "GET https://shop.test/health",
			Status: 200, Attempts: 11, Duration: 80 * time.Second, Excerpt: "{\"version\":\"abc\x1b123\"}",
			Findings: []smoke.Finding{{
				Severity: smoke.Fail, Expected: "version def5678", Seen: `2 of 10 answers came from "abc123" & more`, Try: "wait",
				Place: smoke.Place{File: "smoke.yml", Line: 7, Column: 5},
			}},
			Version: &smoke.VersionResult{Expected: "def5678", Samples: 10, Met: 8, Others: map[string]int{"abc123": 2}, Rounds: 1},
		},
		{
			Name: "certificate", Verdict: smoke.Warned, Target: "GET https://shop.test/", Attempts: 1,
			Findings: []smoke.Finding{{Severity: smoke.Warn, Expected: "30 more days", Seen: "12 days left"}},
		},
		{
			Name: "orders", Verdict: smoke.Skipped, Target: "GET https://shop.test/orders",
			Findings: []smoke.Finding{{Severity: smoke.Fail, Expected: `check "log in" passes first`, Seen: "it failed"}},
		},
	},
}

func TestGoldenReports(t *testing.T) {
	for golden, write := range map[string]func(io.Writer, *smoke.Result) error{
		"testdata/report.json": report.JSON, "testdata/report.xml": report.JUnit,
	} {
		var got bytes.Buffer
		if err := write(&got, result); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", golden, diff)
		}
	}
}

func TestReportsReadBack(t *testing.T) {
	var text bytes.Buffer
	if err := report.JSON(&text, result); err != nil {
		t.Fatal(err)
	}
	var back smoke.Result
	if err := json.Unmarshal(text.Bytes(), &back); err != nil || back.Checks[1].Findings[0] != result.Checks[1].Findings[0] {
		t.Errorf("%+v: %v", back, err)
	}
	text.Reset()
	if err := report.JUnit(&text, result); err != nil {
		t.Fatal(err)
	}
	var junit struct {
		Failures int `xml:"failures,attr"`
		Cases    []struct {
			Name    string    `xml:"name,attr"`
			Failure *struct{} `xml:"failure"`
			Skipped *struct{} `xml:"skipped"`
		} `xml:"testsuite>testcase"`
	}
	if err := xml.Unmarshal(text.Bytes(), &junit); err != nil {
		t.Fatal(err)
	}
	if junit.Failures != 1 || len(junit.Cases) != 4 || junit.Cases[0].Name != "home <page>" || junit.Cases[1].Failure == nil ||
		junit.Cases[2].Failure != nil || junit.Cases[3].Skipped == nil {
		t.Errorf("%+v", junit)
	}
}

type full struct{ left int }

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestReportsTellOfAFullDisk(t *testing.T) {
	for _, room := range []int{0, 40, 200} {
		if report.JUnit(&full{room}, result) == nil {
			t.Errorf("JUnit on %d bytes gives no error", room)
		}
		if report.JSON(&full{room}, result) == nil {
			t.Errorf("JSON on %d bytes gives no error", room)
		}
	}
}
