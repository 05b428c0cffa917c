package smoketest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/markdown"
	"github.com/org/shipkit/pkg/smoke"
)

const (
	fewestSamples = 5  // fewer make no distribution
	chartColumns  = 24 // of equal width in time
)

// chart draws the distribution of each check's answer times, from its fastest
// to its slowest.
func chart(checks []*smoke.CheckResult) string {
	var lines []string
	width := 0
	for _, c := range checks {
		if len(c.Latencies) >= fewestSamples {
			width = max(width, min(len([]rune(c.Name)), 30))
		}
	}
	for _, c := range checks {
		if len(c.Latencies) < fewestSamples {
			continue
		}
		lines = append(lines, fmt.Sprintf("%-*s  %s  p50 %s, p95 %s, %d answers", width, cut(c.Name, 30), bars(c.Latencies),
			short(smoke.Percentile(c.Latencies, 0.50)), short(smoke.Percentile(c.Latencies, 0.95)), len(c.Latencies)))
	}
	if len(lines) == 0 {
		return ""
	}
	return "\nAnswer times\n\n" + markdown.Block("", strings.Join(lines, "\n"))
}

// bars draws a histogram in one line, between the fastest and the slowest.
func bars(durations []time.Duration) string {
	low, high := slices.Min(durations), slices.Max(durations)
	counts := make([]int, chartColumns)
	for _, d := range durations {
		column := 0
		if high > low {
			column = int(float64(d-low) / float64(high-low) * (chartColumns - 1))
		}
		counts[column]++
	}
	levels := []rune(" ▁▂▃▄▅▆▇█")
	most := slices.Max(counts)
	drawn := make([]rune, chartColumns)
	for i, n := range counts {
		drawn[i] = levels[int(math.Ceil(float64(n)/float64(most)*float64(len(levels)-1)))]
	}
	return fmt.Sprintf("%6s %s %-6s", short(low), string(drawn), short(high))
}

func short(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(100 * time.Microsecond).String()
	}
	return markdown.Duration(d)
}

func cut(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	return string(runes[:limit-1]) + "…"
}
