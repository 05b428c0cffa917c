package smoketest

import (
	"os"

	"github.com/mattn/go-isatty"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/progress"
)

// colours of verdicts in a terminal, ECMA-48 select graphic rendition.
const (
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

// live returns the receiver of progress; in a terminal it colours verdicts,
// unless NO_COLOR is set (https://no-color.org).
func live(rt *action.Runtime) progress.Func {
	receive := rt.Progress()
	if rt.OnGitHub() || rt.Getenv("NO_COLOR") != "" || rt.Getenv("TERM") == "dumb" || !isatty.IsTerminal(os.Stderr.Fd()) {
		return receive
	}
	return func(e progress.Event) {
		if e.Milestone {
			e.Text = colour(e) + e.Text + plain
		}
		receive(e)
	}
}

func colour(e progress.Event) string {
	if e.Warn {
		return yellow
	}
	return green
}
