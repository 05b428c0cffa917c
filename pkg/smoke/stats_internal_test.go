package smoke

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for share, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.95: 95, 0.99: 99, 1: 100} {
		if got := Percentile(hundred, share); got != want {
			t.Errorf("percentile %g is %d, want %d", share, got, want)
		}
	}
	if got := Percentile(nil, 0.5); got != 0 {
		t.Errorf("percentile of nothing is %d", got)
	}
}

// The values are those of Newcombe 1998, table II, example (a) for 56/70 and
// 48/80, and of the binomial table for n = 20.
func TestIntervals(t *testing.T) {
	_, low, high := wilson(56, 70, 1.959964)
	if math.Abs(low-0.6917) > 5e-4 || math.Abs(high-0.8769) > 5e-4 {
		t.Errorf("Wilson interval of 56/70: %.4f to %.4f", low, high)
	}
	values := make([]float64, 20)
	for i := range values {
		values[i] = float64(i + 1)
	}
	if got := medianInterval(values, 0.95); got.Value != 10.5 || got.Low != 6 || got.High != 15 {
		t.Errorf("median interval of 1 to 20: %+v, want 10.5 in 6 to 15", got)
	}
	if got := medianInterval(values[:5], 0.95); got.Low != 0 || got.High != math.MaxFloat64 {
		t.Errorf("five values cannot give 95%%: %+v", got)
	}
	if got := differenceInterval(0, 0, 0, 0.95); got.Value != 0 || math.IsNaN(got.Low) {
		t.Errorf("no samples: %+v", got)
	}
}

func TestIntervalsHoldTheEstimate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0.01, 100), 1, 200).Draw(t, "values")
		confidence := rapid.SampledFrom([]float64{0.5, 0.9, 0.95, 0.99}).Draw(t, "confidence")
		if i := medianInterval(values, confidence); i.Low > i.Value || i.High < i.Value {
			t.Fatalf("%+v", i)
		}
		n := rapid.IntRange(1, 500).Draw(t, "n")
		a, b := rapid.IntRange(0, n).Draw(t, "a"), rapid.IntRange(0, n).Draw(t, "b")
		d := differenceInterval(a, b, n, confidence)
		if d.Low > d.Value+1e-12 || d.High < d.Value-1e-12 || d.Low < -1-1e-9 || d.High > 1+1e-9 {
			t.Fatalf("%d and %d of %d: %+v", a, b, n, d)
		}
	})
}

// The interval must hold the true median about as often as it says.
func TestMedianIntervalCovers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	held, rounds := 0, 2000
	for range rounds {
		values := make([]float64, 50)
		for i := range values {
			values[i] = math.Exp(random.NormFloat64()) // median 1
		}
		if i := medianInterval(values, 0.95); i.Low <= 1 && i.High >= 1 {
			held++
		}
	}
	if share := float64(held) / float64(rounds); share < 0.94 {
		t.Errorf("the interval holds the median in %.1f%% of rounds, want 95%%", 100*share)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"soon":                          0,
		"7":                             7 * time.Second,
		"-7":                            0,
		"99999999999999999999":          0,
		"Sat, 21 Nov 2026 10:00:30 GMT": 30 * time.Second,
		"Sat, 21 Nov 2026 09:00:00 GMT": 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("Retry-After %q is %s, want %s", value, got, want)
		}
	}
}

func TestPausesGrowAndStayBounded(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, time.Minute} {
		pauses := Retry{Interval: interval}.pauses()
		var all []time.Duration
		for range 50 {
			all = append(all, pauses.NextBackOff())
		}
		limit := time.Duration(1.2 * float64(max(interval, maxPause)))
		if low, high := slices.Min(all), slices.Max(all); low < interval*8/10 || high > limit+time.Millisecond {
			t.Errorf("pauses from %s: %s to %s", interval, low, high)
		}
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add([]byte("\xff\x00\x1b[31m" + "é"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got := excerpt(data)
		for _, r := range got {
			if r < ' ' || r == 0x7f {
				t.Fatalf("control character %U in %q", r, got)
			}
		}
		if n := len([]rune(got)); n > excerptLength+1 {
			t.Fatalf("%d runes", n)
		}
	})
}

func FuzzStatusSet(f *testing.F) {
	for _, seed := range []string{"200", "2xx,404", "200-204 5XX", "600", "-", "1xx-2xx", ",,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		set, err := ParseStatusSet(s)
		if err != nil {
			return
		}
		again, err := ParseStatusSet(set.String())
		if err != nil || again.String() != set.String() {
			t.Fatalf("%q reads as %q, which reads as %q: %v", s, set, again, err)
		}
		if set.Has(99) || set.Has(600) {
			t.Fatalf("%q holds what is no status", s)
		}
	})
}

// Checks capture secrets while others show what they wait for.
func TestSecretsGrowWhileTheyAreUsed(t *testing.T) {
	var s secrets
	var using sync.WaitGroup
	for i := range 4 {
		using.Go(func() {
			for j := range 100 {
				s.add(fmt.Sprintf("secret-%d-%d", i, j))
				if got := s.redact(fmt.Sprintf("it is secret-%d-%d!", i, j)); got != "it is ***!" {
					t.Errorf("shown as %q", got)
				}
			}
		})
	}
	using.Wait()
}
