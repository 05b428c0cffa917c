package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/config"
	"github.com/org/shipkit/pkg/diag"
)

// configCommand is `shipkit config show --environment NAME [--config FILE]`.
var configCommand = action.Command{
	Name:  "config",
	About: "config show --environment NAME: the settings of .shipkit.yml, and where each comes from",
	Run:   runConfig,
}

func runConfig(_ context.Context, host action.Host, args []string) int {
	flags := flag.NewFlagSet("shipkit config show", flag.ContinueOnError)
	flags.SetOutput(host.Stderr)
	path := flags.String("config", config.DefaultPath, "settings file")
	name := flags.String("environment", "", "environment to show")
	if len(args) == 0 || args[0] != "show" {
		fmt.Fprintln(host.Stderr, "usage: shipkit config show --environment NAME [--config FILE]")
		return action.ExitBadInput
	}
	if err := flags.Parse(args[1:]); err != nil {
		return action.ExitBadInput
	}
	env, err := environment(*path, *name, host.Getenv)
	if err != nil {
		for _, d := range diag.From(err) {
			fmt.Fprintln(host.Stderr, d.Error())
		}
		return action.ExitBadInput
	}
	if err := showEnvironment(host.Stdout, env); err != nil {
		fmt.Fprintln(host.Stderr, err)
		return action.ExitFailed
	}
	return action.ExitOK
}

func showEnvironment(w io.Writer, env config.Environment) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(table, "namespace\t%s\n", env.Namespace)
	for _, value := range env.Values {
		text := strings.ReplaceAll(value.Text, "\n", ", ")
		if value.Secret {
			text = hide(value.Text)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", value.Name, text, value.Layer, value.Place)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("show environment %s: %w", env.Name, err)
	}
	return nil
}

// hide keeps the keys of key=value lines and stars their values.
func hide(lines string) string {
	var keys []string
	for line := range strings.Lines(lines) {
		key, _, _ := strings.Cut(line, "=")
		keys = append(keys, strings.TrimSpace(key)+"=***")
	}
	return strings.Join(keys, ", ")
}
