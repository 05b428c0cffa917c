package notify

import (
	"html"
	"strings"
)

// subject returns the subject of an e-mail, on one line.
func (m Message) subject() string {
	return clip(printable(m.Status.Mark()+" "+m.Title), 200)
}

// plain returns the body of an e-mail as text.
func (m Message) plain() string {
	var b strings.Builder
	b.WriteString(m.Title + "\n")
	if m.Text != "" {
		b.WriteString("\n" + m.Text + "\n")
	}
	if len(m.Fields) > 0 {
		b.WriteString("\n")
	}
	for _, f := range m.Fields {
		b.WriteString(f.Name + ": " + f.Value + "\n")
	}
	if m.Link != "" {
		b.WriteString("\nDetails: " + m.Link + "\n")
	}
	return b.String()
}

// html returns the body of an e-mail as HTML.
func (m Message) html() string {
	var b strings.Builder
	b.WriteString("<h3>" + m.Status.Mark() + " " + html.EscapeString(m.Title) + "</h3>\n")
	if m.Text != "" {
		b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(m.Text), "\n", "<br>\n") + "</p>\n")
	}
	if len(m.Fields) > 0 {
		b.WriteString("<table>\n")
		for _, f := range m.Fields {
			b.WriteString("<tr><th align=\"left\">" + html.EscapeString(f.Name) + "</th>")
			b.WriteString("<td>" + html.EscapeString(f.Value) + "</td></tr>\n")
		}
		b.WriteString("</table>\n")
	}
	if m.Link != "" {
		b.WriteString("<p><a href=\"" + html.EscapeString(m.Link) + "\">Details</a></p>\n")
	}
	return b.String()
}
