package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/smoke"
)

// The elements that CI systems read, as in
// https://github.com/testmoapp/junitxml. JUnit has no published schema.
type (
	testSuites struct {
		XMLName  xml.Name  `xml:"testsuites"`
		Name     string    `xml:"name,attr"`
		Tests    int       `xml:"tests,attr"`
		Failures int       `xml:"failures,attr"`
		Skipped  int       `xml:"skipped,attr"`
		Time     string    `xml:"time,attr"`
		Suite    testSuite `xml:"testsuite"`
	}
	testSuite struct {
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Time     string     `xml:"time,attr"`
		Cases    []testCase `xml:"testcase"`
	}
	testCase struct {
		Name      string   `xml:"name,attr"`
		ClassName string   `xml:"classname,attr"`
		File      string   `xml:"file,attr,omitempty"`
		Line      int      `xml:"line,attr,omitempty"`
		Time      string   `xml:"time,attr"`
		Failure   *failure `xml:"failure"`
		Skipped   *failure `xml:"skipped"`
		Output    string   `xml:"system-out,omitempty"`
	}
	failure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the result as JUnit XML. A check that only warns is a passed
// test with the warning in its output.
func JUnit(w io.Writer, r *smoke.Result) error {
	suite := testSuite{
		Name: "smoke-test", Tests: len(r.Checks), Failures: r.Failed, Skipped: r.Skipped, Time: seconds(r.Duration),
	}
	for _, c := range r.Checks {
		suite.Cases = append(suite.Cases, newCase(c))
	}
	suites := testSuites{
		Name: suite.Name, Tests: suite.Tests, Failures: suite.Failures, Skipped: suite.Skipped, Time: suite.Time, Suite: suite,
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write the JUnit report: %w", err)
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(suites); err != nil {
		return fmt.Errorf("write the JUnit report: %w", err)
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return fmt.Errorf("write the JUnit report: %w", err)
	}
	return nil
}

func newCase(c *smoke.CheckResult) testCase {
	one := testCase{
		Name: c.Name, ClassName: "smoke-test", File: c.Place.File, Line: c.Place.Line, Time: seconds(c.Duration),
	}
	lines := make([]string, len(c.Findings))
	for i, f := range c.Findings {
		lines[i] = fmt.Sprintf("%s: expected %s, seen %s", f.Severity, f.Expected, f.Seen)
	}
	text := strings.Join(lines, "\n")
	switch c.Verdict {
	case smoke.Failed:
		if c.Excerpt != "" {
			text += "\nbody: " + c.Excerpt
		}
		one.Failure = &failure{Message: lines[0], Type: "check", Text: text}
	case smoke.Skipped:
		one.Skipped = &failure{Message: text}
	default:
		one.Output = text
	}
	return one
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
