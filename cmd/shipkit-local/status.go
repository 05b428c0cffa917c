package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/org/shipkit/internal/localaws"
)

// status prints what runs, a table a kind.
func status(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		return usageError(stderr, "status takes no arguments, got %q", args[0])
	}
	body, err := ask(ctx, http.MethodGet, "/_local/status")
	if err != nil {
		return err
	}
	var v localaws.Status
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("read the status: %w", err)
	}
	return render(stdout, v)
}

// render writes tables as text; kinds of which there is nothing share one line.
func render(out io.Writer, v localaws.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "local AWS at %s: account %s, %s, tasks on %s, %gx, %s\n", v.URL, v.Account, v.Region, v.Engine,
		v.Factor, v.Now.Format("2006-01-02 15:04:05 UTC"))
	var none []string
	for _, t := range v.Tables {
		if len(t.Rows) == 0 {
			none = append(none, strings.ToLower(t.Title))
			continue
		}
		_, _ = fmt.Fprintf(w, "\n%s\n", strings.ToUpper(t.Title))
		for _, row := range append([][]string{t.Header}, t.Rows...) {
			_, _ = fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
		}
	}
	if len(none) > 0 {
		_, _ = fmt.Fprintf(w, "\nno %s\n", strings.Join(none, ", "))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	return nil
}
