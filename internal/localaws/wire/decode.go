package wire

import (
	"fmt"
	"reflect"
	"strconv"
)

// decode fills an SDK value from the tree. path is where we stand, for errors. Unknown members are ignored, as AWS does.
func decode(dst reflect.Value, src any, name naming, path string) error {
	if src == nil {
		return nil
	}
	switch dst.Kind() {
	case reflect.Pointer:
		if dst.IsNil() {
			dst.Set(reflect.New(dst.Type().Elem()))
		}
		return decode(dst.Elem(), src, name, path)
	case reflect.Interface:
		return fmt.Errorf("%s: local AWS does not read this member yet", path)
	case reflect.Struct:
		return decodeStruct(dst, src, name, path)
	case reflect.Slice:
		return decodeSlice(dst, src, name, path)
	case reflect.Map:
		return decodeMap(dst, src, name, path)
	default:
		return decodeScalar(dst, src, path)
	}
}

func decodeStruct(dst reflect.Value, src any, name naming, path string) error {
	if dst.Type() == timeType {
		t, err := asTime(src)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		dst.Set(reflect.ValueOf(t))
		return nil
	}
	tree, ok := asStruct(src)
	if !ok {
		return fmt.Errorf("%s: expected a structure, got %s", path, describe(src))
	}
	for _, f := range members(dst.Type()) {
		wire := name(dst.Type().Name(), f.Name)
		value, given := tree[wire]
		if !given {
			continue
		}
		if err := decode(dst.FieldByIndex(f.Index), value, name, join(path, wire)); err != nil {
			return err
		}
	}
	return nil
}

func decodeSlice(dst reflect.Value, src any, name naming, path string) error {
	if dst.Type().Elem().Kind() == reflect.Uint8 {
		blob, err := asBlob(src)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		dst.SetBytes(blob)
		return nil
	}
	list, ok := asList(src)
	if !ok {
		return fmt.Errorf("%s: expected a list, got %s", path, describe(src))
	}
	out := reflect.MakeSlice(dst.Type(), len(list), len(list))
	for i, item := range list {
		if err := decode(out.Index(i), item, name, path+"."+strconv.Itoa(i+1)); err != nil {
			return err
		}
	}
	dst.Set(out)
	return nil
}

func decodeMap(dst reflect.Value, src any, name naming, path string) error {
	tree, ok := asEntries(src)
	if !ok {
		return fmt.Errorf("%s: expected a map, got %s", path, describe(src))
	}
	out := reflect.MakeMapWithSize(dst.Type(), len(tree))
	for key, item := range tree {
		value := reflect.New(dst.Type().Elem()).Elem()
		if err := decode(value, item, name, join(path, key)); err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(key).Convert(dst.Type().Key()), value)
	}
	dst.Set(out)
	return nil
}

func decodeScalar(dst reflect.Value, src any, path string) error {
	var ok bool
	switch dst.Kind() {
	case reflect.String:
		var s string
		if s, ok = asString(src); ok {
			dst.SetString(s)
		}
	case reflect.Bool:
		var b bool
		if b, ok = asBool(src); ok {
			dst.SetBool(b)
		}
	case reflect.Float32, reflect.Float64:
		var f float64
		if f, ok = asFloat(src); ok {
			dst.SetFloat(f)
		}
	default:
		var n int64
		if n, ok = asInt(src); ok {
			ok = !dst.OverflowInt(n)
			dst.SetInt(n)
		}
	}
	if !ok {
		return fmt.Errorf("%s: expected %s, got %s", path, dst.Kind(), describe(src))
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
