package smoke

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
)

// Assertion is something that must hold of an answer.
type Assertion struct {
	Place    Place
	Severity Severity
	// Not turns the assertion round.
	Not  bool
	Test Test
}

// Test looks at one answer.
type Test interface {
	// Expect says what should be, to follow "expected".
	Expect(v Values) string
	// Holds tells whether it is so, and what was seen.
	Holds(ctx context.Context, a *probe.Answer, v Values) (ok bool, seen string)
}

// Values are the variables and captured values of a check.
type Values map[string]string

// Miss is an assertion that did not hold.
type Miss struct {
	Place    Place
	Severity Severity
	Expected string
	Seen     string
	// Try says what to do, if that is not plain.
	Try string
}

// judge returns nil if the assertion holds.
func (a Assertion) judge(ctx context.Context, answer *probe.Answer, v Values) *Miss {
	ok, seen := a.Test.Holds(ctx, answer, v)
	if ok != a.Not {
		return nil
	}
	expected := a.Test.Expect(v)
	if a.Not {
		expected = "not: " + expected
	}
	return &Miss{Place: a.Place, Severity: a.Severity, Expected: expected, Seen: seen}
}

// Match compares a text. The fields that are set must all hold.
type Match struct {
	Equals   *template.Text
	Contains *template.Text
	Matches  *regexp.Regexp
}

func (m Match) expect(v Values) string {
	var parts []string
	if m.Equals != nil {
		parts = append(parts, fmt.Sprintf("equals %q", m.Equals.Expand(v)))
	}
	if m.Contains != nil {
		parts = append(parts, fmt.Sprintf("contains %q", m.Contains.Expand(v)))
	}
	if m.Matches != nil {
		parts = append(parts, fmt.Sprintf("matches %q", m.Matches))
	}
	if len(parts) == 0 {
		return "exists"
	}
	return strings.Join(parts, " and ")
}

func (m Match) holds(s string, v Values) bool {
	return (m.Equals == nil || s == m.Equals.Expand(v)) &&
		(m.Contains == nil || strings.Contains(s, m.Contains.Expand(v))) &&
		(m.Matches == nil || m.Matches.MatchString(s))
}

// HeaderTest looks at a header field; without a Match it must be there.
type HeaderTest struct {
	Name  string
	Match Match
}

// Expect implements Test.
func (t HeaderTest) Expect(v Values) string { return "header " + t.Name + " " + t.Match.expect(v) }

// Holds implements Test.
func (t HeaderTest) Holds(_ context.Context, a *probe.Answer, v Values) (bool, string) {
	values := a.Header.Values(t.Name)
	if len(values) == 0 {
		return false, "no header " + t.Name
	}
	ok := slices.ContainsFunc(values, func(s string) bool { return t.Match.holds(s, v) })
	return ok, "header " + t.Name + " is " + quote(strings.Join(values, ", "))
}

// CookieTest looks at a cookie that the answer sets.
type CookieTest struct {
	Name  string
	Match Match
}

// Expect implements Test.
func (t CookieTest) Expect(v Values) string { return "cookie " + t.Name + " " + t.Match.expect(v) }

// Holds implements Test. A cookie's value is often a session: it is not shown.
func (t CookieTest) Holds(_ context.Context, a *probe.Answer, v Values) (bool, string) {
	value, ok := cookie(a, t.Name)
	if !ok {
		return false, "no cookie " + t.Name
	}
	return t.Match.holds(value, v), "cookie " + t.Name + " is set to another value"
}

// BodyTest looks at the body as text.
type BodyTest struct{ Match Match }

// Expect implements Test.
func (t BodyTest) Expect(v Values) string { return "body " + t.Match.expect(v) }

// Holds implements Test.
func (t BodyTest) Holds(_ context.Context, a *probe.Answer, v Values) (bool, string) {
	seen := fmt.Sprintf("a body of %s", size(int64(len(a.Body))))
	if a.Cut {
		seen = fmt.Sprintf("the first %s of a longer body", size(int64(len(a.Body))))
	}
	return t.Match.holds(string(a.Body), v), seen
}

