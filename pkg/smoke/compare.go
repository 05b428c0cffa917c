package smoke

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
)

// Compare asks two addresses the same questions, side by side.
type Compare struct {
	// Stable and Canary are base addresses; the paths are joined to them.
	Stable, Canary template.Text
	Paths          []template.Text
	// Samples is how many pairs of requests are made for each path.
	Samples int
	// JQ lists the expressions whose results must be the same on both sides.
	JQ []*JQ
	// MaxLatencyRatio is how many times slower the canary may be.
	MaxLatencyRatio float64
	// MaxErrorDifference is how much higher the canary's share of errors
	// (no answer, or 5xx) may be, 0 to 1; also the share of pairs that may differ.
	MaxErrorDifference float64
	// Confidence of the intervals, 0 to 1.
	Confidence float64
}

// DefaultCompare returns a comparison with the usual limits and no addresses.
func DefaultCompare() *Compare {
	return &Compare{Samples: 50, MaxLatencyRatio: 1.5, MaxErrorDifference: 0.05, Confidence: 0.95}
}

// CompareResult is what a comparison measured.
type CompareResult struct {
	Pairs      int     `json:"pairs"`
	Confidence float64 `json:"confidence"`
	Stable     Side    `json:"stable"`
	Canary     Side    `json:"canary"`
	// LatencyRatio is the median of canary/stable over pairs that both answered.
	LatencyRatio Interval `json:"latency_ratio"`
	// ErrorDifference is the canary's share of errors less the stable one's.
	ErrorDifference Interval `json:"error_difference"`
	// Differences lists what the two answered differently.
	Differences []string `json:"differences,omitempty"`
}

// Side is one of the two addresses.
type Side struct {
	Errors int           `json:"errors"`
	P50    time.Duration `json:"p50_ns"`
	P95    time.Duration `json:"p95_ns"`

	durations []time.Duration
}

// pair is one question to both sides.
type pair struct{ stable, canary *sample }

// compare measures and judges the comparison.
func (r *runner) compare(ctx context.Context, c *Check, v Values, result *CheckResult) []Miss {
	stable, canary := c.sides(v)
	for _, steps := range [][]Step{stable, canary} {
		ready := *c
		ready.Steps = steps[:1]
		if s := r.await(ctx, &ready, v, result); s.state != judged {
			result.sampled(s)
			return s.misses
		}
	}
	measured := &CompareResult{Confidence: c.Compare.Confidence}
	result.Compare = measured
	var ratios []float64
	differ := map[string]int{}
	for i := range c.Compare.Samples {
		for j := range stable {
			p := r.pair(ctx, c, stable[j:j+1], canary[j:j+1], v, i%2 == 1)
			if ctx.Err() != nil {
				return []Miss{{c.Place, Fail, fmt.Sprintf("%d pairs of requests", c.Compare.Samples*len(stable)),
					fmt.Sprintf("%d when the time was up", measured.Pairs), "raise timeout, or take fewer samples"}}
			}
			measured.Pairs++
			result.Attempts += 2
			ratios = measured.add(p, ratios)
			for _, text := range p.differences(ctx, c.Compare.JQ, stable[j].Request.Method+" "+c.Compare.Paths[j].Expand(v)) {
				differ[text]++
			}
		}
		r.progress.Send(c.event(fmt.Sprintf("%d of %d pairs compared", measured.Pairs, c.Compare.Samples*len(stable)), 0))
	}
	measured.finish(ratios)
	return measured.judge(c, differ)
}

// sides returns the steps for both addresses. Any answer but 5xx is one.
func (c *Check) sides(v Values) (stable, canary []Step) {
	for _, path := range c.Compare.Paths {
		step := c.Steps[0]
		step.Status = StatusSet{[][2]int{{100, 499}}, "1xx to 4xx"}
		step.Asserts = nil
		step.Request.URL = template.Literal(join(c.Compare.Stable.Expand(v), path.Expand(v)))
		stable = append(stable, step)
		step.Request.URL = template.Literal(join(c.Compare.Canary.Expand(v), path.Expand(v)))
		canary = append(canary, step)
	}
	return stable, canary
}

// pair asks both sides, in turn first, so that neither always meets the
// other's caches.
func (r *runner) pair(ctx context.Context, c *Check, stable, canary []Step, v Values, canaryFirst bool) pair {
	if canaryFirst {
		second := r.take(ctx, c, canary, v, 0)
		return pair{r.take(ctx, c, stable, v, 0), second}
	}
	first := r.take(ctx, c, stable, v, 0)
	return pair{first, r.take(ctx, c, canary, v, 0)}
}

