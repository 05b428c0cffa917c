package markdown

import (
	"html"
	"regexp"
	"strings"
	"text/tabwriter"
)

var (
	tags      = regexp.MustCompile(`</?(details|summary)>|<!--.*?-->`)
	separator = regexp.MustCompile(`^\|( *:?-+:? *\|)+$`)
	escapes   = regexp.MustCompile("\\\\([\\\\`*_\\[\\]|#~])")
)

// Plain returns Markdown that this package built as text for a terminal:
// without its escapes, HTML and fences, its tables in columns.
func Plain(md string) string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	blank := true
	for line := range strings.Lines(md) {
		line = strings.TrimRight(line, "\n")
		if separator.MatchString(line) || strings.HasPrefix(line, "```") {
			continue
		}
		line = plainLine(line)
		if line == "" && blank {
			continue
		}
		blank = line == ""
		if !strings.Contains(line, "\t") {
			_ = table.Flush() // the columns of the next table are its own
		}
		_, _ = table.Write([]byte(line + "\n"))
	}
	_ = table.Flush()
	return b.String()
}

// plainLine returns a line of text, the cells of a table row with tabs between.
func plainLine(line string) string {
	row := strings.HasPrefix(line, "| ")
	if row {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "| "), " |")
		line = strings.ReplaceAll(line, " | ", "\t")
	}
	line = strings.ReplaceAll(line, "<br>", " ")
	line = escapes.ReplaceAllString(tags.ReplaceAllString(line, ""), "$1")
	return strings.TrimRight(html.UnescapeString(line), " ")
}
