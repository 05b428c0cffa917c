package main

import (
	"context"
	"fmt"
	"os"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/config"
	"github.com/org/shipkit/pkg/diag"
)

// fill supplies inputs from .shipkit.yml once the input environment names one
// of its environments.
func fill(_ context.Context, request action.FillRequest) (map[string]action.Filled, error) {
	path, name := request.Given["config"], request.Given["environment"]
	if name == "" {
		if path != "" {
			return nil, &diag.Diagnostic{
				Summary: fmt.Sprintf("input config: %q given without the input environment", path),
				Try:     "name one of the file's environments in environment",
			}
		}
		return nil, nil
	}
	env, err := environment(path, name, request.Getenv)
	if err != nil {
		return nil, err
	}
	filled := map[string]action.Filled{}
	for _, input := range request.Unset {
		if value, ok := env.Input(request.Action, input); ok {
			filled[input] = action.Filled{Value: value.Text, Origin: value.Place}
		}
	}
	return filled, nil
}

// environment reads the file at path, .shipkit.yml by default, and resolves one
// of its environments.
func environment(path, name string, getenv func(string) string) (config.Environment, error) {
	if path == "" {
		path = config.DefaultPath
	}
	content, err := os.ReadFile(path) //nolint:gosec // the user names the file
	if err != nil {
		return config.Environment{}, &diag.Diagnostic{
			Summary: fmt.Sprintf("environment %q is looked up in %s, which cannot be read: %v", name, path, err),
			Try:     "check the repository out first, or name the file in config", Err: err,
		}
	}
	file, err := config.Read(path, content)
	if err != nil {
		return config.Environment{}, err //nolint:wrapcheck // the findings carry their place
	}
	return file.Environment(name, getenv) //nolint:wrapcheck // the findings carry their place
}
