package action

import (
	"fmt"
	"strings"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/markdown"
)

// failureView says in the summary why a step failed that wrote none itself: a
// reader of a red job must not have to look for it in the log.
func failureView(name string, list diag.List) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### ❌ %s failed\n\n", markdown.Escape(name))
	for _, d := range list {
		if d.Severity != diag.Error {
			continue
		}
		b.WriteString("- ")
		if place := d.Place(); place != "" {
			b.WriteString(markdown.Code(place) + ": ")
		}
		b.WriteString(markdown.Escape(d.Summary))
		if d.Try != "" {
			b.WriteString("<br>**Try:** " + markdown.Escape(d.Try))
		}
		b.WriteString("\n")
		if d.Detail != "" {
			b.WriteString("\n" + markdown.Block("", d.Detail) + "\n")
		}
	}
	return b.String()
}
