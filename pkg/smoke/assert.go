package smoke

import (
	"context"
	"fmt"
	"regexp"
	"strings"

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
