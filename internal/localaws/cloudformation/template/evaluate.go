package template

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// noValue is what Ref AWS::NoValue gives: the property is left out.
type noValue struct{}

// Scope is what names mean when a template is evaluated.
type Scope struct {
	Parameters map[string]any    // string, or []any for lists
	Pseudo     map[string]string // AWS::Region and so on
	// Ref and Attribute return what a resource is known as. An error says
	// that it is not known.
	Ref       func(resource string) (any, error)
	Attribute func(resource, name string) (any, error)
	// Import returns another stack's export.
	Import func(name string) (string, error)

	template   *Template
	conditions map[string]bool
	open       map[string]bool // conditions under evaluation
}

// Bind prepares a scope for a template: it evaluates the conditions.
func (t *Template) Bind(s Scope) (*Scope, error) {
	s.template, s.conditions, s.open = t, map[string]bool{}, map[string]bool{}
	for name := range t.Conditions {
		if _, err := s.condition(name); err != nil {
			return nil, err
		}
	}
	return &s, nil
}

// Holds tells whether a named condition is true; "" is.
func (s *Scope) Holds(condition string) bool { return condition == "" || s.conditions[condition] }

// Evaluate returns a value without functions.
func (s *Scope) Evaluate(value any) (any, error) {
	v, err := s.evaluate(value)
	if err != nil {
		return nil, err
	}
	if _, none := v.(noValue); none {
		return nil, nil
	}
	return v, nil
}

// Text evaluates a value that must be text.
func (s *Scope) Text(value any) (string, error) {
	v, err := s.Evaluate(value)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return fmt.Sprint(v), nil
	}
	return "", templateError("%v is not text", v)
}

func templateError(format string, args ...any) error {
	return fmt.Errorf("Template error: "+format, args...) //nolint:staticcheck,revive // AWS's words
}

func (s *Scope) condition(name string) (bool, error) {
	if holds, known := s.conditions[name]; known {
		return holds, nil
	}
	expression, ok := s.template.Conditions[name]
	if !ok || s.open[name] {
		return false, templateError("unresolved condition dependency %s", name)
	}
	s.open[name] = true
	defer delete(s.open, name)
	holds, err := s.boolean(expression)
	if err != nil {
		return false, err
	}
	s.conditions[name] = holds
	return holds, nil
}

// boolean evaluates a condition function.
func (s *Scope) boolean(expression any) (bool, error) {
	key, argument, ok := function(expression)
	if !ok {
		return false, templateError("%v is no condition", expression)
	}
	list, _ := argument.([]any)
	switch key {
	case "Condition":
		return s.condition(text(argument))
	case "Fn::Equals":
		if len(list) != 2 {
			return false, templateError("Fn::Equals requires two values")
		}
		a, err := s.Evaluate(list[0])
		if err != nil {
			return false, err
		}
		b, err := s.Evaluate(list[1])
		return reflect.DeepEqual(comparable(a), comparable(b)), err
	case "Fn::Not", "Fn::And", "Fn::Or":
		return s.logic(key, list)
	}
	return false, templateError("%s is no condition function", key)
}

func (s *Scope) logic(key string, list []any) (bool, error) {
	if len(list) == 0 {
		return false, templateError("%s requires conditions", key)
	}
	for _, item := range list {
		holds, err := s.boolean(item)
		switch {
		case err != nil:
			return false, err
		case key == "Fn::Not":
			return !holds, nil
		case holds == (key == "Fn::Or"):
			return holds, nil
		}
	}
	return key == "Fn::And", nil
}

// comparable lets true and "true" be equal, as they are to CloudFormation.
func comparable(v any) any {
	if b, ok := v.(bool); ok {
		return fmt.Sprint(b)
	}
	return v
}

// function splits a map of one member whose key is a function's.
func function(value any) (key string, argument any, ok bool) {
	m, isMap := value.(map[string]any)
	if !isMap || len(m) != 1 {
		return "", nil, false
	}
	for key, argument = range m {
		return key, argument, key == "Ref" || key == "Condition" || strings.HasPrefix(key, "Fn::")
	}
	return "", nil, false
}

func (s *Scope) evaluate(value any) (any, error) {
	key, argument, isFunction := function(value)
	if isFunction && key != "Condition" { // a policy document has members named Condition
		return s.call(key, argument)
	}
	switch v := value.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			e, err := s.evaluate(item)
			if err != nil {
				return nil, err
			}
			if _, none := e.(noValue); !none {
				out = append(out, e)
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			e, err := s.evaluate(item)
			if err != nil {
				return nil, err
			}
			if _, none := e.(noValue); !none {
				out[key] = e
			}
		}
		return out, nil
	}
	return value, nil
}

