package action

import (
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mattn/go-isatty"
)

// Host is the world around a program: what a test replaces.
type Host struct {
	// Environ holds the environment as KEY=value; of two alike the last counts.
	Environ []string
	// Stdout takes workflow commands and log on GitHub, and results in a
	// terminal, where the log goes to Stderr.
	Stdout, Stderr io.Writer
	// Terminal tells whether Stderr is a terminal that can redraw a line.
	Terminal bool
	// Signals delivers SIGINT and SIGTERM; nil never does.
	Signals <-chan os.Signal
}

// OSHost returns the process's own environment, streams and signals.
func OSHost() Host {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return Host{
		Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr,
		Terminal: isatty.IsTerminal(os.Stderr.Fd()) && os.Getenv("TERM") != "dumb",
		Signals:  signals,
	}
}

// Getenv returns the value of a variable, "" if it is not set.
func (h Host) Getenv(key string) string {
	for i := len(h.Environ) - 1; i >= 0; i-- {
		if name, value, _ := strings.Cut(h.Environ[i], "="); name == key {
			return value
		}
	}
	return ""
}

// OnGitHub tells whether a runner started the program.
func (h Host) OnGitHub() bool { return h.Getenv("GITHUB_ACTIONS") == "true" }
