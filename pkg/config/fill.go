package config

import (
	"slices"
	"strings"
)

// Input returns what the environment says of an action's input: its own
// `inputs:` first, then the setting that feeds it.
func (e Environment) Input(action, input string) (Value, bool) {
	if v, ok := e.inputs[action][input]; ok {
		return v, true
	}
	for _, v := range e.Values {
		s, _ := lookup(v.Name)
		if !slices.ContainsFunc([]string{action + "." + input, "*." + input, action + ".*"}, func(feed string) bool {
			return slices.Contains(s.feeds, feed)
		}) {
			continue
		}
		if s.kind != pairs {
			return v, true
		}
		if text, ok := pair(v.Text, input); ok {
			v.Text = text
			return v, true
		}
	}
	if input == "namespace" {
		return Value{Name: "namespace", Text: e.Namespace.String(), Layer: e.Name, Place: "customer, project, environment"}, true
	}
	return Value{}, false
}

func pair(lines, key string) (string, bool) {
	for line := range strings.Lines(lines) {
		if name, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok && name == key {
			return text, true
		}
	}
	return "", false
}
