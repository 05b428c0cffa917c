// Package shell runs commands that a user gives, so that a cancelled step ends
// all of their processes and not the first one alone.
package shell

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"time"
)

// stopTime is how long a command has to end after a cancel. It leaves the step
// most of the seconds that a runner gives it then.
const stopTime = 2 * time.Second

// Run runs a program and returns what it wrote to both its outputs. When ctx
// ends, the program and all that it has started get SIGTERM, and SIGKILL if
// they are still there 2 s later; the error is then why ctx has ended.
func Run(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // the user's own command
	command.Dir, command.Env = dir, env
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = stopTime
	out, err := command.CombinedOutput()
	if ctx.Err() == nil || command.Process == nil {
		return out, err //nolint:wrapcheck // the caller knows what it is about
	}
	_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // none is left: ESRCH
	return out, errors.Join(context.Cause(ctx), err)
}
