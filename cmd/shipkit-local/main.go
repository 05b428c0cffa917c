// Command shipkit-local runs an AWS on this machine, for a first look at shipkit and for its tests. It is a program of
// its own, so that the released one stays small.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

const usage = `shipkit-local runs the AWS that shipkit calls on this machine.

  shipkit-local up       start it and seed a demo; Ctrl-C ends it and cleans up
  shipkit-local env      print the variables that point AWS tools at it
  shipkit-local status   show what runs
  shipkit-local down     stop it

shipkit-local up -h lists its flags.
`

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// errUsage says that the command line is wrong, errHelp that help was asked for; both were told.
var (
	errUsage = errors.New("wrong usage")
	errHelp  = errors.New("help")
)

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	commands := map[string]func(context.Context, []string, io.Writer, io.Writer) error{
		"up": up, "env": env, "status": status, "down": down,
	}
	if len(args) == 0 {
		_, _ = fmt.Fprint(stderr, usage)
		return exitUsage
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		_, _ = fmt.Fprint(stdout, usage)
		return exitOK
	}
	command, ok := commands[args[0]]
	if !ok {
		_, _ = fmt.Fprintf(stderr, "shipkit-local: unknown command %q; there are up, env, status and down\n", args[0])
		return exitUsage
	}
	err := command(ctx, args[1:], stdout, stderr)
	switch {
	case errors.Is(err, errHelp):
		return exitOK
	case errors.Is(err, errUsage):
		return exitUsage
	case err != nil:
		_, _ = fmt.Fprintln(stderr, "shipkit-local:", err)
		return exitFailed
	}
	return exitOK
}
