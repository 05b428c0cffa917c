// Command shipkit-demo shows the whole chain on this machine; `make demo` runs
// it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/org/shipkit/internal/demo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	keep := flag.Bool("keep", false, "leave all running at the end, until Ctrl-C")
	pack := flag.Bool("pack", false, "only make the image of the sample app in this folder, without Docker")
	flag.Parse()
	if *pack {
		if err := demo.Pack(".", fmt.Sprintf("%.12s", os.Getenv("GITHUB_SHA"))); err != nil {
			fmt.Fprintln(os.Stderr, "shipkit-demo:", err)
			os.Exit(1) //nolint:gocritic // stop has nothing to do yet
		}
		return
	}
	if err := demo.Run(ctx, demo.Options{Root: ".", Out: os.Stdout, Keep: *keep}); err != nil {
		fmt.Fprintln(os.Stderr, "shipkit-demo:", err)
		os.Exit(1) //nolint:gocritic // stop has nothing to do any more
	}
}
