package action

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// help lists the actions and commands.
func (p Program) help(w io.Writer) {
	fmt.Fprintf(w, "Usage: %s <action> [--input value …]\n\nActions:\n", p.name())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, spec := range p.Specs {
		about := ""
		if meta, err := spec.Metadata(); err == nil {
			about = firstSentence(meta.Description)
		}
		fmt.Fprintf(table, "  %s\t%s\n", spec.name, about)
	}
	_ = table.Flush()
	fmt.Fprint(w, "\nCommands:\n")
	for _, command := range p.Commands {
		fmt.Fprintf(table, "  %s\t%s\n", command.Name, command.About)
	}
	fmt.Fprint(table, "  version\tShow the version, the commit and the Go version\n")
	_ = table.Flush()
	fmt.Fprintf(w, "\n`%s <action> --help` shows its inputs.\n", p.name())
}

// helpAction shows one action as its action.yml describes it.
func helpAction(w io.Writer, program string, spec Spec, meta *Metadata, fields []Field) {
	fmt.Fprintln(w, strings.TrimSpace(meta.Description))
	fmt.Fprintf(w, "\nUsage: %s %s [--input value …]\n\nInputs:\n", program, spec.name)
	for _, input := range meta.Inputs {
		field, _ := fieldNamed(fields, input.Name)
		fmt.Fprintf(w, "  --%s  %s\n", input.Name, strings.Join(facts(input, field), ", "))
		indent(w, input.Description)
	}
	fmt.Fprint(w, "\nOutputs:\n")
	for _, output := range meta.Outputs {
		fmt.Fprintf(w, "  %s\n", output.Name)
		indent(w, output.Description)
	}
	fmt.Fprint(w, "\nAlso:\n  --json     print the result as JSON\n  --version  show the version\n  --help     show this\n")
	fmt.Fprintf(w, "\nExit codes: %d done, %d failed, %d bad input, %d interrupted, %d terminated.\n",
		ExitOK, ExitFailed, ExitBadInput, ExitInterrupted, ExitTerminated)
}

func facts(input Input, field Field) []string {
	all := []string{field.Kind}
	if field.Limits != "" {
		all = append(all, field.Limits)
	}
	if input.Required {
		all = append(all, "required")
	}
	if input.Default != "" {
		all = append(all, "default "+strings.ReplaceAll(strings.TrimSpace(input.Default), "\n", ", "))
	}
	return all
}

func indent(w io.Writer, text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(w, "      %s\n", strings.TrimSpace(line))
	}
}
