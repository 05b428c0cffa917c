package action

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/nearest"
)

// Fill supplies values for inputs that neither the workflow nor a flag set,
// such as from a settings file. What it leaves out takes the default of
// action.yml.
type Fill func(ctx context.Context, request FillRequest) (map[string]Filled, error)

// FillRequest says what an action was given and what it lacks.
type FillRequest struct {
	Action string
	// Given holds the inputs that were set, among them maybe config (a file)
	// and environment (a name in it).
	Given map[string]string
	// Unset lists the inputs that may be filled, in the order of action.yml.
	Unset  []string
	Getenv func(key string) string
}

// Filled is a value and where it stands, such as .shipkit.yml:12.
type Filled struct{ Value, Origin string }

// givenInputs reads the INPUT_ variables, over which flags win. Input names in
// variables are in capitals; an unknown one is returned as it stands there.
func givenInputs(meta *Metadata, host Host, flags map[string]string) (values map[string]given, unknown []string) {
	values = map[string]given{}
	for _, variable := range host.Environ {
		name, text, _ := strings.Cut(variable, "=")
		name, ok := strings.CutPrefix(name, "INPUT_")
		if !ok {
			continue
		}
		name = strings.ToLower(name)
		if _, ok := meta.Input(name); !ok {
			unknown = append(unknown, name)
		} else if strings.TrimSpace(text) != "" {
			values[name] = given{text: text}
		}
	}
	for name, text := range flags {
		if strings.TrimSpace(text) != "" {
			values[name] = given{text: text}
		}
	}
	slices.Sort(unknown)
	return values, unknown
}

// completeInputs adds what fill knows, then the defaults of action.yml.
func completeInputs(ctx context.Context, fill Fill, name string, meta *Metadata, host Host, values map[string]given) error {
	request := FillRequest{Action: name, Given: map[string]string{}, Getenv: host.Getenv}
	for _, input := range meta.Inputs {
		if value, ok := values[input.Name]; ok {
			request.Given[input.Name] = value.text
		} else {
			request.Unset = append(request.Unset, input.Name)
		}
	}
	if fill != nil {
		filled, err := fill(ctx, request)
		if err != nil {
			return err //nolint:wrapcheck // the filler names its file
		}
		for _, input := range request.Unset {
			if value, ok := filled[input]; ok && strings.TrimSpace(value.Value) != "" {
				values[input] = given{text: value.Value, origin: value.Origin}
			}
		}
	}
	for _, name := range request.Unset {
		if _, ok := values[name]; ok {
			continue
		}
		input, _ := meta.Input(name)
		if text := defaultOf(input, host); text != "" {
			values[name] = given{text: text, origin: "the default of action.yml"}
		}
	}
	return nil
}

// defaultOf returns the default of an input. The runner works out expressions;
// without it those of the github context, such as ${{ github.token }}, come
// from the variable of the same name, GITHUB_TOKEN.
func defaultOf(input Input, host Host) string {
	if !input.Expression() {
		return input.Default
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(input.Default), "${{"), "}}")
	key, ok := strings.CutPrefix(strings.TrimSpace(inner), "github.")
	if !ok || strings.ContainsAny(key, " ${}|&") {
		return ""
	}
	return host.Getenv("GITHUB_" + strings.ToUpper(key))
}

// checkNames warns of inputs that the action does not know: the runner passes
// a misspelt one on, and what it should have set stays at its default.
func checkNames(meta *Metadata, unknown []string, values map[string]given) diag.List {
	var found diag.List
	var known []string
	for _, input := range meta.Inputs {
		known = append(known, input.Name)
		if _, ok := values[input.Name]; ok && input.Deprecation != "" {
			found.Warnf(input.Deprecation, "input %q is deprecated", input.Name)
		}
	}
	for _, name := range unknown {
		found.Warnf(suggest(name, known), "input %q is not one of this action's and was ignored", name)
	}
	return found
}

// suggest names the known word nearest to name, or all of them.
func suggest(name string, known []string) string {
	if near := nearest.Word(name, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(known) == 0 {
		return "take it out: there are none"
	}
	return "one of " + strings.Join(known, ", ")
}
