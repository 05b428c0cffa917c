package smoketest

import (
	"fmt"
	"strings"

	"github.com/org/shipkit/pkg/markdown"
	"github.com/org/shipkit/pkg/smoke"
)

// planView shows what a run would ask.
func planView(suite *smoke.Suite) string {
	var rows [][]string
	for _, p := range smoke.Plan(suite) {
		rows = append(rows, []string{markdown.Escape(p.Name), markdown.Code(p.Target), markdown.Escape(p.What)})
	}
	return "### Dry run: nothing was asked\n\n" + markdown.Table([]string{"Check", "Asks", "Judges"}, rows)
}

func planText(suite *smoke.Suite) string {
	lines := []string{fmt.Sprintf("dry run: %d checks within %s, nothing is asked",
		len(suite.Checks), markdown.Duration(suite.Timeout))}
	for _, p := range smoke.Plan(suite) {
		lines = append(lines, fmt.Sprintf("%s: %s (%s)", p.Name, p.Target, p.What))
	}
	return strings.Join(lines, "\n")
}
