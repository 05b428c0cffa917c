package taskdef

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/org/shipkit/pkg/diag"
)

// normalizer brings decoded members into the spelling and the types of the
// API, guided by the SDK's types: YAML turns `value: 8080` into a number, and
// templates spell members in PascalCase.
type normalizer struct {
	keepEmpty map[string]bool
	unknown   []string
	problems  diag.List
}

func newNormalizer(keepEmpty []string) *normalizer {
	n := &normalizer{keepEmpty: map[string]bool{}}
	for _, key := range keepEmpty {
		n.keepEmpty[strings.ToLower(key)] = true
	}
	return n
}

func (n *normalizer) document(fields map[string]any) map[string]any {
	kept := map[string]any{}
	for key, value := range fields {
		if !slices.ContainsFunc(responseOnly, func(s string) bool { return strings.EqualFold(s, key) }) {
			kept[key] = value
		}
	}
	out := n.members(reflect.TypeFor[ecs.RegisterTaskDefinitionInput](), kept, "")
	for key, value := range out {
		if isEmpty(value) && !n.keepEmpty[strings.ToLower(key)] && key != "containerDefinitions" {
			delete(out, key)
		}
	}
	slices.Sort(n.unknown)
	return out
}

func (n *normalizer) members(t reflect.Type, fields map[string]any, path string) map[string]any {
	out := map[string]any{}
	for _, key := range sortedKeys(fields) {
		value := fields[key]
		at := joinPath(path, key)
		keep := n.keepEmpty[strings.ToLower(key)]
		field, known := fieldOf(t, key)
		switch {
		case value == nil && !keep:
			continue
		case !known:
			n.unknown = append(n.unknown, at)
			out[key] = value
			continue
		case value == nil:
			out[memberName(key)] = nil
			continue
		}
		normal := n.value(field.Type, value, at)
		if means := means(field.Type, normal); means || keep {
			out[memberName(key)] = normal
		}
	}
	return out
}

func (n *normalizer) value(t reflect.Type, value any, path string) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		fields, ok := value.(map[string]any)
		if !ok {
			n.wrongType(path, "an object", value)
			return value
		}
		return n.members(t, fields, path)
	case reflect.Slice:
		return n.list(t, value, path)
	case reflect.Map:
		return n.mapping(t, value, path)
	case reflect.String:
		return n.text(value, path)
	case reflect.Bool:
		return n.boolean(value, path)
	case reflect.Int32, reflect.Int64, reflect.Float64:
		return n.number(value, path)
	default:
		return value
	}
}

func (n *normalizer) list(t reflect.Type, value any, path string) any {
	items, ok := value.([]any)
	if !ok {
		n.wrongType(path, "a list", value)
		return value
	}
	out := make([]any, 0, len(items))
	for i, item := range items {
		if item == nil {
			continue
		}
		normal := n.value(t.Elem(), item, fmt.Sprintf("%s[%d]", path, i))
		if means(t.Elem(), normal) {
			out = append(out, normal)
		}
	}
	return out
}

func (n *normalizer) mapping(t reflect.Type, value any, path string) any {
	fields, ok := value.(map[string]any)
	if !ok {
		n.wrongType(path, "an object", value)
		return value
	}
	out := map[string]any{}
	for _, key := range sortedKeys(fields) {
		if fields[key] != nil {
			out[key] = n.value(t.Elem(), fields[key], joinPath(path, key))
		}
	}
	return out
}

func (n *normalizer) text(value any, path string) any {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	default:
		n.wrongType(path, "text", value)
		return value
	}
}

func (n *normalizer) boolean(value any, path string) any {
	if text, ok := value.(string); ok {
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	}
	if _, ok := value.(bool); !ok {
		n.wrongType(path, "true or false", value)
	}
	return value
}

func (n *normalizer) number(value any, path string) any {
	if text, ok := value.(string); ok {
		if _, err := strconv.ParseFloat(text, 64); err == nil && json.Valid([]byte(text)) {
			return json.Number(text)
		}
	}
	if _, ok := value.(json.Number); !ok {
		n.wrongType(path, "a number", value)
	}
	return value
}

// wrongType never shows the value: it may be a secret.
func (n *normalizer) wrongType(path, want string, got any) {
	kind := map[reflect.Kind]string{
		reflect.String: "text", reflect.Bool: "true or false", reflect.Slice: "a list", reflect.Map: "an object",
	}[reflect.ValueOf(got).Kind()]
	if _, ok := got.(json.Number); ok {
		kind = "a number"
	}
	n.problems.Errorf("see the RegisterTaskDefinition page of the ECS API reference",
		"%s is %s, ECS wants %s", path, kind, want)
}

// means tells whether a value says something: an empty object of a structure
// or an empty enumeration does not.
func means(t reflect.Type, value any) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		return !isEmpty(value)
	case reflect.String:
		_, enum := t.MethodByName("Values")
		return !enum || value != ""
	default:
		return true
	}
}

func isEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return false
	}
}

// fieldOf finds a member regardless of case, as encoding/json does.
func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	return t.FieldByNameFunc(func(name string) bool {
		return name != "noSmithyDocumentSerde" && strings.EqualFold(name, key)
	})
}

// memberName gives the API's spelling, in lower camel case.
func memberName(key string) string {
	switch strings.ToLower(key) {
	case "efsvolumeconfiguration":
		return "efsVolumeConfiguration"
	case "fsxwindowsfileservervolumeconfiguration":
		return "fsxWindowsFileServerVolumeConfiguration"
	}
	return strings.ToLower(key[:1]) + key[1:]
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
