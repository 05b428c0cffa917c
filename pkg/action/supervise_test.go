package action

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestASignalCancelsAndTheActionFinishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 1)
		start := time.Now()
		time.AfterFunc(time.Minute, func() { signals <- os.Interrupt })
		sig, err := supervise(t.Context(), signals, func(ctx context.Context) error {
			<-ctx.Done()
			if !errors.Is(context.Cause(ctx), ErrCancelled) {
				t.Error("cause:", context.Cause(ctx))
			}
			time.Sleep(Grace - time.Second) // asks for a rollback
			return ctx.Err()
		})
		if took := time.Since(start); took != time.Minute+Grace-time.Second {
			t.Error("took", took)
		}
		if sig != os.Interrupt || !errors.Is(err, ErrCancelled) || exitCode(err, sig) != ExitInterrupted {
			t.Error(sig, err)
		}
	})
}

func TestAnActionThatHangsIsLeftAfterTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 1)
		signals <- syscall.SIGTERM
		release := make(chan struct{})
		start := time.Now()
		sig, err := supervise(t.Context(), signals, func(context.Context) error {
			<-release
			return nil
		})
		if took := time.Since(start); took != Grace {
			t.Error("took", took)
		}
		if exitCode(err, sig) != ExitTerminated || !strings.Contains(err.Error(), "still not done after 7s") {
			t.Error(sig, err)
		}
		close(release)
	})
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 2)
		signals <- os.Interrupt
		release := make(chan struct{})
		time.AfterFunc(2*time.Second, func() { signals <- syscall.SIGTERM })
		start := time.Now()
		sig, err := supervise(t.Context(), signals, func(context.Context) error {
			<-release
			return nil
		})
		if took := time.Since(start); took != 2*time.Second || sig != os.Interrupt || exitCode(err, sig) != ExitInterrupted {
			t.Error(took, sig, err)
		}
		close(release)
	})
}

func TestWorkDoneInSpiteOfASignalIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 1)
		signals <- os.Interrupt
		sig, err := supervise(t.Context(), signals, func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		})
		if err != nil || exitCode(err, sig) != ExitOK {
			t.Error(sig, err)
		}
	})
}
