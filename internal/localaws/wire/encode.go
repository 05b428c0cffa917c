package wire

import (
	"reflect"
	"slices"
	"strings"
)

// encode turns an SDK value into the tree; nil means "leave it out".
func encode(v reflect.Value, name naming) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		if v.Kind() == reflect.Interface {
			return encodeUnion(v.Elem(), name)
		}
		return encode(v.Elem(), name)
	case reflect.Struct:
		return encodeStruct(v, name)
	case reflect.Slice:
		return encodeSlice(v, name)
	case reflect.Map:
		return encodeMap(v, name)
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Float32, reflect.Float64:
		return v.Float()
	default:
		return v.Int()
	}
}

func encodeStruct(v reflect.Value, name naming) any {
	if v.Type() == timeType {
		return v.Interface()
	}
	out := make(object, 0, v.NumField())
	for _, f := range members(v.Type()) {
		fv := v.FieldByIndex(f.Index)
		// An enum is a plain string: empty means not set.
		if fv.Kind() == reflect.String && fv.Len() == 0 {
			continue
		}
		if value := encode(fv, name); value != nil {
			out = append(out, member{name: name(v.Type().Name(), f.Name), field: v.Type().Name() + "." + f.Name, value: value})
		}
	}
	return out
}

func encodeSlice(v reflect.Value, name naming) any {
	if v.IsNil() {
		return nil
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return v.Bytes()
	}
	list := make([]any, 0, v.Len())
	for i := range v.Len() {
		list = append(list, encode(v.Index(i), name))
	}
	return list
}

func encodeMap(v reflect.Value, name naming) any {
	if v.IsNil() {
		return nil
	}
	out := make(entries, 0, v.Len())
	for _, key := range v.MapKeys() {
		out = append(out, member{name: key.String(), value: encode(v.MapIndex(key), name)})
	}
	slices.SortFunc(out, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return out
}

// encodeUnion writes the SDK's form of a union: *types.FooMemberBar{Value} is {"bar": …}.
func encodeUnion(v reflect.Value, name naming) any {
	v = reflect.Indirect(v)
	_, variant, ok := strings.Cut(v.Type().Name(), "Member")
	value := v.FieldByName("Value")
	if !ok || !value.IsValid() {
		return nil
	}
	return object{{name: name("", variant), value: encode(value, name)}}
}
