package notify

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"
)

// maxText bounds a rendered text in bytes; channels take less.
const maxText = 16 << 10

// Render puts values into a text, a template of https://pkg.go.dev/text/template
// such as "{{.environment}} runs {{.version}}". A value that is not there is an
// error, not an empty text.
func Render(name, text string, values map[string]string) (string, error) {
	parsed, err := template.New(name).Option("missingkey=error").Funcs(template.FuncMap{
		"upper": strings.ToUpper, "lower": strings.ToLower, "short": short,
	}).Parse(text)
	if err != nil {
		return "", fmt.Errorf("read the template: %w", err)
	}
	out := &limited{}
	if err := parsed.Execute(out, values); err != nil {
		return "", fmt.Errorf("fill in the template: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}

// short cuts a commit or a digest to 12 digits.
func short(s string) string {
	if i := strings.LastIndex(s, ":"); i >= 0 {
		s = s[i+1:]
	}
	return s[:min(12, len(s))]
}

var errTooLong = errors.New("the text is longer than 16 KiB")

// limited keeps what a template writes, within bounds.
type limited struct{ strings.Builder }

var _ io.Writer = (*limited)(nil)

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxText {
		return 0, errTooLong
	}
	return l.Builder.Write(p) //nolint:wrapcheck // never fails
}
