// Command shipkit takes a commit to a healthy service on AWS: one binary for
// all actions, on GitHub and in a terminal.
package main

import (
	"context"
	"os"

	"github.com/org/shipkit/pkg/action"
)

func main() {
	program := action.Program{
		Version: versionText(), Specs: specs, Fill: fill,
		Commands: []action.Command{configCommand, historyCommand, statusCommand},
	}
	os.Exit(program.Main(context.Background(), action.OSHost(), os.Args[1:]))
}
