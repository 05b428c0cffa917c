package template_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/org/shipkit/pkg/smoke/template"
)

func TestExpand(t *testing.T) {
	values := map[string]string{"a": "1", "b": "{{a}} ${HOME}", "empty": ""}
	for source, want := range map[string]string{
		"":                       "",
		"plain":                  "plain",
		"x{{a}}y{{ a }}":         "x1y1",
		"{{b}}":                  "{{a}} ${HOME}", // a value is never read again
		"{{empty}}":              "",
		"{{unknown}} ${UNKNOWN}": "{{unknown}} ${UNKNOWN}",
		"$${HOME} {{{{a}}":       "${HOME} {{a}}",
		"$ { } {a} }} $$ $a":     "$ { } {a} }} $$ $a",
	} {
		text, err := template.Parse(source)
		if err != nil {
			t.Errorf("parse %q: %v", source, err)
			continue
		}
		if got := text.Expand(values); got != want {
			t.Errorf("%q expands to %q, want %q", source, got, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for source, want := range map[string]template.SyntaxError{
		"ab${":      {Offset: 2, Reason: `"${" is not closed with "}"`},
		"{{a}":      {Offset: 0, Reason: `"{{" is not closed with "}}"`},
		"x{{a b}}":  {Offset: 1, Reason: `"a b" is not a name (letters, digits and _)`},
		"${}":       {Offset: 0, Reason: `"" is not a name (letters, digits and _)`},
		"${A:-def}": {Offset: 0, Reason: `"A:-def" is not a name (letters, digits and _)`},
		"{{9a}}":    {Offset: 0, Reason: `"9a" is not a name (letters, digits and _)`},
	} {
		_, err := template.Parse(source)
		var got *template.SyntaxError
		if !errors.As(err, &got) {
			t.Errorf("parse %q: %v, want a syntax error", source, err)
			continue
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("parse %q (-want +got):\n%s", source, diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "a{{b}}c", "${A}{{a}}", "$${A} {{{{", "{{", "${", "{{{a}}}", "$$$${x", "é{{ a }}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		text, err := template.Parse(source)
		if err != nil {
			return
		}
		const value = "${NOT} {{again}}"
		bound := text.Bind(func(template.Ref) (string, bool) { return value, true })
		if refs := bound.Refs(); len(refs) != 0 {
			t.Fatalf("%q: references %v are left, or were read from a value", source, refs)
		}
		if got, want := strings.Count(bound.String(), value), len(text.Refs()); got < want {
			t.Fatalf("%q: %d values put in, want %d", source, got, want)
		}
		for _, ref := range text.Refs() {
			if !template.IsName(ref.Name) || !strings.HasPrefix(source[ref.Offset:], "${") && !strings.HasPrefix(source[ref.Offset:], "{{") {
				t.Fatalf("%q: reference %+v", source, ref)
			}
		}
	})
}