// SizeTest bounds the size of the body in bytes; a Max of -1 means none.
type SizeTest struct{ Min, Max int64 }

// Expect implements Test.
func (t SizeTest) Expect(Values) string {
	if t.Max < 0 {
		return "body of at least " + size(t.Min)
	}
	return fmt.Sprintf("body of %s to %s", size(t.Min), size(t.Max))
}

// Holds implements Test. A body that was cut is at least as long as what was read.
func (t SizeTest) Holds(_ context.Context, a *probe.Answer, _ Values) (bool, string) {
	if a.Cut && a.Size < 0 {
		return t.Max < 0 && t.Min <= int64(len(a.Body)), "more than " + size(int64(len(a.Body)))
	}
	return a.Size >= t.Min && (t.Max < 0 || a.Size <= t.Max), size(a.Size)
}

// JQTest runs a jq expression on the JSON body: its result must be true, or
// hold in Match if that is set.
type JQTest struct {
	Query *JQ
	Match *Match
}

// Expect implements Test.
func (t JQTest) Expect(v Values) string {
	if t.Match == nil {
		return "jq " + t.Query.String()
	}
	return "jq " + t.Query.String() + " " + t.Match.expect(v)
}

// Holds implements Test.
func (t JQTest) Holds(ctx context.Context, a *probe.Answer, v Values) (bool, string) {
	if a.Cut {
		return false, "a body longer than " + size(int64(len(a.Body)))
	}
	result, err := t.Query.eval(ctx, a.Body, v)
	if err != nil {
		return false, err.Error()
	}
	if t.Match != nil {
		return t.Match.holds(text(result), v), quote(text(result))
	}
	return result != nil && result != false, quote(text(result))
}

// RedirectTest looks at the redirects on the way.
type RedirectTest struct {
	// Count is how many there were; nil means any.
	Count *int
	// To is the address at the end.
	To *Match
	// Chain lists the addresses of all hops, in order.
	Chain []template.Text
}

// Expect implements Test.
func (t RedirectTest) Expect(v Values) string {
	var parts []string
	if t.Count != nil {
		parts = append(parts, fmt.Sprintf("%d redirects", *t.Count))
	}
	if t.To != nil {
		parts = append(parts, "final address "+t.To.expect(v))
	}
	if len(t.Chain) > 0 {
		parts = append(parts, "redirects by way of "+strings.Join(t.chain(v), " → "))
	}
	return strings.Join(parts, ", ")
}

func (t RedirectTest) chain(v Values) []string {
	hops := make([]string, len(t.Chain))
	for i, hop := range t.Chain {
		hops[i] = hop.Expand(v)
	}
	return hops
}

// Holds implements Test.
func (t RedirectTest) Holds(_ context.Context, a *probe.Answer, v Values) (bool, string) {
	hops := make([]string, len(a.Redirects))
	for i, r := range a.Redirects {
		hops[i] = r.Location
	}
	ok := (t.Count == nil || *t.Count == len(hops)) &&
		(t.To == nil || t.To.holds(a.URL, v)) &&
		(len(t.Chain) == 0 || slices.Equal(t.chain(v), hops))
	if len(hops) == 0 {
		return ok, "no redirect"
	}
	return ok, strings.Join(hops, " → ")
}

// CertificateTest looks at the server's certificate.
type CertificateTest struct {
	// DaysLeft is how many days it must still be valid.
	DaysLeft int
	// Host is a name that it must be good for; "" means none in particular.
	Host string
}

// Expect implements Test.
func (t CertificateTest) Expect(Values) string {
	expected := fmt.Sprintf("certificate valid for %d more days", t.DaysLeft)
	if t.Host != "" {
		expected += " and good for " + t.Host
	}
	return expected
}

