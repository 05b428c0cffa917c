// Package config reads .shipkit.yml, the one file of a project's environments
// and their settings.
//
//	customer: xy
//	project: "0146"
//	defaults:
//	  region: eu-west-1
//	environments:
//	  dev: {cluster: dev, services: [web]}
//	  production:
//	    inherits: dev
//	    cluster: main
//	    promote-from: dev
//
// An environment takes what it does not set from the one that it inherits
// from, and then from the defaults. A value may refer to ${NAME} of the
// process's environment; $$ is a dollar sign.
package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/nearest"
)

// DefaultPath is where the file stands in a repository.
const DefaultPath = ".shipkit.yml"

// MaxBytes bounds the file's size.
const MaxBytes = 1 << 20

// File is a settings file that has been read and found right.
type File struct {
	path              string
	customer, project string
	defaults          layer
	environments      map[string]layer
}

// layer is what one part of the file sets.
type layer struct {
	name     string // "defaults", or the environment's name
	inherits value
	values   map[string]value
	// inputs sets any input of any action: action, then input.
	inputs map[string]map[string]value
}

// value is a text and where it stands.
type value struct {
	text         string
	line, column int
}

// Value is a resolved setting.
type Value struct {
	Name, Text string
	// Layer is the part of the file that set it: "defaults" or an environment.
	Layer string
	// Place is file:line.
	Place string
	// Secret values must not be shown.
	Secret bool
}

// Environment is an environment with all that it inherits.
type Environment struct {
	Name      string
	Namespace namespace.Namespace
	Values    []Value // in the order of the settings
	inputs    map[string]map[string]Value
}

// Environments returns the names of all environments, sorted.
func (f *File) Environments() []string { return slices.Sorted(maps.Keys(f.environments)) }

// Environment resolves one environment. getenv supplies ${NAME} references; an
// unset one is an error at its place.
func (f *File) Environment(name string, getenv func(string) string) (Environment, error) {
	if _, ok := f.environments[name]; !ok {
		return Environment{}, f.unknown(name)
	}
	ns, err := namespace.New(f.customer, f.project, name)
	if err != nil {
		return Environment{}, fmt.Errorf("%s: environment %s: %w", f.path, name, err)
	}
	env := Environment{Name: name, Namespace: ns, inputs: map[string]map[string]Value{}}
	var problems diag.List
	layers := f.layers(name)
	for _, setting := range settings {
		for _, layer := range layers {
			if v, ok := layer.values[setting.name]; ok {
				env.Values = append(env.Values, f.resolve(setting, layer, v, getenv, &problems))
				break
			}
		}
	}
	for _, layer := range slices.Backward(layers) {
		for action, inputs := range layer.inputs {
			if env.inputs[action] == nil {
				env.inputs[action] = map[string]Value{}
			}
			for input, v := range inputs {
				env.inputs[action][input] = f.resolve(setting{name: input, kind: text}, layer, v, getenv, &problems)
			}
		}
	}
	return env, problems.Err()
}

// layers returns the environment, what it inherits from, and the defaults: the
// nearest first. Reading the file has refused circles.
func (f *File) layers(name string) []layer {
	var layers []layer
	for name != "" {
		layer := f.environments[name]
		layers = append(layers, layer)
		name = layer.inherits.text
	}
	return append(layers, f.defaults)
}

func (f *File) resolve(s setting, l layer, v value, getenv func(string) string, problems *diag.List) Value {
	expanded, missing := expand(v.text, getenv)
	for _, variable := range missing {
		problems.Add(f.finding(v, "set it, or write the value itself",
			"%s: environment variable %s is not set", s.name, variable))
	}
	if len(missing) == 0 && s.kind != list && s.kind != pairs {
		if complaint := s.complaint(expanded); complaint != "" {
			problems.Add(f.finding(v, "", "%s: %q given: %s", s.name, expanded, complaint))
		}
	}
	return Value{Name: s.name, Text: expanded, Layer: l.name, Place: fmt.Sprintf("%s:%d", f.path, v.line), Secret: s.secret}
}

func (f *File) finding(v value, try, format string, args ...any) *diag.Diagnostic {
	return &diag.Diagnostic{
		Summary: fmt.Sprintf(format, args...), Try: try, File: f.path, Line: v.line, Column: v.column,
	}
}

func (f *File) unknown(name string) error {
	try := fmt.Sprintf("one of %q", f.Environments())
	if near := nearest.Word(name, f.Environments()); near != "" {
		try = fmt.Sprintf("did you mean %q? It has %s", near, strings.Join(f.Environments(), ", "))
	}
	return &diag.Diagnostic{Summary: fmt.Sprintf("environment %q is not in %s", name, f.path), Try: try, File: f.path}
}

// Get returns a setting's text, "" if it is not set.
func (e Environment) Get(name string) string {
	for _, v := range e.Values {
		if v.Name == name {
			return v.Text
		}
	}
	return ""
}
