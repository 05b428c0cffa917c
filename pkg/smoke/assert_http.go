package smoke

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/org/shipkit/pkg/smoke/probe"
)

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

func cookie(a *probe.Answer, name string) (string, bool) {
	for _, line := range a.Header.Values("Set-Cookie") {
		c, err := parseSetCookie(line)
		if err == nil && c.Name == name {
			return c.Value, true
		}
	}
	return "", false
}
