package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/config"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/history"
	"github.com/org/shipkit/pkg/markdown"
)

// historyCommand lists the deployments of an environment.
var historyCommand = action.Command{
	Name:  "history",
	About: "history --environment NAME: what was deployed there, the newest first",
	Run: func(ctx context.Context, host action.Host, args []string) int {
		return ask(ctx, host, "history", args, true, showHistory)
	},
}

// statusCommand tells what runs where.
var statusCommand = action.Command{
	Name:  "status",
	About: "status: what runs in each environment, since when, by whom, from which commit",
	Run: func(ctx context.Context, host action.Host, args []string) int {
		return ask(ctx, host, "status", args, false, showStatus)
	},
}

// past is an environment with its deployments.
type past struct {
	Environment string           `json:"environment"`
	Records     []history.Record `json:"deployments"`
}

// ask reads the settings file and the histories of one or all environments.
func ask(ctx context.Context, host action.Host, command string, args []string, one bool, show func(io.Writer, []past) error) int {
	flags := flag.NewFlagSet("shipkit "+command, flag.ContinueOnError)
	flags.SetOutput(host.Stderr)
	path := flags.String("config", config.DefaultPath, "settings file")
	name := flags.String("environment", "", "environment; status shows all without it")
	asJSON := flags.Bool("json", false, "print JSON")
	if err := flags.Parse(args); err != nil {
		return action.ExitBadInput
	}
	pasts, err := readPasts(ctx, host, *path, *name, one)
	if err == nil && *asJSON {
		encoder := json.NewEncoder(host.Stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(pasts)
	} else if err == nil {
		err = show(host.Stdout, pasts)
	}
	if err != nil {
		for _, d := range diag.From(err) {
			fmt.Fprintln(host.Stderr, d.Error())
		}
		return action.ExitFailed
	}
	return action.ExitOK
}

func readPasts(ctx context.Context, host action.Host, path, name string, one bool) ([]past, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the user names the file
	if err != nil {
		return nil, &diag.Diagnostic{
			Summary: fmt.Sprintf("the settings file %s cannot be read: %v", path, err), Try: "--config FILE", Err: err,
		}
	}
	file, err := config.Read(path, content)
	if err != nil {
		return nil, err //nolint:wrapcheck // the findings carry their place
	}
	names := []string{name}
	if name == "" && !one {
		names = file.Environments()
	}
	pasts := make([]past, 0, len(names))
	for _, name := range names {
		env, err := file.Environment(name, anyValue(host.Getenv))
		if err != nil {
			return nil, err //nolint:wrapcheck // the findings carry their place
		}
		cfg, err := awsclient.Load(ctx, awsclient.Options{Region: env.Get("region"), ExpectedAccountID: env.Get("account")})
		if err != nil {
			return nil, fmt.Errorf("environment %s: %w", name, err)
		}
		records, err := history.History{Parameters: ssm.NewFromConfig(cfg), Namespace: env.Namespace}.List(ctx)
		if err != nil {
			return nil, fmt.Errorf("environment %s: %w", name, awsclient.Explain(err))
		}
		pasts = append(pasts, past{name, records})
	}
	return pasts, nil
}

// anyValue lets references to variables pass that only a workflow has: neither
// a URL nor a webhook matters for what is shown.
func anyValue(getenv func(string) string) func(string) string {
	return func(name string) string {
		if value := getenv(name); value != "" {
			return value
		}
		return "https://" + name
	}
}

func showHistory(w io.Writer, pasts []past) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "WHEN\tSTATUS\tVERSION\tCOMMIT\tDATABASE\tBY\tTIME\tWHY")
	for _, p := range pasts {
		for _, r := range p.Records {
			fmt.Fprintf(table, "%s\t%s\t%s\t%.12s\t%s\t%s\t%s\t%s\n", r.ID.Time().Format("2006-01-02 15:04"), r.Status,
				r.Version, r.Commit, r.Database, r.By, markdown.Duration(time.Duration(r.Seconds)*time.Second), r.Reason)
		}
	}
	return flush(table)
}

func showStatus(w io.Writer, pasts []past) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "ENVIRONMENT\tVERSION\tCOMMIT\tDATABASE\tSINCE\tBY\tLAST ATTEMPT")
	for _, p := range pasts {
		current, last := history.Current(p.Records), "none"
		if current == nil {
			current = &history.Record{Version: "nothing"}
		}
		if len(p.Records) > 0 {
			last = string(p.Records[0].Status)
		}
		since := ""
		if current.ID != "" {
			since = current.ID.Time().Format("2006-01-02 15:04")
		}
		fmt.Fprintf(table, "%s\t%s\t%.12s\t%s\t%s\t%s\t%s\n",
			p.Environment, current.Version, current.Commit, current.Database, since, current.By, last)
	}
	return flush(table)
}

func flush(table *tabwriter.Writer) error {
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
