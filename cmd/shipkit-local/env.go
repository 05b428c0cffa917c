package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/org/shipkit/internal/localaws"
)

// env prints exports for a shell.
func env(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		return usageError(stderr, "env takes no arguments, got %q", args[0])
	}
	if _, err := ask(ctx, http.MethodGet, "/_local/status"); err != nil {
		return err
	}
	url, err := running()
	if err != nil {
		return err
	}
	for _, variable := range localaws.Env(url) {
		_, _ = fmt.Fprintln(stdout, "export", variable)
	}
	return nil
}
