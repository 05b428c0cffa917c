// Package markdown builds the Markdown of job summaries and comments: pure
// functions that escape what they are given.
//
// The target is GitHub Flavored Markdown, https://github.github.com/gfm/.
package markdown

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
)

// The empty comment keeps GitHub from linking a person or an issue, which a
// backslash or an entity does not.
var escaper = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`,
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", `\|`, "~", `\~`, "@", "@"+noLink, "#", `\#`+noLink,
)

const noLink = "<!-- -->"

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
	return fence + s + fence
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
	address = strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29", "<", "%3C", ">", "%3E", "|", "%7C", "\n", "", "\r", "").Replace(address)
	return "[" + Escape(text) + "](" + address + ")"
}

// pipe is one that would end a cell.
var pipe = regexp.MustCompile(`((?:^|[^\\])(?:\\\\)*)\|`)

// Table returns a table. Cells are Markdown already: pass them through Escape
// or Code. Short rows are filled with empty cells.
func Table(header []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) {
		b.WriteString("|")
		for i := range header {
			cell := ""
			if i < len(cells) {
				cell = pipe.ReplaceAllString(strings.ReplaceAll(cells[i], "\n", "<br>"), `$1\|`)
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
	size, units := float64(n), []string{"kB", "MB", "GB", "TB"}
	if math.Abs(size) < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	unit := ""
	for _, unit = range units {
		size /= 1000
		if math.Abs(size) < 999.95 { // what rounds to 1000.0 is 1.0 of the next
			break
		}
	}
	return fmt.Sprintf("%.1f %s", size, unit)
}

// Duration returns a duration for a person: 80ms, 4.2s, 1m20s, 3h05m. It
// rounds first: 59.7s is 1m00s.
func Duration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", d.Abs()
	}
	seconds, minutes := d.Round(time.Second), d.Round(time.Minute)
	switch {
	case d < time.Second-500*time.Microsecond:
		return fmt.Sprintf("%s%dms", sign, d.Round(time.Millisecond).Milliseconds())
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%s%.1fs", sign, d.Seconds())
	case seconds < time.Minute:
		return fmt.Sprintf("%s%ds", sign, int(seconds.Seconds()))
	case seconds < time.Hour:
		return fmt.Sprintf("%s%dm%02ds", sign, int(seconds.Minutes()), int(seconds.Seconds())%60)
	default:
		return fmt.Sprintf("%s%dh%02dm", sign, int(minutes.Hours()), int(minutes.Minutes())%60)
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
