package action

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Field is one field of an action's input struct.
type Field struct {
	// Input is the name of the input, from the tag `input`.
	Input string
	// Kind names the type for a reader: text, true or false, duration…
	Kind string
	// Limits says which values are allowed, such as "1s to 6h"; may be empty.
	Limits string
	// Secret tells that the value is masked and never shown, from `secret:"true"`.
	Secret bool

	index    []int
	kind     kind
	pointer  bool
	list     bool
	separate string
	oneOf    []string
	min, max any
}

// fieldsOf reads the tags of an input struct, embedded structs included.
func fieldsOf(t reflect.Type) ([]Field, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is not a struct", t)
	}
	var fields []Field
	for _, sf := range reflect.VisibleFields(t) {
		if sf.Anonymous && sf.Type.Kind() == reflect.Struct {
			continue // its fields are visible too
		}
		name, ok := sf.Tag.Lookup("input")
		if !ok {
			return nil, fmt.Errorf("field %s has no tag `input`", sf.Name)
		}
		if !sf.IsExported() {
			return nil, fmt.Errorf("field %s is not exported", sf.Name)
		}
		field, err := newField(name, sf)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", sf.Name, err)
		}
		if slices.ContainsFunc(fields, func(f Field) bool { return f.Input == name }) {
			return nil, fmt.Errorf("field %s: input %q has a field already", sf.Name, name)
		}
		fields = append(fields, field)
	}
	return fields, nil
}

func newField(name string, sf reflect.StructField) (Field, error) {
	f := Field{
		Input: name, Secret: sf.Tag.Get("secret") == "true", index: sf.Index,
		separate: sf.Tag.Get("sep"),
	}
	t := sf.Type
	switch {
	case t == reflect.TypeFor[[]string]() || t == reflect.TypeFor[[]KeyValue]():
		f.list = true
		t = t.Elem()
	case t.Kind() == reflect.Pointer && t != urlType:
		f.pointer = true
		t = t.Elem()
	}
	k, err := kindOf(t)
	if err != nil {
		return Field{}, err
	}
	if t == urlType {
		k = urlKind(strings.Split(cmp.Or(sf.Tag.Get("scheme"), "https,http"), ","))
	}
	f.kind = k
	f.Kind = k.name
	if f.list {
		f.Kind = "list of " + k.plural
	}
	return f, f.readLimits(sf.Tag)
}

func (f *Field) readLimits(tag reflect.StructTag) error {
	if values, ok := tag.Lookup("oneof"); ok {
		if f.kind.name != textKind.name {
			return fmt.Errorf("tag `oneof` on %s", f.Kind)
		}
		f.oneOf = strings.Split(values, ",")
	}
	for key, limit := range map[string]*any{"min": &f.min, "max": &f.max} {
		text, ok := tag.Lookup(key)
		if !ok {
			continue
		}
		if !f.kind.ordered || f.list {
			return fmt.Errorf("tag `%s` on %s", key, f.Kind)
		}
		value, err := f.kind.parse(text)
		if err != nil {
			return fmt.Errorf("tag `%s`: %w", key, err)
		}
		*limit = value
	}
	f.Limits = f.limits(tag)
	return nil
}

func (f *Field) limits(tag reflect.StructTag) string {
	switch {
	case len(f.oneOf) > 0:
		return "one of " + strings.Join(f.oneOf, ", ")
	case f.min != nil && f.max != nil:
		return "from " + tag.Get("min") + " to " + tag.Get("max")
	case f.min != nil:
		return "at least " + tag.Get("min")
	case f.max != nil:
		return "at most " + tag.Get("max")
	default:
		return ""
	}
}
