package smoke

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Load sends requests at a bounded rate for a short time. It only reports.
type Load struct {
	// Rate is passes through the check's steps per second; it is never exceeded.
	Rate     float64
	Duration time.Duration
	// InFlight bounds how many passes run at a time.
	InFlight int
}

// LoadResult is what the load measured.
type LoadResult struct {
	Sent   int `json:"sent"`
	Errors int `json:"errors"`
	// Late counts the passes that were not started, because InFlight others
	// had no answer yet.
	Late     int           `json:"late,omitempty"`
	Duration time.Duration `json:"duration_ns"`
	P50      time.Duration `json:"p50_ns"`
	P95      time.Duration `json:"p95_ns"`
	P99      time.Duration `json:"p99_ns"`
	Max      time.Duration `json:"max_ns"`
}

// ErrorRatio is the share of passes that failed, 0 to 1.
func (l *LoadResult) ErrorRatio() float64 {
	if l.Sent == 0 {
		return 0
	}
	return float64(l.Errors) / float64(l.Sent)
}

// load starts a pass every 1/Rate, whether or not the last one has ended: a
// slow service meets the rate that its users would bring.
func (r *runner) load(ctx context.Context, c *Check, v Values) *LoadResult {
	result := &LoadResult{}
	var (
		mu        sync.Mutex
		durations []time.Duration
		passes    sync.WaitGroup
	)
	start := time.Now()
	slots := make(chan struct{}, c.Load.InFlight)
	gap := time.Duration(float64(time.Second) / c.Load.Rate)
	for time.Since(start) < c.Load.Duration {
		select {
		case slots <- struct{}{}:
			result.Sent++
			passes.Go(func() {
				defer func() { <-slots }()
				s := r.take(ctx, c, c.Steps, v, 0)
				mu.Lock()
				defer mu.Unlock()
				durations = append(durations, s.duration)
				if !s.good() {
					result.Errors++
				}
			})
		default:
			result.Late++
		}
		r.progress.Send(c.event(fmt.Sprintf("load: %d sent", result.Sent), c.Load.Duration-time.Since(start)))
		if !sleep(ctx, gap) {
			break
		}
	}
	passes.Wait()
	result.Duration = time.Since(start)
	result.P50, result.P95 = Percentile(durations, 0.50), Percentile(durations, 0.95)
	result.P99, result.Max = Percentile(durations, 0.99), Percentile(durations, 1)
	return result
}
