// Package report writes the result of a smoke test for machines: JSON and
// JUnit XML. What it is given holds no secrets any more.
package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/org/shipkit/pkg/smoke"
)

// JSON writes the result as one JSON object. Names that end in _ns are
// durations in nanoseconds.
func JSON(w io.Writer, r *smoke.Result) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the JSON report: %w", err)
	}
	return nil
}
