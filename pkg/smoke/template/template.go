// Package template is the text with references of a checks file: ${NAME} for
// the environment, where secrets come from, and {{name}} for variables and
// captured values.
//
// A value that is put in is never read for references again, so what a server
// answers cannot reach the environment. $${ and {{{{ stand for a literal ${
// and {{.
package template

import (
	"fmt"
	"strings"
)

// Sort is the sort of a reference.
type Sort int

// The sorts of reference.
const (
	Env      Sort = iota // ${NAME}
	Variable             // {{name}}
)

// Ref is one reference.
type Ref struct {
	Sort Sort
	Name string
	// Offset is the byte offset of the reference in the source text.
	Offset int
}

// String returns the reference as it is written.
func (r Ref) String() string {
	if r.Sort == Env {
		return "${" + r.Name + "}"
	}
	return "{{" + r.Name + "}}"
}

// Text is text with references. Its zero value is the empty text.
type Text struct{ parts []part }

type part struct {
	literal string
	ref     *Ref
}

// Literal returns text without references.
func Literal(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{[]part{{literal: s}}}
}

// SyntaxError is a reference that is not closed or not a name.
type SyntaxError struct {
	Offset int
	Reason string
}

// Error says what is wrong with the reference.
func (e *SyntaxError) Error() string { return e.Reason }

// Parse reads text with references. Its error is a *SyntaxError.
func Parse(s string) (Text, error) {
	var t Text
	for offset := 0; offset < len(s); {
		rest := s[offset:]
		start, open := nextOpening(rest)
		t.add(rest[:start])
		offset += start
		if open == "" {
			break
		}
		if open == "$${" || open == "{{{{" {
			t.add(open[len(open)/2:])
			offset += len(open)
			continue
		}
		ref, size, err := parseRef(s, offset, open)
		if err != nil {
			return Text{}, err
		}
		t.parts = append(t.parts, part{ref: &ref})
		offset += size
	}
	return t, nil
}

// nextOpening returns where the first opening stands in s and what it is, or
// the length of s and "".
func nextOpening(s string) (int, string) {
	best, which := len(s), ""
	for _, open := range []string{"$${", "{{{{", "${", "{{"} {
		if i := strings.Index(s, open); i >= 0 && i < best {
			best, which = i, open
		}
	}
	return best, which
}

func parseRef(s string, offset int, open string) (Ref, int, error) {
	sort, closing := Env, "}"
	if open == "{{" {
		sort, closing = Variable, "}}"
	}
	body := s[offset+len(open):]
	end := strings.Index(body, closing)
	if end < 0 {
		return Ref{}, 0, &SyntaxError{offset, fmt.Sprintf("%q is not closed with %q", open, closing)}
	}
	name := strings.TrimSpace(body[:end])
	if !IsName(name) {
		return Ref{}, 0, &SyntaxError{offset, fmt.Sprintf("%q is not a name (letters, digits and _)", name)}
	}
	return Ref{sort, name, offset}, len(open) + end + len(closing), nil
}

// IsName tells whether s can be the name of a variable: letters, digits and
// underscores, not starting with a digit.
func IsName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

func (t *Text) add(literal string) {
	if literal == "" {
		return
	}
	if n := len(t.parts); n > 0 && t.parts[n-1].ref == nil {
		t.parts[n-1].literal += literal
		return
	}
	t.parts = append(t.parts, part{literal: literal})
}

// Refs returns the references in order.
func (t Text) Refs() []Ref {
	var refs []Ref
	for _, p := range t.parts {
		if p.ref != nil {
			refs = append(refs, *p.ref)
		}
	}
	return refs
}

// Bind returns t with the references that lookup knows replaced by their
// values.
func (t Text) Bind(lookup func(Ref) (string, bool)) Text {
	var bound Text
	for _, p := range t.parts {
		if p.ref == nil {
			bound.add(p.literal)
			continue
		}
		if value, ok := lookup(*p.ref); ok {
			bound.add(value)
			continue
		}
		bound.parts = append(bound.parts, p)
	}
	return bound
}

// Expand returns the text with variables put in; references without a value
// stay as they are written.
func (t Text) Expand(variables map[string]string) string {
	return t.Bind(func(r Ref) (string, bool) {
		value, ok := variables[r.Name]
		return value, ok && r.Sort == Variable
	}).String()
}

// String returns the text with its references as they are written.
func (t Text) String() string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.ref != nil {
			b.WriteString(p.ref.String())
			continue
		}
		b.WriteString(p.literal)
	}
	return b.String()
}

// Empty tells whether the text is empty.
func (t Text) Empty() bool { return len(t.parts) == 0 }
