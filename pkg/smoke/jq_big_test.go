package smoke_test

import (
	"testing"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
)

// Numbers longer than a float64 holds keep their digits: IDs are compared and
// captured.
func TestJQKeepsBigNumbers(t *testing.T) {
	const id = "12345678901234567890"
	query, err := smoke.CompileJQ(".id", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := template.Literal(id)
	test := smoke.JQTest{Query: query, Match: &smoke.Match{Equals: &want}}
	for _, text := range []string{`{"id":` + id + `}`, `{"id":"` + id + `"}`} {
		if ok, seen := test.Holds(t.Context(), &probe.Answer{Body: []byte(text)}, nil); !ok {
			t.Errorf("%s is seen as %s", text, seen)
		}
	}
	for _, text := range []string{`{"id":1}{`, `{"id":1} x`, `{"id":`, ``} {
		if ok, _ := test.Holds(t.Context(), &probe.Answer{Body: []byte(text)}, nil); ok {
			t.Errorf("%q is taken for JSON", text)
		}
	}
}
