package wire

import (
	"maps"
	"slices"
	"strconv"
)

// The form and XML protocols wrap lists and maps in ways that vary by service (Tags.member.1, Tags.Tag.1, Tags.1). These
// functions take any of them.

// asStruct takes a structure; an empty element or parameter is an empty structure.
func asStruct(src any) (map[string]any, bool) {
	if src == text("") {
		return nil, true
	}
	tree, ok := src.(map[string]any)
	return tree, ok
}

func asList(src any) ([]any, bool) {
	switch v := src.(type) {
	case []any:
		return v, true
	case text:
		if v == "" {
			return []any{}, true
		}
		return []any{v}, true // a flattened list of one
	case map[string]any:
		return unwrapList(v)
	}
	return nil, false
}

func unwrapList(tree map[string]any) ([]any, bool) {
	if list, ok := numbered(tree); ok {
		return list, true
	}
	if len(tree) != 1 {
		return nil, false
	}
	for _, inner := range tree { // the one wrapper: member, Tag, Path …
		switch v := inner.(type) {
		case map[string]any:
			if list, ok := numbered(v); ok {
				return list, true
			}
			return []any{v}, true // one XML element
		case []any:
			return v, true
		default:
			return []any{v}, true
		}
	}
	return nil, false
}

// numbered reads {"1": a, "2": b} in the order of the numbers.
func numbered(tree map[string]any) ([]any, bool) {
	numbers := make([]int, 0, len(tree))
	for key := range maps.Keys(tree) {
		n, err := strconv.Atoi(key)
		if err != nil {
			return nil, false
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	list := make([]any, 0, len(numbers))
	for _, n := range numbers {
		list = append(list, tree[strconv.Itoa(n)])
	}
	return list, len(list) > 0
}

// asEntries takes a map: as it is from JSON, or as entries of key and value (Attributes.entry.1.key=…).
func asEntries(src any) (map[string]any, bool) {
	tree, ok := src.(map[string]any)
	if !ok {
		return nil, src == text("")
	}
	wrapped, ok := tree["entry"]
	if !ok {
		return tree, true
	}
	list, ok := asList(wrapped)
	if !ok {
		return nil, false
	}
	out := make(map[string]any, len(list))
	for _, item := range list {
		pair, _ := item.(map[string]any)
		key, value := pair["key"], pair["value"]
		if key == nil {
			key, value = pair["Name"], pair["Value"] // SNS message attributes
		}
		name, ok := asString(key)
		if !ok {
			return nil, false
		}
		out[name] = value
	}
	return out, true
}