// Holds implements Test.
func (t CertificateTest) Holds(_ context.Context, a *probe.Answer, _ Values) (bool, string) {
	if a.Certificate == nil {
		return false, "no TLS"
	}
	left := time.Until(a.Certificate.NotAfter)
	seen := fmt.Sprintf("%d days left (until %s)", int(left.Hours()/24), a.Certificate.NotAfter.Format(time.DateOnly))
	if left < time.Duration(t.DaysLeft)*24*time.Hour {
		return false, seen
	}
	if t.Host != "" && a.Certificate.Valid(t.Host) != nil {
		return false, "good for " + strings.Join(a.Certificate.DNSNames, ", ")
	}
	return true, seen
}

// HTTPVersionTest wants one protocol version: 1.0, 1.1 or 2.
type HTTPVersionTest struct{ Version string }

// Expect implements Test.
func (t HTTPVersionTest) Expect(Values) string { return "HTTP/" + t.Version }

// Holds implements Test.
func (t HTTPVersionTest) Holds(_ context.Context, a *probe.Answer, _ Values) (bool, string) {
	return a.HTTPVersion == t.Version, "HTTP/" + a.HTTPVersion
}

// RecordsTest wants DNS records: all of Equals and nothing else, or each of
// Contains.
type RecordsTest struct{ Equals, Contains []string }

// Expect implements Test.
func (t RecordsTest) Expect(Values) string {
	if len(t.Equals) > 0 {
		return "resolves to exactly " + strings.Join(t.Equals, ", ")
	}
	return "resolves to " + strings.Join(t.Contains, ", ")
}

// Holds implements Test.
func (t RecordsTest) Holds(_ context.Context, a *probe.Answer, _ Values) (bool, string) {
	seen := strings.Join(a.Values, ", ")
	if len(t.Equals) > 0 {
		want := slices.Sorted(slices.Values(t.Equals))
		return slices.Equal(slices.Compact(want), a.Values), seen
	}
	for _, want := range t.Contains {
		if !slices.Contains(a.Values, want) {
			return false, seen
		}
	}
	return len(a.Values) > 0, seen
}

// ServingTest wants a gRPC health check to say SERVING.
type ServingTest struct{}

// Expect implements Test.
func (ServingTest) Expect(Values) string { return "SERVING" }

// Holds implements Test.
func (ServingTest) Holds(_ context.Context, a *probe.Answer, _ Values) (bool, string) {
	return a.Serving == "SERVING", a.Serving
}

// LatencyTest bounds the time of the check's samples; 0 means no bound. It is
// judged once, over the whole window.
type LatencyTest struct{ P50, P95, P99, Max time.Duration }

// Expect implements Test.
func (t LatencyTest) Expect(Values) string {
	var parts []string
	for _, b := range t.bounds() {
		parts = append(parts, fmt.Sprintf("%s at most %s", b.name, short(b.limit)))
	}
	return "latency " + strings.Join(parts, ", ")
}

// Holds implements Test. A single answer says nothing: see overWindow.
func (t LatencyTest) Holds(context.Context, *probe.Answer, Values) (bool, string) { return true, "" }

type latencyBound struct {
	name  string
	share float64
	limit time.Duration
}

func (t LatencyTest) bounds() []latencyBound {
	all := []latencyBound{{"p50", 0.50, t.P50}, {"p95", 0.95, t.P95}, {"p99", 0.99, t.P99}, {"max", 1, t.Max}}
	return slices.DeleteFunc(all, func(b latencyBound) bool { return b.limit == 0 })
}

func (t LatencyTest) overWindow(durations []time.Duration) (bool, string) {
	ok := true
	var seen []string
	for _, b := range t.bounds() {
		value := Percentile(durations, b.share)
		ok = ok && value <= b.limit
		seen = append(seen, b.name+" "+short(value))
	}
	return ok, fmt.Sprintf("%s over %d samples", strings.Join(seen, ", "), len(durations))
}

func cookie(a *probe.Answer, name string) (string, bool) {
	for _, line := range a.Header.Values("Set-Cookie") {
		c, err := parseSetCookie(line)
		if err == nil && c.Name == name {
			return c.Value, true
		}
	}
	return "", false
}
