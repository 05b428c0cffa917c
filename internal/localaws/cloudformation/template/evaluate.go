package template

import (
	"fmt"
	"reflect"
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
