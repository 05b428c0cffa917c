// Package clock is the simulated time that local AWS lives in. It runs faster than the wall clock by a factor, so that
// a bake of ten minutes takes seconds in a test, and it can be moved forward by hand.
package clock

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Clock tells simulated time. It is safe for concurrent use. Use New; Close it so that no timer outlives it.
type Clock struct {
	factor float64

	mu     sync.Mutex
	origin time.Time // simulated time at start
	start  time.Time // wall time at start
	queue  timers
	wake   *time.Timer // fires at the earliest timer of the queue
	closed bool
}

// New starts a clock at the present moment that runs factor times as fast as the wall clock. A factor of zero or less
// means 1.
func New(factor float64) *Clock {
	if factor <= 0 {
		factor = 1
	}
	now := time.Now()
	return &Clock{factor: factor, origin: now, start: now}
}

// Factor says how many simulated seconds pass in one second of the wall clock.
func (c *Clock) Factor() float64 { return c.factor }

// Now returns the simulated time in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

// Real returns how long a simulated duration takes on the wall clock.
func (c *Clock) Real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / c.factor)
}

// Sleep waits for d of simulated time, or until ctx ends; then it returns the context's error.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	done := make(chan struct{})
	stop := c.AfterFunc(d, func() { close(done) })
	defer stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the caller tells Canceled from DeadlineExceeded by identity
	}
}

// AfterFunc calls f in a goroutine of its own once d of simulated time has passed. The returned stop cancels the call
// if it has not begun. After Close nothing is called any more.
func (c *Clock) AfterFunc(d time.Duration, f func()) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return func() {}
	}
	t := &timer{at: c.now().Add(d), call: f}
	heap.Push(&c.queue, t)
	c.arm()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if t.index >= 0 {
			heap.Remove(&c.queue, t.index)
		}
	}
}

// Advance moves simulated time forward by d at once and fires what has come due.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.origin = c.origin.Add(d)
	c.arm()
}

// Close drops all timers. Sleepers wait on for their context.
func (c *Clock) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for len(c.queue) > 0 {
		heap.Pop(&c.queue) // marks each as gone, so that its stop does nothing
	}
	if c.wake != nil {
		c.wake.Stop()
	}
}

func (c *Clock) now() time.Time {
	elapsed := time.Since(c.start)
	return c.origin.Add(time.Duration(float64(elapsed) * c.factor)).UTC()
}

// arm fires what is due and sets the wall-clock timer for what comes next. The lock is held.
func (c *Clock) arm() {
	if c.closed {
		return
	}
	now := c.now()
	for len(c.queue) > 0 && !c.queue[0].at.After(now) {
		t := heap.Pop(&c.queue).(*timer) //nolint:forcetypeassert // the heap holds nothing else
		go t.call()
	}
	if c.wake != nil {
		c.wake.Stop()
	}
	if len(c.queue) == 0 {
		return
	}
	// Rounded up, so that the timer never fires a moment too early and spins.
	wait := c.Real(c.queue[0].at.Sub(now)) + time.Microsecond
	c.wake = time.AfterFunc(wait, c.fire)
}

func (c *Clock) fire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arm()
}
