package smoke

import (
	"time"

	"github.com/org/shipkit/pkg/smoke/probe"
)

// Verdict is the end of a check.
type Verdict string

// The verdicts.
const (
	Passed  Verdict = "passed"
	Warned  Verdict = "warned"  // did not hold, and has severity warn
	Failed  Verdict = "failed"  // did not hold
	Skipped Verdict = "skipped" // a check that it needs did not pass
)

// Result is what a run showed. It holds no secrets.
type Result struct {
	Checks   []*CheckResult `json:"checks"`
	Passed   int            `json:"passed"`
	Warned   int            `json:"warned"`
	Failed   int            `json:"failed"`
	Skipped  int            `json:"skipped"`
	Version  string         `json:"version_observed,omitempty"`
	Duration time.Duration  `json:"duration_ns"`
}

// OK tells whether no check failed or was skipped.
func (r *Result) OK() bool { return r.Failed == 0 && r.Skipped == 0 }

// CheckResult is what one check showed.
type CheckResult struct {
	Name    string  `json:"name"`
	Place   Place   `json:"place,omitzero"`
	Verdict Verdict `json:"verdict"`
	// Target is what was asked, without query and user.
	Target   string        `json:"target"`
	Status   int           `json:"status,omitempty"`
	Attempts int           `json:"attempts"`
	Duration time.Duration `json:"duration_ns"`
	// Findings lists what did not hold and what was allowed to.
	Findings []Finding `json:"findings,omitempty"`
	// Excerpt is the start of the last body of a check that did not pass.
	Excerpt string         `json:"excerpt,omitempty"`
	Version *VersionResult `json:"version,omitempty"`
	Window  *WindowResult  `json:"window,omitempty"`
	Compare *CompareResult `json:"compare,omitempty"`
	Load    *LoadResult    `json:"load,omitempty"`
	// Latencies are the times of the judged samples' requests.
	Latencies []time.Duration `json:"latencies_ns,omitempty"`

	lastBody []byte
	captured Values
}

// Finding is one thing that did not hold.
type Finding struct {
	Severity Severity `json:"severity"`
	Expected string   `json:"expected"`
	Seen     string   `json:"seen"`
	Try      string   `json:"try,omitempty"`
	Place    Place    `json:"place,omitzero"`
}

// sampled keeps of a sample what the result shows.
func (r *CheckResult) sampled(s *sample) {
	for _, a := range s.answers {
		r.Latencies = append(r.Latencies, a.Duration)
	}
	if a := s.last(); a != nil {
		r.Status, r.lastBody = a.Status, a.Body
	}
	r.captured = s.captured
}

// settle draws the verdict from what was missed.
func (r *CheckResult) settle(c *Check, misses []Miss) {
	r.Verdict = Passed
	for _, m := range misses {
		severity := m.Severity
		if c.Severity == Warn && severity == Fail {
			severity = Warn
		}
		r.Findings = append(r.Findings, Finding{severity, m.Expected, m.Seen, m.Try, m.Place})
		switch {
		case severity == Fail:
			r.Verdict = Failed
		case severity == Warn && r.Verdict == Passed:
			r.Verdict = Warned
		}
	}
	if r.Verdict != Passed {
		r.Excerpt = excerpt(r.lastBody)
	}
}

// target returns what a check asks, for people.
func (c *Check) target() string {
	if c.Compare != nil {
		return probe.Address(c.Compare.Stable.String()) + " and " + probe.Address(c.Compare.Canary.String())
	}
	if len(c.Steps) == 0 {
		return ""
	}
	request := c.Steps[len(c.Steps)-1].Request
	switch request.Kind {
	case probe.TCP, probe.DNS:
		return string(request.Kind) + " " + request.Target.String()
	case probe.GRPC:
		return "grpc " + probe.Address(request.URL.String())
	default:
		return request.Method + " " + probe.Address(request.URL.String())
	}
}

// tally counts the verdicts.
func (r *Result) tally() {
	for _, c := range r.Checks {
		switch c.Verdict {
		case Passed:
			r.Passed++
		case Warned:
			r.Warned++
		case Failed:
			r.Failed++
		case Skipped:
			r.Skipped++
		}
		if c.Version != nil && r.Version == "" {
			r.Version = c.Version.Observed()
		}
	}
}
