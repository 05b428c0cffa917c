// Package smoke tells whether the version that was deployed is the one that
// answers, and whether it answers well.
//
// A Suite is data: the checks, ready to run. Run takes each check through
// readiness (transport errors and unready statuses are tried again), the
// version gate (fresh connections must all meet the expected version) and a
// judgement over a window of samples, within one budget of time.
package smoke

import (
	"context"
	"time"

	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
)

// Prober puts one question to a service. *probe.Client is the real one.
type Prober interface {
	Probe(ctx context.Context, r probe.Request) (*probe.Answer, error)
}

var _ Prober = (*probe.Client)(nil)

// Suite is a set of checks with one budget of time.
type Suite struct {
	Checks []*Check
	// Variables are known to all checks.
	Variables Values
	// Timeout bounds the whole run.
	Timeout time.Duration
	// Concurrency is how many checks run at a time.
	Concurrency int
	// Secrets are texts that no result may show.
	Secrets []string
}

// Severity says what a check or an assertion that does not hold means.
type Severity string

// The severities. A checks file knows fail and warn.
const (
	Fail Severity = "fail"
	Warn Severity = "warn"
	Note Severity = "note" // seen, and allowed
)

// Place points into the checks file; its zero value means an input of the action.
type Place struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// Check is one or more requests that are judged together.
type Check struct {
	Name     string
	Place    Place
	Severity Severity
	// Needs names checks that must pass first; what they captured is known here.
	Needs []string
	Steps []Step
	// Timeout bounds this check within the suite's Timeout; 0 means no own bound.
	Timeout time.Duration
	Retry   Retry
	Version *VersionGate
	Stable  Window
	Compare *Compare
	Load    *Load
}

// Step is one request, what must hold of its answer and what is kept of it.
type Step struct {
	Place    Place
	Request  Request
	Status   StatusSet
	Asserts  []Assertion
	Captures []Capture
}

// Request is a probe.Request whose texts may hold references.
type Request struct {
	Kind    probe.Kind
	Method  string
	URL     template.Text
	Header  []Field
	Cookies []Field
	Query   []Field
	Body    template.Text
	// JSON is a body of maps, slices, template.Text and plain values.
	JSON           any
	Form           []Field
	Multipart      []Part
	User, Password template.Text
	Bearer         template.Text
	Target         template.Text
	RecordType     string
	Server         template.Text
	Follow         bool
	MaxRedirects   int
	MaxBody        int64
	Connection     probe.Connection
}

// Field is a header field, a cookie or a form field.
type Field struct {
	Name  string
	Value template.Text
}

// Part is one part of a multipart/form-data body (RFC 7578). A part with a
// FileName is a file with Content.
type Part struct {
	Name        string
	Value       template.Text
	FileName    string
	ContentType string
	Content     []byte
}

// Retry says how readiness is awaited.
type Retry struct {
	// AttemptTimeout bounds one attempt, from the first connection to the last
	// byte of the last step.
	AttemptTimeout time.Duration
	// Interval is the first pause; each next one is half as long again, up to
	// 15 s, and differs at random by up to a fifth.
	Interval time.Duration
	// On lists the statuses that mean not ready. Transport errors always do.
	On StatusSet
	// Asserts also tries again when an assertion does not hold.
	Asserts bool
	// FailFast lists the statuses that end the check at once.
	FailFast StatusSet
}

// Window is how many samples are judged.
type Window struct {
	Samples int
	// MaxFailures is the share of samples that may fail, 0 to 1.
	MaxFailures float64
	// Interval is the pause between samples.
	Interval time.Duration
}

// allowed returns how many samples may fail.
func (w Window) allowed() int { return int(w.MaxFailures*float64(w.Samples) + 1e-9) }

// VersionGate says which version must answer and where an answer tells it.
type VersionGate struct {
	Expect template.Text
	// Header names a header field; JQ reads the JSON body. One of them is set.
	Header string
	JQ     *JQ
	// Samples is how many fresh connections must meet the expected version.
	Samples int
	// Step asks elsewhere than the check's own steps. It may be nil.
	Step *Step
}

// Defaults of a check that says nothing else.
const (
	DefaultTimeout        = 2 * time.Minute
	DefaultAttemptTimeout = 10 * time.Second
	DefaultInterval       = time.Second
	DefaultSampleInterval = 200 * time.Millisecond
	DefaultMaxBody        = 1 << 20
	DefaultMaxRedirects   = 10
	DefaultVersionSamples = 10
	DefaultConcurrency    = 16
)

// Defaults returns a check with everything that a checks file or the inputs
// may leave out.
func Defaults() *Check {
	return &Check{
		Severity: Fail,
		Retry: Retry{
			AttemptTimeout: DefaultAttemptTimeout,
			Interval:       DefaultInterval,
			On:             unready,
		},
		Stable: Window{Samples: 1, Interval: DefaultSampleInterval},
	}
}

// DefaultRequest returns a GET request with the usual bounds.
func DefaultRequest() Request {
	return Request{
		Kind: probe.HTTP, Method: "GET", Follow: true,
		MaxRedirects: DefaultMaxRedirects, MaxBody: DefaultMaxBody,
	}
}