func (m *CompareResult) add(p pair, ratios []float64) []float64 {
	m.Stable.add(p.stable)
	m.Canary.add(p.canary)
	if !p.stable.good() || !p.canary.good() {
		return ratios
	}
	return append(ratios, float64(p.canary.last().Duration)/float64(max(p.stable.last().Duration, 1)))
}

func (s *Side) add(one *sample) {
	if !one.good() {
		s.Errors++
		return
	}
	s.durations = append(s.durations, one.last().Duration)
}

func (m *CompareResult) finish(ratios []float64) {
	for _, side := range []*Side{&m.Stable, &m.Canary} {
		side.P50, side.P95 = Percentile(side.durations, 0.50), Percentile(side.durations, 0.95)
	}
	m.LatencyRatio = medianInterval(ratios, m.Confidence)
	m.ErrorDifference = differenceInterval(m.Canary.Errors, m.Stable.Errors, m.Pairs, m.Confidence)
}

// differences says what the two sides of a pair answered differently.
func (p pair) differences(ctx context.Context, queries []*JQ, name string) []string {
	if !p.stable.good() || !p.canary.good() {
		return nil
	}
	a, b := p.stable.last(), p.canary.last()
	if a.Status != b.Status {
		return []string{fmt.Sprintf("%s: status %d on stable, %d on canary", name, a.Status, b.Status)}
	}
	var found []string
	for _, query := range queries {
		one, errOne := value(ctx, query, a, p.stable.captured)
		two, errTwo := value(ctx, query, b, p.canary.captured)
		if err := errors.Join(errOne, errTwo); err != nil {
			found = append(found, fmt.Sprintf("%s: jq %s: %s", name, query, err))
		} else if one != two {
			found = append(found, fmt.Sprintf("%s: jq %s is %s on stable, %s on canary", name, query, quote(one), quote(two)))
		}
	}
	return found
}

func value(ctx context.Context, query *JQ, a *probe.Answer, v Values) (string, error) {
	result, err := query.eval(ctx, a.Body, v)
	return text(result), err
}

// judge fails what is worse with confidence, and warns of what looks worse but
// may be chance.
func (m *CompareResult) judge(c *Check, differ map[string]int) []Miss {
	var misses []Miss
	latency, errorRate := m.LatencyRatio, m.ErrorDifference
	bound := func(i Interval, limit float64, expected, seen string) {
		switch {
		case i.Low > limit:
			misses = append(misses, Miss{c.Place, Fail, expected, seen, ""})
		case i.Value > limit:
			misses = append(misses, Miss{c.Place, Warn, expected, seen + ": may be chance", "take more samples"})
		}
	}
	if c.Compare.MaxLatencyRatio > 0 && latency.Samples > 0 {
		bound(latency, c.Compare.MaxLatencyRatio,
			fmt.Sprintf("canary at most %.2f times as slow", c.Compare.MaxLatencyRatio),
			fmt.Sprintf("%.2f times (%s)", latency.Value, latency.text("%.2f")))
	}
	bound(errorRate, c.Compare.MaxErrorDifference,
		fmt.Sprintf("canary fails at most %.1f%% more often", 100*c.Compare.MaxErrorDifference),
		fmt.Sprintf("%d of %d against %d of %d: %+.1f%% (%s)", m.Canary.Errors, m.Pairs, m.Stable.Errors, m.Pairs,
			100*errorRate.Value, errorRate.scaled(100).text("%.1f%%")))
	return append(misses, m.judgeDifferences(c, differ)...)
}

// maxDifferences bounds how many distinct differences are shown.
const maxDifferences = 10

func (m *CompareResult) judgeDifferences(c *Check, differ map[string]int) []Miss {
	var misses []Miss
	for _, text := range sortedKeys(differ) {
		seen := fmt.Sprintf("%s (%d of %d pairs)", text, differ[text], m.Pairs)
		if len(m.Differences) == maxDifferences {
			break
		}
		m.Differences = append(m.Differences, seen)
		severity := Note
		if float64(differ[text]) > c.Compare.MaxErrorDifference*float64(m.Pairs) {
			severity = Fail
		}
		misses = append(misses, Miss{c.Place, severity, "the same answer from both", seen, ""})
	}
	return misses
}
