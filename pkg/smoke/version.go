package smoke

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/org/shipkit/pkg/smoke/probe"
)

// VersionResult is what the version gate saw in its last round.
type VersionResult struct {
	Expected string `json:"expected"`
	// Holds tells whether every sample of the round met the expected version.
	Holds   bool `json:"holds"`
	Samples int  `json:"samples"`
	Met     int  `json:"met"`
	// Others counts the samples by the version that they met instead; "" are
	// answers that tell no version.
	Others map[string]int `json:"others,omitempty"`
	// Silent counts the samples that got no usable answer.
	Silent int `json:"silent,omitempty"`
	// Why is why the last answer without a version told none; "" if all told one.
	Why string `json:"why,omitempty"`
	// Rounds is how many rounds were made.
	Rounds int `json:"rounds"`
}

// maxRound bounds how far the rounds of the gate grow.
const maxRound = 8

// gate samples fresh connections until one whole round meets the expected
// version, or the time is up. Each round after a mixed one is twice as long,
// so that waiting does not buy a lucky round.
func (r *runner) gate(ctx context.Context, c *Check, v Values) *VersionResult {
	samples := c.Version.Samples
	pauses := c.Retry.pauses()
	var last *VersionResult
	for round := 1; ; round++ {
		result := r.round(ctx, c, v, samples)
		if last != nil && result.Samples < samples {
			return last // the time was up in the middle of a round
		}
		result.Rounds, last = round, result
		pause := pauses.NextBackOff()
		if result.Holds || pause >= remaining(ctx) {
			return result
		}
		r.progress.Send(c.event("version gate: "+r.secrets.redact(result.Text()), 0))
		if !sleep(ctx, pause) {
			return result
		}
		samples = min(2*samples, maxRound*c.Version.Samples)
	}
}

func (r *runner) round(ctx context.Context, c *Check, v Values, samples int) *VersionResult {
	result := &VersionResult{Expected: c.Version.Expect.Expand(v), Others: map[string]int{}}
	steps := c.Steps
	if c.Version.Step != nil {
		steps = []Step{*c.Version.Step}
	}
	for i := range samples {
		s := r.take(ctx, c, steps, v, i+1)
		if ctx.Err() != nil {
			break
		}
		result.Samples++
		if len(s.answers) < len(steps) {
			result.Silent++
		} else {
			result.count(c.Version.read(ctx, s.last(), s.captured))
		}
	}
	result.Holds = result.Met == samples
	return result
}

// count adds one answer: the version that it told, or why it told none.
func (v *VersionResult) count(seen, why string) {
	if SameVersion(v.Expected, seen) {
		v.Met++
		return
	}
	v.Others[seen]++
	if seen == "" {
		v.Why = why
	}
}

// remedy is what to do when the version does not hold.
func (v *VersionResult) remedy() string {
	if v.Met == 0 && v.Others[""] > 0 && len(v.Others) == 1 {
		return "look at the body in the summary, and correct version-path or version-header (in a file: jq or header of version)"
	}
	return "wait for the deployment to end, or look whether old tasks still answer"
}

// read returns the version that an answer tells, or "" and why it tells none.
func (g *VersionGate) read(ctx context.Context, a *probe.Answer, v Values) (version, why string) {
	if g.Header != "" {
		return clip(a.Header.Get(g.Header), 200), "it has no header field " + g.Header
	}
	value, err := g.JQ.eval(ctx, a.Body, v)
	switch {
	case err != nil:
		return "", clip(err.Error(), 200)
	case value == nil:
		return "", g.JQ.String() + " is null"
	}
	return clip(text(value), 200), g.JQ.String() + " is empty"
}

// SameVersion tells whether two texts name the same version: equal, the same
// digest with and without its repository or "sha256:", or a commit and its
// abbreviation of 7 digits or more.
func SameVersion(expected, seen string) bool {
	expected, seen = bare(expected), bare(seen)
	if expected == seen {
		return expected != ""
	}
	prefix, whole := expected, seen
	if len(prefix) > len(whole) {
		prefix, whole = whole, prefix
	}
	full := len(whole) == 40 || len(whole) == 64 // of SHA-1 and SHA-256; build numbers are shorter
	return full && len(prefix) >= 7 && isHex(whole) && strings.HasPrefix(whole, prefix)
}

func bare(version string) string {
	version = strings.TrimSpace(version)
	if i := strings.LastIndex(version, "@sha256:"); i >= 0 {
		version = version[i+1:]
	}
	return strings.TrimPrefix(version, "sha256:")
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// Text says what the round met, such as "2 of 10 answers came from abc123".
func (v *VersionResult) Text() string {
	if v.Holds {
		return fmt.Sprintf("%d of %d answers came from version %s", v.Met, v.Samples, shorten(v.Expected))
	}
	if v.Samples == 0 {
		return "no time was left to look"
	}
	var parts []string
	for _, other := range slices.Sorted(maps.Keys(v.Others)) {
		from := "came from the old version " + shorten(other)
		if other == "" {
			from = "told no version"
			if v.Why != "" {
				from += " (" + v.Why + ")"
			}
		}
		parts = append(parts, fmt.Sprintf("%d of %d answers %s", v.Others[other], v.Samples, from))
	}
	if v.Silent > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d requests got no usable answer", v.Silent, v.Samples))
	}
	return strings.Join(parts, ", ")
}

// shorten cuts a digest to 12 digits.
func shorten(version string) string {
	i := strings.LastIndex(version, "sha256:")
	if i < 0 || len(version) < i+7+12 {
		return version
	}
	return version[:i+7+12]
}

// Observed returns the version that most answers came from.
func (v *VersionResult) Observed() string {
	best, count := "", 0
	if v.Met > 0 {
		best, count = v.Expected, v.Met
	}
	for _, other := range slices.Sorted(maps.Keys(v.Others)) {
		if v.Others[other] > count {
			best, count = other, v.Others[other]
		}
	}
	return best
}
