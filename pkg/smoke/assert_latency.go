package smoke

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/smoke/probe"
)

// LatencyTest bounds the time of the check's samples; 0 means no bound. It is
// judged once, over the whole window.
type LatencyTest struct{ P50, P95, P99, Max time.Duration }

// Expect implements Test.
func (t LatencyTest) Expect(Values) string {
	var parts []string
	for _, b := range t.bounds() {
		parts = append(parts, fmt.Sprintf("%s at most %s", b.name, short(b.limit)))
	}
	return "latency " + strings.Join(parts, ", ")
}

// Holds implements Test. A single answer says nothing: see overWindow.
func (t LatencyTest) Holds(context.Context, *probe.Answer, Values) (bool, string) { return true, "" }

type latencyBound struct {
	name  string
	share float64
	limit time.Duration
}

func (t LatencyTest) bounds() []latencyBound {
	all := []latencyBound{{"p50", 0.50, t.P50}, {"p95", 0.95, t.P95}, {"p99", 0.99, t.P99}, {"max", 1, t.Max}}
	return slices.DeleteFunc(all, func(b latencyBound) bool { return b.limit == 0 })
}

func (t LatencyTest) overWindow(durations []time.Duration) (bool, string) {
	ok := true
	var seen []string
	for _, b := range t.bounds() {
		value := Percentile(durations, b.share)
		ok = ok && value <= b.limit
		seen = append(seen, b.name+" "+short(value))
	}
	return ok, fmt.Sprintf("%s over %d samples", strings.Join(seen, ", "), len(durations))
}
