// Command shipkit-demo shows the whole chain on this machine; `make demo` runs
// it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/org/shipkit/internal/demo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo.Run(ctx, ".", os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "shipkit-demo:", err)
		os.Exit(1) //nolint:gocritic // stop has nothing to do any more
	}
}
