package resource

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// fill sets the fields of an SDK input struct from properties of the same
// name. CloudFormation writes numbers and truth as text or as they are, and
// some names with other capitals. Properties without a field are left out.
func fill(dst any, properties map[string]any) error {
	return fillStruct(reflect.ValueOf(dst).Elem(), properties)
}

func fillStruct(dst reflect.Value, properties map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		field := fieldFor(dst, name)
		if !field.IsValid() || properties[name] == nil {
			continue
		}
		if err := set(field, properties[name]); err != nil {
			return fmt.Errorf("property %s: %w", name, err)
		}
	}
	return nil
}

func fieldFor(dst reflect.Value, name string) reflect.Value {
	return dst.FieldByNameFunc(func(field string) bool { return strings.EqualFold(field, name) })
}

func set(dst reflect.Value, value any) error {
	switch dst.Kind() {
	case reflect.Pointer:
		target := reflect.New(dst.Type().Elem())
		if err := set(target.Elem(), value); err != nil {
			return err
		}
		dst.Set(target)
		return nil
	case reflect.Struct:
		m, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("want an object, got %v", value)
		}
		return fillStruct(dst, m)
	case reflect.Slice:
		return setSlice(dst, value)
	case reflect.Map:
		return setMap(dst, value)
	}
	return setScalar(dst, fmt.Sprint(value))
}

func setSlice(dst reflect.Value, value any) error {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	out := reflect.MakeSlice(dst.Type(), len(list), len(list))
	for i, item := range list {
		if err := set(out.Index(i), item); err != nil {
			return err
		}
	}
	dst.Set(out)
	return nil
}

func setMap(dst reflect.Value, value any) error {
	m, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("want an object, got %v", value)
	}
	out := reflect.MakeMap(dst.Type())
	for key, item := range m {
		element := reflect.New(dst.Type().Elem()).Elem()
		if err := set(element, item); err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(key).Convert(dst.Type().Key()), element)
	}
	dst.Set(out)
	return nil
}

func setScalar(dst reflect.Value, text string) error {
	switch dst.Kind() {
	case reflect.String:
		dst.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("want true or false, got %q", text)
		}
		dst.SetBool(b)
	case reflect.Int32, reflect.Int64, reflect.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || dst.OverflowInt(n) {
			return fmt.Errorf("want a whole number, got %q", text)
		}
		dst.SetInt(n)
	case reflect.Float64, reflect.Float32:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("want a number, got %q", text)
		}
		dst.SetFloat(f)
	default:
		return fmt.Errorf("local CloudFormation cannot set a %s", dst.Type())
	}
	return nil
}

// check refuses properties that the type does not have.
func (k *Kind) check(properties map[string]any) error {
	if k.input == nil {
		return nil
	}
	input := reflect.ValueOf(k.input).Elem()
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !fieldFor(input, name).IsValid() && !slices.Contains(k.known, name) {
			return &Error{Reason: fmt.Sprintf("Properties validation failed for resource with message: [#: extraneous key [%s] is not permitted]", name)}
		}
	}
	return nil
}

// text returns a property as text, "" if it is not set.
func (r *Instance) text(name string) string {
	if v := r.Properties[name]; v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

// pick returns the properties of the given names that are set.
func pick(properties map[string]any, names ...string) map[string]any {
	picked := map[string]any{}
	for _, name := range names {
		if v, ok := properties[name]; ok {
			picked[name] = v
		}
	}
	return picked
}

// renamed returns the properties with some under other names.
func renamed(properties map[string]any, names map[string]string) map[string]any {
	out := make(map[string]any, len(properties))
	for name, v := range properties {
		if to, ok := names[name]; ok {
			name = to
		}
		out[name] = v
	}
	return out
}

// tag is a tag in any service's form.
type tag struct{ Key, Value string }

// tags returns the resource's own tags, the stack's, and those that
// CloudFormation adds.
func (r *Instance) tags() []tag {
	all := map[string]string{
		"aws:cloudformation:stack-name": r.StackName, "aws:cloudformation:stack-id": r.StackID,
		"aws:cloudformation:logical-id": r.LogicalID,
	}
	maps.Copy(all, r.StackTags)
	switch own := r.Properties["Tags"].(type) {
	case []any:
		for _, item := range own {
			if m, ok := item.(map[string]any); ok {
				all[fmt.Sprint(m["Key"])] = fmt.Sprint(m["Value"])
			}
		}
	case map[string]any:
		for key, value := range own {
			all[key] = fmt.Sprint(value)
		}
	}
	tags := make([]tag, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		tags = append(tags, tag{key, all[key]})
	}
	return tags
}

// withTags returns the properties with all tags, in the form of a list of
// pairs.
func (r *Instance) withTags() map[string]any {
	out := maps.Clone(r.Properties)
	if out == nil {
		out = map[string]any{}
	}
	var list []any
	for _, t := range r.tags() {
		list = append(list, map[string]any{"Key": t.Key, "Value": t.Value})
	}
	out["Tags"] = list
	return out
}
