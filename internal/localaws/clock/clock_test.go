package clock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/org/shipkit/internal/localaws/clock"
)

func TestSleepRunsFasterByTheFactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(60)
		defer c.Close()
		wall, simulated := time.Now(), c.Now()
		if err := c.Sleep(t.Context(), 10*time.Minute); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(wall).Round(time.Second); got != 10*time.Second {
			t.Errorf("10 simulated minutes took %s of wall time, want 10s", got)
		}
		if got := c.Now().Sub(simulated).Round(time.Second); got != 10*time.Minute {
			t.Errorf("the clock moved by %s, want 10m", got)
		}
	})
}

func TestSleepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sleep = %v, want DeadlineExceeded", err)
		}
	})
}

func TestAfterFuncFiresInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		defer c.Close()
		fired := make(chan string, 3)
		c.AfterFunc(2*time.Second, func() { fired <- "second" })
		c.AfterFunc(time.Second, func() { fired <- "first" })
		stop := c.AfterFunc(1500*time.Millisecond, func() { fired <- "stopped" })
		stop()
		stop() // harmless
		for _, want := range []string{"first", "second"} {
			if got := <-fired; got != want {
				t.Errorf("fired %s, want %s", got, want)
			}
		}
		time.Sleep(time.Minute)
		if len(fired) > 0 {
			t.Errorf("a stopped timer fired: %s", <-fired)
		}
	})
}

func TestAdvanceFiresWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		defer c.Close()
		var fired []string
		c.AfterFunc(time.Hour, func() { fired = append(fired, "hour") })
		c.AfterFunc(3*time.Hour, func() { fired = append(fired, "three hours") })
		c.Advance(2 * time.Hour)
		synctest.Wait()
		if len(fired) != 1 || fired[0] != "hour" {
			t.Errorf("after two hours fired = %v, want [hour]", fired)
		}
	})
}

func TestCloseDropsTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		stop := c.AfterFunc(time.Second, func() { t.Error("a timer fired after Close") })
		c.Close()
		stop() // harmless
		c.AfterFunc(0, func() { t.Error("a timer of a closed clock fired") })
		c.Advance(time.Hour)
		time.Sleep(time.Minute)
	})
}
