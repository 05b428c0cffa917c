package smoketest

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/org/shipkit/pkg/smoke"
)

var update = flag.Bool("update", false, "write the golden file")

func TestSummaryView(t *testing.T) {
	ms := time.Millisecond
	result := &smoke.Result{
		Passed: 2, Failed: 1, Skipped: 1, Warned: 1, Version: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		Duration: 83 * time.Second,
		Checks: []*smoke.CheckResult{
			{
				Name: "home page", Verdict: smoke.Passed, Target: "GET https://shop.test/", Attempts: 20, Duration: 4 * time.Second,
				Latencies: []time.Duration{8 * ms, 9 * ms, 9 * ms, 10 * ms, 10 * ms, 10 * ms, 12 * ms, 15 * ms, 30 * ms, 90 * ms},
				Load:      &smoke.LoadResult{Sent: 200, Errors: 3, Duration: 10 * time.Second, P50: 9 * ms, P95: 30 * ms, P99: 80 * ms, Max: 91 * ms},
			},
			{
				Name: "deployed | version", Verdict: smoke.Failed, Target: "GET https://shop.test/health", Status: 200, Attempts: 11, Duration: 80 * time.Second,
				Findings: []smoke.Finding{{
					Severity: smoke.Fail, Expected: "version def5678", Seen: "2 of 10 answers came from the old version abc123",
					Try: "wait for the deployment to end", Place: smoke.Place{File: "smoke.yml", Line: 7, Column: 5},
				}},
				Version: &smoke.VersionResult{Expected: "def5678", Samples: 10, Met: 8, Others: map[string]int{"abc123": 2}},
				Excerpt: "{\"version\": `abc123`} <script>",
			},
			{
				Name: "orders", Verdict: smoke.Skipped, Target: "GET https://shop.test/orders",
				Findings: []smoke.Finding{{Severity: smoke.Fail, Expected: `check "log in" passes first`, Seen: "it failed"}},
			},
			{
				Name: "certificate", Verdict: smoke.Warned, Target: "GET https://shop.test/", Attempts: 1, Duration: 60 * ms,
				Findings: []smoke.Finding{{Severity: smoke.Warn, Expected: "certificate valid for 30 more days", Seen: "12 days left (until 2026-12-03)"}},
			},
			{
				Name: "canary", Verdict: smoke.Passed, Target: "https://a and https://b", Attempts: 100, Duration: 5 * time.Second,
				Compare: &smoke.CompareResult{
					Pairs: 50, Confidence: 0.95,
					Stable: smoke.Side{Errors: 0, P50: 20 * ms, P95: 40 * ms}, Canary: smoke.Side{Errors: 1, P50: 22 * ms, P95: 45 * ms},
					LatencyRatio:    smoke.Interval{Value: 1.1, Low: 1.02, High: 1.18, Samples: 49, Confidence: 0.95},
					ErrorDifference: smoke.Interval{Value: 0.02, Low: -0.05, High: 0.1, Samples: 50, Confidence: 0.95},
				},
			},
		},
	}
	got := summaryView(result)
	const golden = "testdata/summary.md"
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
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	places := annotations(result)
	if len(places) != 3 || places[0].Place() != "smoke.yml:7:5" {
		t.Errorf("annotations %+v", places)
	}
}
