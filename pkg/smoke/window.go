package smoke

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// WindowResult is what the window of samples showed.
type WindowResult struct {
	Samples int `json:"samples"`
	Failed  int `json:"failed"`
	// Allowed is how many samples were allowed to fail.
	Allowed int `json:"allowed"`
}

// judge takes the samples of the window, the first of which may be there
// already, and stops as soon as more of them failed than may. It returns what
// did not hold; a failure that the window allows is a note.
func (r *runner) judge(ctx context.Context, c *Check, v Values, first *sample, result *CheckResult) []Miss {
	window := &WindowResult{Allowed: c.Stable.allowed()}
	result.Window = window
	durations := make([][]time.Duration, len(c.Steps))
	var worst *sample
	for s := first; ; s = nil {
		if s == nil {
			s = r.take(ctx, c, c.Steps, v, 0)
			result.Attempts++
		}
		window.Samples++
		for i, answer := range s.answers {
			durations[i] = append(durations[i], answer.Duration)
		}
		result.sampled(s)
		if !s.good() {
			window.Failed++
		}
		if worst == nil || worst.good() && len(s.misses) > 0 {
			worst = s
		}
		if window.Failed > window.Allowed || window.Samples >= c.Stable.Samples {
			break
		}
		r.progress.Send(c.event(fmt.Sprintf("%d of %d samples, %d failed",
			window.Samples, c.Stable.Samples, window.Failed),
			time.Duration(c.Stable.Samples-window.Samples)*c.Stable.Interval))
		if !sleep(ctx, c.Stable.Interval) {
			return []Miss{{
				Place: c.Place, Severity: Fail, Expected: fmt.Sprintf("%d samples", c.Stable.Samples),
				Seen: fmt.Sprintf("%d samples (%d failed) when the time was up", window.Samples, window.Failed),
				Try:  "raise timeout, or take fewer samples",
			}}
		}
	}
	return append(window.misses(c, worst), latencies(c, durations)...)
}

// misses returns what the window's worst sample missed.
func (w *WindowResult) misses(c *Check, worst *sample) []Miss {
	misses := slices.Clone(worst.misses)
	if w.Failed == 0 {
		return misses
	}
	if c.Stable.Samples > 1 {
		misses = append(misses, Miss{c.Place, Fail, fmt.Sprintf("at most %d of %d samples fail", w.Allowed, c.Stable.Samples),
			fmt.Sprintf("%d of %d failed", w.Failed, w.Samples), ""})
	}
	for i := range misses {
		if w.Failed <= w.Allowed && misses[i].Severity == Fail {
			misses[i].Severity = Note
		}
	}
	return misses
}

// latencies judges the assertions that need the whole window.
func latencies(c *Check, durations [][]time.Duration) []Miss {
	var misses []Miss
	for i, step := range c.Steps {
		for _, a := range step.Asserts {
			test, ok := a.Test.(LatencyTest)
			if !ok || len(durations[i]) == 0 {
				continue
			}
			if holds, seen := test.overWindow(durations[i]); holds == a.Not {
				misses = append(misses, Miss{a.Place, a.Severity, test.Expect(nil), seen, ""})
			}
		}
	}
	return misses
}
