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

// naming turns a field of an SDK struct into the wire's member name.
type naming func(owner, field string) string

// asIs is the naming of protocols whose members are the SDK's field names.
func asIs(_, field string) string { return field }

// otherCase lists the structures whose members begin with the other case than the rest of their service.
var otherCase = map[string]map[string]bool{
	"ecr": {"Tag": true},
	"sts": {"PolicyDescriptorType": true},
}

func (s *ServiceInfo) naming() naming {
	if s.Protocol == EC2 {
		return ec2Name
	}
	exceptions := otherCase[s.Name]
	return func(owner, field string) string {
		if s.LowerCamel != exceptions[owner] {
			return lowerFirst(field)
		}
		return field
	}
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
