package action

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"
)

// Grace is the time an action has after a signal to finish what it must. The
// runner sends SIGINT, SIGTERM 7.5 s later and kills 2.5 s after that.
const Grace = 7 * time.Second

// ErrCancelled is the cause of the context's end after a signal.
var ErrCancelled = errors.New("cancelled")

// supervise runs do under a context that the first signal cancels, and returns
// that signal, nil if there was none. A second signal, or the end of the grace,
// gives up on do, which may then still run: the caller must leave the process.
func supervise(ctx context.Context, signals <-chan os.Signal, do func(ctx context.Context) error) (os.Signal, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- guard(ctx, do) }()

	var sig os.Signal
	var grace <-chan time.Time
	for {
		select {
		case err := <-done:
			if err != nil && sig != nil {
				err = fmt.Errorf("%w by %s: %w", ErrCancelled, sig, err)
			}
			return sig, err
		case <-grace:
			return sig, fmt.Errorf("%w: still not done after %s", ErrCancelled, Grace)
		case next := <-signals:
			if sig != nil {
				return sig, fmt.Errorf("%w: ended by a second signal", ErrCancelled)
			}
			sig = next
			cancel(fmt.Errorf("%w by %s", ErrCancelled, sig))
			grace = time.After(Grace)
		}
	}
}

// guard turns a panic into an error: a fault of ours, but the user still gets
// one line, the summary and the outputs so far.
func guard(ctx context.Context, do func(ctx context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &internalError{reason: p, stack: debug.Stack()}
		}
	}()
	return do(ctx)
}

// internalError is a panic of an action.
type internalError struct {
	reason any
	stack  []byte
}

func (e *internalError) Error() string {
	return fmt.Sprintf("internal fault: %v; please report it, with the log of a debug run", e.reason)
}

// exitCode maps the end of an action to the exit code of the binary.
func exitCode(err error, sig os.Signal) int {
	switch {
	case err == nil:
		return ExitOK
	case sig == syscall.SIGTERM:
		return ExitTerminated
	case sig != nil:
		return ExitInterrupted
	}
	var input *badInputError
	if errors.As(err, &input) {
		return ExitBadInput
	}
	return ExitFailed
}
