package smoke

import (
	"context"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxPause bounds the pause between attempts, unless interval is longer.
const maxPause = 15 * time.Second

// pauses returns the sequence of pauses between attempts.
func (r Retry) pauses() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     r.Interval,
		RandomizationFactor: 0.2,
		Multiplier:          1.5,
		MaxInterval:         max(r.Interval, maxPause),
	}
}

// await tries until the service answers what counts, or the time is up. The
// last attempt is made at the end of the time, even if the service asks to
// wait for longer: a load balancer's Retry-After says nothing of this service.
func (r *runner) await(ctx context.Context, c *Check, v Values, result *CheckResult) *sample {
	pauses := c.Retry.pauses()
	for {
		s := r.take(ctx, c, c.Steps, v, 0)
		result.Attempts++
		if s.state != notReady {
			return s
		}
		left := remaining(ctx)
		pause := max(pauses.NextBackOff(), s.retryAfter)
		if pause >= left {
			pause = left - min(c.Retry.AttemptTimeout, time.Second)
		}
		if pause <= 0 {
			return s
		}
		r.progress.Send(c.event(fmt.Sprintf("not ready: %s; next attempt in %s",
			r.secrets.redact(s.misses[len(s.misses)-1].Seen), short(pause)), 0))
		if !sleep(ctx, pause) {
			return s
		}
	}
}

// remaining returns the time to the deadline of ctx.
func remaining(ctx context.Context) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Hour
	}
	return time.Until(deadline)
}

// sleep waits and tells whether there is time left.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
