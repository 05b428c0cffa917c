package template

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// call calls an intrinsic function
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html).
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
