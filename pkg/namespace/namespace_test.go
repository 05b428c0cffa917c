package namespace

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/org/shipkit/pkg/diag"
)

func TestParse(t *testing.T) {
	tests := []struct {
		in   string
		bad  string // part of the error, "" if it is good
		want Namespace
	}{
		{in: "xy-0146-dev", want: Namespace{"xy", "0146", "dev"}},
		{in: "a-b-c", want: Namespace{"a", "b", "c"}},
		{in: "", bad: "is not <customer>-<project>-<environment>"},
		{in: "xy-0146", bad: "is not <customer>-<project>-<environment>"},
		{in: "xy-0146-dev-eu", bad: "is not <customer>-<project>-<environment>"},
		{in: "1y-0146-dev", bad: `customer "1y"`},
		{in: "XY-0146-dev", bad: `customer "XY"`},
		{in: "xy--dev", bad: `project ""`},
		{in: "xy-0146-dév", bad: `environment "dév"`},
		{in: "xy-0146-" + strings.Repeat("e", 25), bad: "33 characters, at most 32"},
	}
	for _, test := range tests {
		got, err := Parse(test.in)
		if test.bad == "" && (err != nil || got != test.want) {
			t.Errorf("Parse(%q) = %v, %v; want %v", test.in, got, err, test.want)
		}
		if test.bad != "" && (err == nil || !strings.Contains(err.Error(), test.bad)) {
			t.Errorf("Parse(%q) error = %v; want one with %q", test.in, err, test.bad)
		}
	}
}

func TestNewReportsEveryPart(t *testing.T) {
	_, err := New("", "B", "?")
	var list diag.List
	if !errors.As(err, &list) || len(list) != 3 {
		t.Fatalf("New: got %v, want three findings", err)
	}
	for _, finding := range list {
		if finding.Try == "" {
			t.Errorf("%q has no remedy", finding.Summary)
		}
	}
}

func TestTimestamp(t *testing.T) {
	moment := time.Date(2026, 1, 2, 16, 4, 5, 999, time.FixedZone("Lagos", 3600))
	ts := TimestampOf(moment)
	if ts != "20260102t150405z" {
		t.Errorf("TimestampOf = %q", ts)
	}
	back, err := ParseTimestamp(string(ts))
	if err != nil || back != ts || !back.Time().Equal(moment.Truncate(time.Second)) {
		t.Errorf("ParseTimestamp = %q (%v), %v", back, back.Time(), err)
	}
	for _, bad := range []string{"", "20260102T150405Z", "20260102t150405", "20261302t150405z", "20260102t150405z "} {
		if _, err := ParseTimestamp(bad); err == nil {
			t.Errorf("ParseTimestamp(%q) succeeded", bad)
		}
	}
}

// Every derived name must fit the limits that AWS states for its kind, for any
// namespace that New accepts.
func TestNamesFitAWS(t *testing.T) {
	rds := regexp.MustCompile(`^[a-z](-?[a-z0-9])*$`)
	parameter := regexp.MustCompile(`^(/[a-zA-Z0-9_.-]+)+$`)
	schedule := regexp.MustCompile(`^[0-9a-zA-Z_.-]{1,64}$`)
	stack := regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringMatching(`[a-z0-9]{1,14}`)
		n, err := New(rapid.StringMatching(`[a-z][a-z0-9]{0,10}`).Draw(t, "customer"), part.Draw(t, "project"), part.Draw(t, "environment"))
		if err != nil {
			t.Skip("longer than allowed")
		}
		ts := TimestampOf(time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "time"), 0))
		for _, id := range []string{
			n.Database(ts), n.Member(ts, 15), n.Snapshot(ts), n.Quarantine(ts), n.Masked(ts), n.Final(ts),
		} {
			if len(id) > 63 || !rds.MatchString(id) {
				t.Fatalf("%q (%d characters) is no RDS identifier", id, len(id))
			}
			if !stack.MatchString(id) {
				t.Fatalf("%q is no stack name", id)
			}
		}
		for _, name := range []string{n.Active(), n.Version(ts, "endpoint"), n.Parameter("db", "lock", "12")} {
			if len(name) > 1011 || !parameter.MatchString(name) || strings.Count(name, "/") > 15 {
				t.Fatalf("%q is no parameter name", name)
			}
		}
		if name := n.Schedule("off-hours-start"); !schedule.MatchString(name) {
			t.Fatalf("%q is no schedule name", name)
		}
		if len(n.String()) > 32 {
			t.Fatalf("%q is longer than a target group's name", n)
		}
		if back, err := Parse(n.String()); err != nil || back != n {
			t.Fatalf("Parse(%q) = %v, %v", n, back, err)
		}
	})
}

func TestTags(t *testing.T) {
	n := Namespace{"xy", "0146", "dev"}
	tags := n.Tags("20260102t150405z", Origin{
		Operation: "promote-snapshot", Repository: "acme/shop", RunURL: "https://github.com/acme/shop/actions/runs/1?a=b&c",
	})
	want := map[string]string{
		TagNamespace: "xy-0146-dev", TagTimestamp: "20260102t150405z", TagOperation: "promote-snapshot",
		TagRepository: "acme/shop", TagRunURL: "https://github.com/acme/shop/actions/runs/1_a=b_c",
	}
	if len(tags) != len(want) {
		t.Errorf("Tags = %v, want %v", tags, want)
	}
	for key, value := range want {
		if tags[key] != value {
			t.Errorf("tag %s = %q, want %q", key, tags[key], value)
		}
	}
	if !n.Owns(tags, "acme/shop") || !n.Owns(tags, "") {
		t.Error("the namespace does not own its own resource")
	}
	if n.Owns(tags, "acme/other") || n.Owns(nil, "") || n.Shared().Owns(tags, "") {
		t.Error("a stranger's resource counts as owned")
	}
	if long := n.Tags("", Origin{RunURL: strings.Repeat("x", 300)}); len(long[TagRunURL]) != 256 || len(long) != 2 {
		t.Errorf("long value: %d characters in %v", len(long[TagRunURL]), long)
	}
}

func TestPullRequest(t *testing.T) {
	n := Namespace{"xy", "0146", "dev"}
	if pr, err := n.PullRequest(12); err != nil || pr.String() != "xy-0146-pr12" {
		t.Errorf("PullRequest(12) = %v, %v", pr, err)
	}
	if _, err := n.PullRequest(0); err == nil {
		t.Error("PullRequest(0) succeeded")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"xy-0146-dev", "--", "a-b-c-d", "\x00-1-2", "É-1-2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := Parse(s)
		if err == nil && n.String() != s {
			t.Errorf("Parse(%q) became %q", s, n)
		}
	})
}

func TestNear(t *testing.T) {
	n := Namespace{Customer: "xy", Project: "0146", Environment: "dev"}
	for text, want := range map[string]string{
		"feature/$(id)": "featureid", "Größe 🚀": "gre", "🚀": "demo", "": "demo", strings.Repeat("a", 300): strings.Repeat("a", 24),
	} {
		near := n.Near(text)
		if _, err := n.In(near); near != want || err != nil {
			t.Errorf("%q: %q, want %q, %v", text, near, want, err)
		}
	}
}
