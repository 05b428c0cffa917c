// Package markdown builds the Markdown of job summaries and comments: pure
// functions that escape what they are given.
//
// The target is GitHub Flavored Markdown, https://github.github.com/gfm/.
package markdown

import (
	"fmt"
	"strings"
	"time"
)

var escaper = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`,
	"<", "&lt;", ">", "&gt;", "|", `\|`, "#", `\#`, "~", `\~`, "@", "&#64;",
)

// Escape returns s so that it shows as plain text: no markup, no HTML and no
// mention of a person. New lines become spaces.
func Escape(s string) string {
	return escaper.Replace(strings.Join(strings.Fields(s), " "))
}

// Code returns s as inline code.
func Code(s string) string {
	if s == "" {
		return ""
	}
	s = strings.Join(strings.Fields(s), " ")
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + strings.ReplaceAll(s, "|", `\|`) + fence
}

// Block returns s as a fenced code block in the given language ("" for none).
func Block(language, s string) string {
	fence := "```"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	return fence + language + "\n" + strings.TrimRight(s, "\n") + "\n" + fence + "\n"
}

// Details returns a part that opens on a click. The summary is escaped, the
// body is Markdown.
func Details(summary, body string) string {
	return "<details><summary>" + Escape(summary) + "</summary>\n\n" + strings.TrimRight(body, "\n") + "\n\n</details>\n"
}

// Link returns a link whose text is escaped. An address that is not http or
// https gives the text alone.
func Link(text, address string) string {
	if !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://") {
		return Escape(text)
	}
	return "[" + Escape(text) + "](" + strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29", "\n", "", "\r", "").Replace(address) + ")"
}

// Table returns a table. Cells are Markdown already: pass them through Escape
// or Code. Short rows are filled with empty cells.
func Table(header []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) {
		b.WriteString("|")
		for i := range header {
			cell := ""
			if i < len(cells) {
				cell = strings.ReplaceAll(cells[i], "\n", "<br>")
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
	line(header)
	b.WriteString("|" + strings.Repeat(" --- |", len(header)) + "\n")
	for _, row := range rows {
		line(row)
	}
	return b.String()
}

// Bytes returns a size for a person in decimal units: 512 B, 20.5 kB,
// 101.2 MB, 1.4 GB.
func Bytes(n int64) string {
	switch {
	case n < 0:
		return "-" + Bytes(-n)
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	default:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	}
}

// Duration returns a duration for a person: 80ms, 4.2s, 1m20s, 3h05m.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Round(time.Second).Seconds()))
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}

// Digest shortens an algorithm:hex digest, or a repository with one, to 12
// digits.
func Digest(s string) string {
	i := strings.LastIndex(s, ":")
	if i < 0 || len(s)-i-1 <= 12 || !strings.Contains(s, "sha") {
		return s
	}
	return s[:i+13]
}
