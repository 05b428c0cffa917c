package smoke

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
)

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
