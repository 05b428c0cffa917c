package wire

import (
	"reflect"
	"time"
	"unicode"
	"unicode/utf8"
)

// The neutral tree. Encoding yields string, bool, int64, float64, time.Time, []byte, []any, object and entries.
// Decoding takes string, bool, int64, float64, json.Number, text, []byte, time.Time, []any, map[string]any and nil.
type (
	object []member
	member struct {
		name  string
		field string // "Type.Field" of the SDK struct, for element names; empty for entries of a map
		value any
	}
	// entries is a Go map, whose form differs from a struct's in Query and XML.
	entries []member
)

// naming turns a Go field name into the wire's member name.
type naming func(field string) string

func (s *ServiceInfo) naming() naming {
	if s.LowerCamel {
		return lowerFirst
	}
	return func(field string) string { return field }
}

func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}

var timeType = reflect.TypeFor[time.Time]()

// members lists the fields of an SDK struct that go on the wire.
func members(t reflect.Type) []reflect.StructField {
	fields := make([]reflect.StructField, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		if f.IsExported() && f.Name != "ResultMetadata" {
			fields = append(fields, f)
		}
	}
	return fields
}
