package notify

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// maxText bounds a rendered text in bytes; channels take less.
const maxText = 16 << 10

// reference is {{.name}} or {{function .name}}. It is no text/template: that
// one calls methods by name, which would keep every method of every AWS client
// in the binary and double its size.
var reference = regexp.MustCompile(`\{\{\s*(?:([a-z]+)\s+)?\.([A-Za-z_][A-Za-z0-9_-]*)\s*\}\}`)

var functions = map[string]func(string) string{
	"": strings.TrimSpace, "short": short, "upper": strings.ToUpper, "lower": strings.ToLower,
}

// Render puts values into a text such as "{{.environment}} runs {{short .version}}".
// A name or a function that is not there is an error, not an empty text; a
// value is never read for references.
func Render(text string, values map[string]string) (string, error) {
	var problems []error
	var out strings.Builder
	rest := 0
	for _, at := range reference.FindAllStringSubmatchIndex(text, -1) {
		problems = append(problems, plain(text[rest:at[0]]))
		out.WriteString(text[rest:at[0]])
		rest = at[1]
		name, function := text[at[4]:at[5]], ""
		if at[2] >= 0 {
			function = text[at[2]:at[3]]
		}
		value, known := values[name]
		apply, possible := functions[function]
		switch {
		case !known:
			problems = append(problems, fmt.Errorf("%q is not known", name))
		case !possible:
			problems = append(problems, fmt.Errorf("function %q is not one of short, upper, lower", function))
		default:
			out.WriteString(apply(value))
		}
		if out.Len() > maxText {
			return "", errors.New("the text is longer than 16 KiB")
		}
	}
	problems = append(problems, plain(text[rest:]))
	out.WriteString(text[rest:])
	if err := errors.Join(problems...); err != nil {
		return "", err
	}
	if out.Len() > maxText {
		return "", errors.New("the text is longer than 16 KiB")
	}
	return strings.TrimSpace(out.String()), nil
}

// plain reports a reference that is not one.
func plain(text string) error {
	if _, after, found := strings.Cut(text, "{{"); found {
		return fmt.Errorf("%q is not {{.name}} or {{short .name}}", "{{"+clip(after, 30))
	}
	return nil
}

// short cuts a commit or a digest to 12 digits.
func short(s string) string {
	if i := strings.LastIndex(s, ":"); i >= 0 {
		s = s[i+1:]
	}
	return s[:min(12, len(s))]
}
