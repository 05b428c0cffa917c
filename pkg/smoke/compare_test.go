package smoke_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
)

func comparing(t *testing.T, samples int) *smoke.Check {
	t.Helper()
	query, err := smoke.CompileJQ(".kind", nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newCheck()
	c.Compare = smoke.DefaultCompare()
	c.Compare.Stable, c.Compare.Canary = template.Literal("http://stable/"), template.Literal("http://canary")
	c.Compare.Paths = []template.Text{template.Literal("/items")}
	c.Compare.JQ = []*smoke.JQ{query}
	c.Compare.Samples = samples
	return c
}

func TestCompare(t *testing.T) {
	good := func(d time.Duration) *probe.Answer {
		a := body(`{"kind":"list"}`)
		a.Duration = d
		return a
	}
	ms := time.Millisecond
	for name, test := range map[string]struct {
		canary  func(n int) *probe.Answer
		samples int
		verdict smoke.Verdict
		seen    string
	}{
		"the same":              {func(int) *probe.Answer { return good(100 * ms) }, 50, smoke.Passed, ""},
		"faster":                {func(int) *probe.Answer { return good(50 * ms) }, 50, smoke.Passed, ""},
		"twice as slow":         {func(int) *probe.Answer { return good(200 * ms) }, 50, smoke.Failed, "2.00 times (95% sure: 2.00 to 2.00, 50 samples)"},
		"perhaps slower":        {func(n int) *probe.Answer { return good([]time.Duration{100, 160, 160, 100, 160}[n%5] * ms) }, 20, smoke.Warned, "may be chance"},
		"a third fails":         {func(n int) *probe.Answer { return pickAnswer(n%3 == 0, status(500), good(100*ms)) }, 50, smoke.Failed, "16 of 50 against 0 of 50: +32.0%"},
		"two of twenty fail":    {func(n int) *probe.Answer { return pickAnswer(n%10 == 0, status(500), good(100*ms)) }, 20, smoke.Warned, "may be chance"},
		"two of hundred fail":   {func(n int) *probe.Answer { return pickAnswer(n%50 == 0, status(500), good(100*ms)) }, 100, smoke.Passed, ""},
		"another status":        {func(int) *probe.Answer { return status(404) }, 50, smoke.Failed, "status 200 on stable, 404 on canary (50 of 50 pairs)"},
		"another body":          {func(int) *probe.Answer { return body(`{"kind":"page"}`) }, 50, smoke.Failed, `jq .kind is "list" on stable, "page" on canary`},
		"another body, by turn": {func(n int) *probe.Answer { return pickAnswer(n == 7, body(`{"kind":"page"}`), good(100*ms)) }, 50, smoke.Passed, ""},
		"no JSON":               {func(int) *probe.Answer { return body("<html>") }, 50, smoke.Failed, "the body is not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := -1 // the first is that of readiness
				s := &service{answer: func(_ int, r probe.Request) (*probe.Answer, error) {
					if r.URL == "http://stable/items" {
						return good(100 * ms), nil
					}
					if n++; n == 0 {
						return good(100 * ms), nil
					}
					return test.canary(n), nil
				}}
				got := run(t, s, comparing(t, test.samples)).Checks[0]
				if got.Verdict != test.verdict {
					t.Fatalf("%s, want %s: %+v %+v", got.Verdict, test.verdict, got.Findings, got.Compare)
				}
				if len(got.Findings) > 0 && !strings.Contains(got.Findings[0].Seen, test.seen) {
					t.Errorf("findings %+v do not tell %q", got.Findings, test.seen)
				}
				if got.Compare.Pairs != test.samples {
					t.Errorf("%d pairs", got.Compare.Pairs)
				}
			})
		})
	}
}

func TestCompareTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(int, probe.Request) (*probe.Answer, error) { return body(`{"kind":1}`), nil }}
		run(t, s, comparing(t, 20))
		first := map[string]int{}
		for i := 2; i < len(s.asked); i += 2 {
			first[s.asked[i].URL]++
		}
		if first["http://stable/items"] != 10 || first["http://canary/items"] != 10 {
			t.Errorf("asked first: %v", first)
		}
	})
}

func TestCompareWaitsForBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(n int, r probe.Request) (*probe.Answer, error) {
			if r.URL == "http://canary/items" && n < 5 {
				return nil, refused()
			}
			return body(`{"kind":1}`), nil
		}}
		if got := run(t, s, comparing(t, 20)); !got.OK() {
			t.Errorf("%+v", got.Checks[0].Findings)
		}
	})
}

func TestLoadKeepsItsBounds(t *testing.T) {
	for name, test := range map[string]struct {
		takes      time.Duration
		load       smoke.Load
		sent, late int
	}{
		"fast service": {10 * time.Millisecond, smoke.Load{Rate: 20, Duration: 5 * time.Second, InFlight: 8}, 100, 0},
		"slow service": {2 * time.Second, smoke.Load{Rate: 10, Duration: 4 * time.Second, InFlight: 5}, 10, 30},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{answer: func(n int, _ probe.Request) (*probe.Answer, error) {
					time.Sleep(test.takes)
					if n > 1 && n%5 == 0 {
						return status(500), nil
					}
					return status(200), nil
				}}
				c := newCheck()
				c.Load = &test.load
				got := run(t, s, c).Checks[0]
				if got.Verdict != smoke.Passed {
					t.Fatalf("a load only reports: %+v", got.Findings)
				}
				if got.Load.Sent != test.sent || got.Load.Late != test.late {
					t.Errorf("%d sent, %d late, want %d and %d", got.Load.Sent, got.Load.Late, test.sent, test.late)
				}
				if got.Load.Errors != test.sent/5 || got.Load.ErrorRatio() != 0.2 {
					t.Errorf("%d errors, ratio %g", got.Load.Errors, got.Load.ErrorRatio())
				}
				if got.Load.P50 != test.takes {
					t.Errorf("p50 %s", got.Load.P50)
				}
				gap := time.Duration(float64(time.Second) / test.load.Rate)
				for i := 2; i < len(s.at); i++ {
					if between := s.at[i] - s.at[i-1]; between < gap {
						t.Fatalf("requests %d and %d are %s apart, at least %s", i, i+1, between, gap)
					}
				}
			})
		})
	}
}

func pickAnswer(which bool, yes, no *probe.Answer) *probe.Answer {
	if which {
		return yes
	}
	return no
}
