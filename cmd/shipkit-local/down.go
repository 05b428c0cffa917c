package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// down asks the running server to stop, and waits until it has.
func down(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		return usageError(stderr, "down takes no arguments, got %q", args[0])
	}
	url, err := running()
	if err != nil {
		return err
	}
	if _, err := ask(ctx, http.MethodPost, "/_local/stop"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for { // its note goes when everything is clean
		if now, err := running(); err != nil || now != url {
			break
		}
		select {
		case <-ctx.Done():
			return errors.New("local AWS still runs after a minute")
		case <-time.After(50 * time.Millisecond):
		}
	}
	_, _ = fmt.Fprintln(stdout, "local AWS is down")
	return nil
}
