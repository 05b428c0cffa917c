package smoke

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Percentile returns the nearest-rank percentile of durations; share is 0 to 1.
// Nothing gives 0.
func Percentile(durations []time.Duration, share float64) time.Duration {
	if len(durations) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	rank := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

// Interval is an estimate with its confidence interval.
type Interval struct {
	Value      float64 `json:"value"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Samples    int     `json:"samples"`
	Confidence float64 `json:"confidence"`
}

// text says how sure the estimate is, with the given format for its ends.
func (i Interval) text(format string) string {
	return fmt.Sprintf("%g%% sure: "+format+" to "+format+", %d samples", 100*i.Confidence, i.Low, i.High, i.Samples)
}

func (i Interval) scaled(by float64) Interval {
	i.Value, i.Low, i.High = i.Value*by, i.Low*by, i.High*by
	return i
}

// medianInterval returns the median of values with its distribution-free
// interval: the order statistics between which the median lies with at least
// the given confidence (Conover, Practical Nonparametric Statistics, 3.2).
// Too few values for that confidence give an interval without ends.
func medianInterval(values []float64, confidence float64) Interval {
	n := len(values)
	result := Interval{Samples: n, Confidence: confidence}
	if n == 0 {
		return result
	}
	sorted := slices.Sorted(slices.Values(values))
	result.Value = (sorted[(n-1)/2] + sorted[n/2]) / 2
	result.Low, result.High = 0, math.MaxFloat64
	// below is P(at most k of n values lie under the median).
	below, term := 0.0, math.Exp2(-float64(n))
	for k := 0; k < n/2; k++ {
		below += term
		if below > (1-confidence)/2 {
			break
		}
		result.Low, result.High = sorted[k], sorted[n-1-k]
		term *= float64(n-k) / float64(k+1)
	}
	return result
}

// differenceInterval returns the difference of two shares a/n - b/n with
// Newcombe's interval: Wilson's for each, combined (Newcombe 1998, method 10).
func differenceInterval(a, b, n int, confidence float64) Interval {
	if n == 0 {
		return Interval{Confidence: confidence}
	}
	z := normalQuantile(1 - (1-confidence)/2)
	pa, lowA, highA := wilson(a, n, z)
	pb, lowB, highB := wilson(b, n, z)
	d := pa - pb
	return Interval{
		Value: d, Samples: n, Confidence: confidence,
		Low:  d - math.Hypot(pa-lowA, highB-pb),
		High: d + math.Hypot(highA-pa, pb-lowB),
	}
}

// wilson returns a share with its score interval (Wilson 1927).
func wilson(k, n int, z float64) (p, low, high float64) {
	count := float64(n)
	p = float64(k) / count
	centre := p + z*z/(2*count)
	half := z * math.Sqrt(p*(1-p)/count+z*z/(4*count*count))
	scale := 1 + z*z/count
	return p, max((centre-half)/scale, 0), min((centre+half)/scale, 1)
}

func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

func sortedKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }

// join puts a path on a base address with one slash between. No path leaves
// the base as it is.
func join(base, path string) string {
	if path == "" {
		return base
	}
	return strings.TrimRight(base, "/") + "/" + strings.TrimLeft(path, "/")
}
