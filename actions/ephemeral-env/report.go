package ephemeralenv

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// The outcomes of a test.
const (
	passed  = "passed"
	failed  = "failed"
	skipped = "skipped"
)

// tests are the names of tests by how they ended, from a JUnit report.
type tests map[string][]string

// readTests reads a report, as the test runners of all languages and smoke-test
// write it; nil if no file is named.
func readTests(path string) (*tests, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no report was asked for
	}
	file, err := os.Open(path) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("input test-report: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was read
	found := tests{}
	decoder := xml.NewDecoder(file)
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return &found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("input test-report: %s is no JUnit report: %w", path, err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "testcase" {
			continue
		}
		var test struct {
			Name    string    `xml:"name,attr"`
			Failure *struct{} `xml:"failure"`
			Error   *struct{} `xml:"error"`
			Skipped *struct{} `xml:"skipped"`
		}
		if err := decoder.DecodeElement(&test, &start); err != nil {
			return nil, fmt.Errorf("input test-report: %s is no JUnit report: %w", path, err)
		}
		outcome := passed
		switch {
		case test.Failure != nil || test.Error != nil:
			outcome = failed
		case test.Skipped != nil:
			outcome = skipped
		}
		found[outcome] = append(found[outcome], test.Name)
	}
}

// String counts them, such as "12 passed, 1 skipped".
func (t *tests) String() string {
	if t == nil {
		return ""
	}
	var parts []string
	for _, outcome := range []string{passed, failed, skipped} {
		if n := len((*t)[outcome]); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, outcome))
		}
	}
	if len(parts) == 0 {
		return "none ran"
	}
	return strings.Join(parts, ", ")
}

// names lists the first tests of an outcome.
func (t *tests) names(outcome string) string {
	if t == nil {
		return ""
	}
	const most = 10
	names := (*t)[outcome]
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
