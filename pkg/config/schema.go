package config

import "encoding/json"

// Schema returns the JSON Schema of the file, with which editors complete it:
// https://json-schema.org/draft/2020-12/schema.
func Schema() ([]byte, error) {
	environment := map[string]any{"type": []string{"object", "null"}, "additionalProperties": false, "properties": properties(true)}
	defaults := map[string]any{"type": "object", "additionalProperties": false, "properties": properties(false)}
	part := map[string]any{"type": "string", "pattern": "^[a-z0-9]+$"}
	text, err := json.MarshalIndent(map[string]any{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                "shipkit environments",
		"description":          "One file of a project's environments and their settings: .shipkit.yml",
		"type":                 "object",
		"required":             []string{"customer", "project", "environments"},
		"additionalProperties": false,
		"properties": map[string]any{
			"customer":     map[string]any{"type": "string", "pattern": "^[a-z][a-z0-9]*$", "description": "The customer's short name"},
			"project":      part,
			"defaults":     defaults,
			"environments": map[string]any{"type": "object", "minProperties": 1, "propertyNames": part, "additionalProperties": environment},
		},
	}, "", "  ")
	return append(text, '\n'), err
}

func properties(inherits bool) map[string]any {
	properties := map[string]any{
		"inputs": map[string]any{
			"type": "object", "description": "Any input of any action: the action's name, then the input's",
			"additionalProperties": map[string]any{"type": "object"},
		},
	}
	if inherits {
		properties["inherits"] = map[string]any{"type": "string", "description": "Environment whose settings this one takes over"}
	}
	for _, s := range settings {
		properties[s.name] = s.schema()
	}
	return properties
}

// reference is a value that is known only when the file is used.
var reference = map[string]any{"type": "string", "pattern": `\$\{[^}]+\}`}

func (s setting) schema() map[string]any {
	scalar := map[string]any{"type": []string{"string", "number"}}
	one := scalar
	switch {
	case len(s.allowed) > 0:
		one = map[string]any{"enum": s.allowed}
	case s.pattern != nil:
		one = map[string]any{"type": "string", "pattern": s.pattern.String()}
	case s.kind == number:
		one = map[string]any{"type": []string{"integer", "string"}, "minimum": 0, "pattern": "^[0-9]+$"}
	case s.kind == duration:
		one = map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(h|m|s|ms))+$`}
	case s.kind == address:
		one = map[string]any{"type": "string", "pattern": "^https?://"}
	case s.kind == list:
		one = map[string]any{"type": "array", "items": scalar}
	case s.kind == pairs:
		return map[string]any{"description": s.about, "type": "object", "additionalProperties": scalar}
	}
	return map[string]any{"description": s.about, "anyOf": []any{one, s.alternative()}}
}

// alternative is the other way to write a value: a list of one as a text, and
// anything else as a reference.
func (s setting) alternative() any {
	if s.kind == list {
		return map[string]any{"type": "string"}
	}
	return reference
}