func (s *Scope) call(key string, argument any) (any, error) {
	switch key {
	case "Ref":
		return s.ref(text(argument))
	case "Fn::GetAtt":
		return s.Attribute(attribute(argument))
	case "Fn::Sub":
		return s.sub(argument)
	case "Fn::Base64":
		plain, err := s.Text(argument)
		return base64.StdEncoding.EncodeToString([]byte(plain)), err
	case "Fn::GetAZs":
		region := s.Pseudo["AWS::Region"]
		return []any{region + "a", region + "b", region + "c"}, nil
	case "Fn::ImportValue":
		name, err := s.Text(argument)
		if err != nil {
			return nil, err
		}
		return s.Import(name)
	case "Fn::If":
		return s.choose(argument)
	}
	list, ok := argument.([]any)
	if !ok {
		return nil, templateError("%s requires a list", key)
	}
	switch {
	case key == "Fn::Join" && len(list) == 2:
		return s.join(list)
	case key == "Fn::Select" && len(list) == 2:
		return s.pick(list)
	case key == "Fn::Split" && len(list) == 2:
		return s.split(list)
	case key == "Fn::FindInMap" && len(list) == 3:
		return s.findInMap(list)
	}
	return nil, templateError("unresolvable function %s with %d arguments", key, len(list))
}

func (s *Scope) ref(name string) (any, error) {
	if name == "AWS::NoValue" {
		return noValue{}, nil
	}
	if v, ok := s.Pseudo[name]; ok {
		return v, nil
	}
	if v, ok := s.Parameters[name]; ok {
		return v, nil
	}
	return s.Ref(name)
}

func (s *Scope) sub(argument any) (any, error) {
	format, bound := subArguments(argument)
	var failure error
	result := placeholder.ReplaceAllStringFunc(format, func(found string) string {
		name := strings.TrimSpace(found[2 : len(found)-1])
		var value any
		var err error
		if own, ok := bound[name]; ok {
			value, err = s.evaluate(own)
		} else if resource, attribute, dotted := strings.Cut(name, "."); dotted {
			value, err = s.Attribute(resource, attribute)
		} else {
			value, err = s.ref(name)
		}
		if err != nil && failure == nil {
			failure = err
		}
		return text(value)
	})
	return strings.ReplaceAll(result, "${!", "${"), failure
}

func (s *Scope) choose(argument any) (any, error) {
	list, ok := argument.([]any)
	if !ok || len(list) != 3 {
		return nil, templateError("Fn::If requires a list of three")
	}
	holds, err := s.condition(text(list[0]))
	if err != nil {
		return nil, err
	}
	if holds {
		return s.evaluate(list[1])
	}
	return s.evaluate(list[2])
}

func (s *Scope) list(value any) ([]any, error) {
	v, err := s.Evaluate(value)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, templateError("%v is no list", v)
	}
	return list, nil
}

func (s *Scope) join(list []any) (any, error) {
	items, err := s.list(list[1])
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = text(item)
	}
	return strings.Join(parts, text(list[0])), nil
}

func (s *Scope) pick(list []any) (any, error) {
	index, err := s.Text(list[0])
	if err != nil {
		return nil, err
	}
	items, err := s.list(list[1])
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(index)
	if err != nil || n < 0 || n >= len(items) {
		return nil, templateError("Fn::Select cannot select nonexistent value at index %s", index)
	}
	return items[n], nil
}

func (s *Scope) split(list []any) (any, error) {
	source, err := s.Text(list[1])
	if err != nil {
		return nil, err
	}
	var items []any
	for _, part := range strings.Split(source, text(list[0])) {
		items = append(items, part)
	}
	return items, nil
}

func (s *Scope) findInMap(list []any) (any, error) {
	keys := make([]string, 3)
	for i, item := range list {
		key, err := s.Text(item)
		if err != nil {
			return nil, err
		}
		keys[i] = key
	}
	first, _ := s.template.Mappings[keys[0]].(map[string]any)
	second, _ := first[keys[1]].(map[string]any)
	value, ok := second[keys[2]]
	if !ok {
		return nil, templateError("unable to get mapping for %s::%s::%s", keys[0], keys[1], keys[2])
	}
	return value, nil
}
