package template

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// placeholder is a ${Name} or ${Name.Attribute} of Fn::Sub; ${!Name} is text.
var placeholder = regexp.MustCompile(`\$\{([^!${}][^${}]*)\}`)

// references returns the resources, or unknown names, that a resource needs.
func (t *Template) references(r Resource) []string {
	found := map[string]bool{}
	for _, name := range append(t.find(r.Properties), r.DependsOn...) {
		found[name] = true
	}
	return sorted(found)
}

// Dependencies returns the resources that a resource needs.
func (t *Template) Dependencies(name string) []string { return t.references(t.Resources[name]) }

// find returns the names in a value that are neither parameters nor pseudo
// parameters.
func (t *Template) find(value any) (names []string) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			names = append(names, t.find(item)...)
		}
	case map[string]any:
		if len(v) == 1 {
			for key, argument := range v {
				if own, isFunction := t.named(key, argument); isFunction {
					return own
				}
			}
		}
		for _, item := range v {
			names = append(names, t.find(item)...)
		}
	}
	return names
}

// named returns the names in a function that names resources.
func (t *Template) named(key string, argument any) (names []string, is bool) {
	switch key {
	case "Ref":
		return t.others(text(argument)), true
	case "Fn::GetAtt":
		resource, _ := attribute(argument)
		return t.others(resource), true
	case "Fn::Sub":
		format, bound := subArguments(argument)
		for _, match := range placeholder.FindAllStringSubmatch(format, -1) {
			name, _, _ := strings.Cut(match[1], ".")
			if _, own := bound[match[1]]; !own {
				names = append(names, t.others(strings.TrimSpace(name))...)
			}
		}
		return append(names, t.find(map[string]any(bound))...), true
	}
	return nil, false
}

// others returns name if it can be a resource only.
func (t *Template) others(name string) []string {
	if _, isParameter := t.Parameters[name]; isParameter || strings.HasPrefix(name, "AWS::") {
		return nil
	}
	return []string{name}
}

// Order returns the resources so that each stands after those it needs.
func (t *Template) Order() ([]string, error) {
	var order []string
	state := map[string]int{} // 1: being visited, 2: done
	var visit func(name string) error
	visit = func(name string) error {
		switch state[name] {
		case 1:
			return formatError("Circular dependency between resources: [%s]", name)
		case 2:
			return nil
		}
		state[name] = 1
		for _, needed := range t.Dependencies(name) {
			if err := visit(needed); err != nil {
				return err
			}
		}
		state[name] = 2
		order = append(order, name)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(t.Resources)) {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// attribute splits the argument of Fn::GetAtt: a list of two, or a text with a
// dot.
func attribute(argument any) (resource, name string) {
	if list, ok := argument.([]any); ok {
		parts := make([]string, len(list))
		for i, v := range list {
			parts[i] = text(v)
		}
		if len(parts) == 0 {
			return "", ""
		}
		return parts[0], strings.Join(parts[1:], ".")
	}
	resource, name, _ = strings.Cut(text(argument), ".")
	return resource, name
}

// subArguments splits the argument of Fn::Sub: a text, or a list of a text and
// a map.
func subArguments(argument any) (format string, bound map[string]any) {
	list, ok := argument.([]any)
	if !ok {
		return text(argument), nil
	}
	if len(list) > 0 {
		format = text(list[0])
	}
	if len(list) > 1 {
		bound, _ = list[1].(map[string]any)
	}
	return format, bound
}
