package markdown

import (
	"html"
	"regexp"
	"strings"
)

var (
	tags      = regexp.MustCompile(`</?(details|summary)>`)
	separator = regexp.MustCompile(`^\|( --- \|)+$`)
	escapes   = regexp.MustCompile("\\\\([\\\\`*_\\[\\]|#~])")
)

// Plain returns Markdown that this package built as text for a terminal:
// without its escapes, HTML and code marks. What the Markdown does for the eye
// beyond that (headings, tables) reads as it stands.
func Plain(md string) string {
	var b strings.Builder
	blank := true
	for line := range strings.Lines(md) {
		line = strings.TrimRight(line, "\n")
		if separator.MatchString(line) || strings.HasPrefix(line, "```") {
			continue
		}
		line = tags.ReplaceAllString(line, "")
		line = escapes.ReplaceAllString(line, "$1")
		line = html.UnescapeString(strings.ReplaceAll(line, "<br>", " "))
		if line == "" && blank {
			continue
		}
		blank = line == ""
		b.WriteString(line + "\n")
	}
	return b.String()
}
