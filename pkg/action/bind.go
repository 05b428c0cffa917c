package action

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/org/shipkit/pkg/diag"
)

// maxInput is the longest input, in bytes. Linux hands over no longer
// variable (MAX_ARG_STRLEN), so a longer one never came from a workflow.
const maxInput = 128 << 10

// given is the text of one input and where it came from.
type given struct {
	text   string
	origin string // "" for a workflow or a flag, else such as "action.yml" or ".shipkit.yml:12"
}

// bind reads the values of all inputs into a new struct of type t, and reports
// every bad one.
func bind(t reflect.Type, fields []Field, meta *Metadata, values map[string]given, hint hinter) (reflect.Value, diag.List) {
	target := reflect.New(t).Elem()
	var problems diag.List
	for _, field := range fields {
		value := values[field.Input]
		parsed, err := field.read(value.text)
		if err != nil {
			problems.Errorf(hint(field.Input, field.example()), "input %q%s: %s; allowed is %s",
				field.Input, from(value.origin), field.fault(value.text, err), field.allowed())
			continue
		}
		if !parsed.IsValid() {
			if input, _ := meta.Input(field.Input); input.Required {
				problems.Errorf(hint(field.Input, field.example())+" ("+firstSentence(input.Description)+")",
					"input %q is required and was not given", field.Input)
			}
			continue
		}
		set(target.FieldByIndex(field.index), parsed)
	}
	return target, problems
}

// hinter writes how an input is given: "name: value" in a workflow, "--name
// value" in a terminal.
type hinter func(name, value string) string

func workflowHint(name, value string) string { return "write " + name + ": " + value }
func terminalHint(name, value string) string { return "give --" + name + " " + value }

func from(origin string) string {
	if origin == "" {
		return ""
	}
	return " from " + origin
}

func firstSentence(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	s, _, _ = strings.Cut(s, ". ")
	return strings.TrimSuffix(s, ".")
}

// read turns the text of an input into the value of its field; no text, or a
// list without items, gives the zero reflect.Value.
func (f Field) read(text string) (reflect.Value, error) {
	if len(text) > maxInput {
		return reflect.Value{}, fmt.Errorf("is %d bytes long, more than %d", len(text), maxInput)
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if !f.list {
		if text = strings.TrimSpace(text); text == "" {
			return reflect.Value{}, nil
		}
		return f.readOne(text)
	}
	var list reflect.Value
	seen := map[string]bool{}
	for _, line := range splitList(text, f.separate) {
		item, err := f.readOne(line)
		if err != nil {
			return reflect.Value{}, fmt.Errorf("%s: %w", quote(line), err)
		}
		if kv, ok := item.Interface().(KeyValue); ok {
			if seen[kv.Key] {
				return reflect.Value{}, fmt.Errorf("key %s stands twice", quote(kv.Key))
			}
			seen[kv.Key] = true
		}
		if !list.IsValid() {
			list = reflect.MakeSlice(reflect.SliceOf(item.Type()), 0, 1)
		}
		list = reflect.Append(list, item)
	}
	return list, nil
}

func (f Field) readOne(text string) (reflect.Value, error) {
	value, err := f.kind.parse(text)
	if err != nil {
		return reflect.Value{}, err
	}
	if len(f.oneOf) > 0 && !slices.Contains(f.oneOf, text) {
		return reflect.Value{}, errOther
	}
	if f.min != nil && less(value, f.min) {
		return reflect.Value{}, errors.New("too small")
	}
	if f.max != nil && less(f.max, value) {
		return reflect.Value{}, errors.New("too large")
	}
	return reflect.ValueOf(value), nil
}

// less compares two values of the same ordered kind.
func less(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if x.CanFloat() {
		return cmp.Less(x.Float(), y.Float())
	}
	return x.Int() < y.Int()
}

func splitList(text, separators string) []string {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || strings.ContainsRune(separators, r) })
	var lines []string
	for _, part := range parts {
		if line := strings.TrimSpace(part); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// set stores a value, behind a pointer where the field is one.
func set(field, value reflect.Value) {
	if field.Kind() == reflect.Pointer && value.Type() != field.Type() {
		field.Set(reflect.New(field.Type().Elem()))
		field = field.Elem()
	}
	field.Set(value.Convert(field.Type()))
}

func (f Field) example() string {
	switch {
	case len(f.oneOf) > 0:
		return f.oneOf[0]
	case f.min == nil:
		return f.kind.example
	}
	least := fmt.Sprint(f.min)
	if f.kind.name == "duration" {
		if _, err := f.readOne(f.kind.example); err == nil {
			return f.kind.example
		}
		least = strings.Replace(strings.Replace(least, "m0s", "m", 1), "h0m", "h", 1)
	}
	return least
}

func (f Field) allowed() string {
	switch {
	case len(f.oneOf) > 0:
		return f.Limits
	case f.Limits != "":
		return f.kind.allowed + " " + f.Limits
	case f.list && f.kind.name == textKind.name:
		return "lines of text"
	default:
		return f.kind.allowed
	}
}

// fault says what was given, but not for a secret or a URL with a password.
func (f Field) fault(text string, err error) string {
	switch {
	case f.Secret:
		return fmt.Sprintf("the %d bytes given are not right", len(text))
	case f.kind.name == "URL" && strings.Contains(text, "@"):
		return "what was given (not shown, it may hold a password) is not right"
	case len(text) > maxInput:
		return "it " + err.Error()
	case f.list:
		return err.Error()
	case errors.Is(err, errOther):
		return quote(text) + " was given"
	default:
		return fmt.Sprintf("%s was given: %s", quote(text), err)
	}
}

// quote shows a value without control characters and not too long.
func quote(s string) string {
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
