package template

import (
	"fmt"
	"maps"
	"slices"
)

// fromTree reads the sections of a template.
func fromTree(root map[string]any) (*Template, error) {
	t := &Template{
		Description: text(root["Description"]), Parameters: map[string]Parameter{}, Resources: map[string]Resource{},
		Outputs: map[string]Output{},
	}
	for name := range root {
		if !slices.Contains(sections, name) {
			return nil, formatError("Invalid template property or properties [%s]", name)
		}
	}
	if root["Transform"] != nil {
		return nil, formatError("local CloudFormation has no transforms")
	}
	var err error
	if t.Mappings, err = mapping(root, "Mappings"); err != nil {
		return nil, err
	}
	if t.Conditions, err = mapping(root, "Conditions"); err != nil {
		return nil, err
	}
	for _, read := range []struct {
		section string
		entry   func(name string, m map[string]any) error
	}{
		{"Parameters", t.readParameter}, {"Resources", t.readResource}, {"Outputs", t.readOutput},
	} {
		if err := each(root, read.section, read.entry); err != nil {
			return nil, err
		}
	}
	return t, nil
}

var sections = []string{
	"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings", "Conditions", "Transform",
	"Resources", "Outputs",
}

func (t *Template) readParameter(name string, m map[string]any) error {
	p := Parameter{Type: text(m["Type"]), Description: text(m["Description"]), NoEcho: truth(m["NoEcho"])}
	if p.Type == "" {
		return formatError("Every Parameters object must contain a Type member: %s", name)
	}
	if def, ok := m["Default"]; ok {
		p.Default = new(text(def))
	}
	if values, ok := m["AllowedValues"].([]any); ok {
		for _, v := range values {
			p.AllowedValues = append(p.AllowedValues, text(v))
		}
	}
	t.Parameters[name] = p
	return nil
}

func (t *Template) readResource(name string, m map[string]any) error {
	r := Resource{
		Type: text(m["Type"]), Condition: text(m["Condition"]),
		DeletionPolicy: text(m["DeletionPolicy"]), UpdateReplacePolicy: text(m["UpdateReplacePolicy"]),
	}
	if r.Type == "" {
		return formatError("[/Resources/%s] Every Resources object must contain a Type member.", name)
	}
	var err error
	if r.Properties, err = mapping(m, "Properties"); err != nil {
		return err
	}
	switch on := m["DependsOn"].(type) {
	case string:
		r.DependsOn = []string{on}
	case []any:
		for _, v := range on {
			r.DependsOn = append(r.DependsOn, text(v))
		}
	}
	t.Resources[name] = r
	return nil
}

func (t *Template) readOutput(name string, m map[string]any) error {
	if m["Value"] == nil {
		return formatError("Output %s is malformed. The Value field of every Outputs member must be specified", name)
	}
	o := Output{Value: m["Value"], Description: text(m["Description"]), Condition: text(m["Condition"])}
	if export, ok := m["Export"].(map[string]any); ok {
		o.Export = export["Name"]
	}
	t.Outputs[name] = o
	return nil
}

// each calls entry for every member of a section, in order.
func each(root map[string]any, section string, entry func(string, map[string]any) error) error {
	members, err := mapping(root, section)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		m, ok := members[name].(map[string]any)
		if !ok {
			return formatError("[/%s/%s] must be an object", section, name)
		}
		if err := entry(name, m); err != nil {
			return err
		}
	}
	return nil
}

func mapping(root map[string]any, name string) (map[string]any, error) {
	value := root[name]
	if value == nil {
		return map[string]any{}, nil
	}
	m, ok := value.(map[string]any)
	if !ok {
		return nil, formatError("%s must be an object", name)
	}
	return m, nil
}

// text returns a scalar as text; everything else is "".
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return fmt.Sprint(v)
	}
	return ""
}

func truth(v any) bool { return text(v) == "true" }

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
