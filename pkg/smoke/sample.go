package smoke

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"strconv"
	"time"

	"github.com/org/shipkit/pkg/smoke/probe"
	"golang.org/x/net/publicsuffix"
)

// state is what a sample means for readiness.
type state int

const (
	judged   state = iota // the service answered: what it said counts
	notReady              // try again
	hopeless              // trying again cannot help
)

// sample is one pass through the steps of a check.
type sample struct {
	state   state
	answers []*probe.Answer
	// misses lists what did not hold, transport errors too.
	misses   []Miss
	captured Values
	duration time.Duration
	// retryAfter is how long the service asks to wait.
	retryAfter time.Duration
}

// good tells whether nothing of severity fail was missed.
func (s *sample) good() bool {
	for _, m := range s.misses {
		if m.Severity == Fail {
			return false
		}
	}
	return true
}

// last returns the last answer, or nil.
func (s *sample) last() *probe.Answer {
	if len(s.answers) == 0 {
		return nil
	}
	return s.answers[len(s.answers)-1]
}

func (s *sample) miss(place Place, expected, seen string) {
	s.misses = append(s.misses, Miss{Place: place, Severity: Fail, Expected: expected, Seen: seen})
}

// take makes one pass through steps. A turn above 0 makes it on fresh
// connections, all to the same address of a name that has several.
func (r *runner) take(ctx context.Context, c *Check, steps []Step, v Values, turn int) *sample {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Retry.AttemptTimeout,
		fmt.Errorf("attempt-timeout is %s", short(c.Retry.AttemptTimeout)))
	defer cancel()
	start := time.Now()
	s := &sample{captured: maps.Clone(v)}
	if s.captured == nil {
		s.captured = Values{}
	}
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		s.state = hopeless
		s.miss(c.Place, "a cookie jar", err.Error())
		return s
	}
	for _, step := range steps {
		if !r.step(ctx, c, step, s, jar, turn) {
			break
		}
	}
	s.duration = time.Since(start)
	return s
}

// step makes one request and tells whether the next step may follow.
func (r *runner) step(ctx context.Context, c *Check, step Step, s *sample, jar http.CookieJar, turn int) bool {
	request, err := step.Request.build(s.captured, jar, turn)
	if err != nil {
		s.state = hopeless
		s.miss(step.Place, "a request", err.Error())
		return false
	}
	answer, err := r.prober.Probe(ctx, request)
	if err != nil {
		s.state = notReady
		var failed *probe.Error
		if errors.As(err, &failed) && !failed.Transient() {
			s.state = hopeless
		}
		s.miss(step.Place, "an answer", err.Error())
		if failed != nil {
			s.misses[len(s.misses)-1].Try = failed.Remedy()
		}
		return false
	}
	s.answers = append(s.answers, answer)
	if request.Kind == probe.HTTP && !s.status(c, step, answer) {
		return false
	}
	before := len(s.misses)
	for _, assertion := range step.Asserts {
		if miss := assertion.judge(ctx, answer, s.captured); miss != nil {
			s.misses = append(s.misses, *miss)
		}
	}
	s.bounded(step, answer)
	if len(s.misses) > before && !s.good() && (c.Retry.Asserts || request.Kind != probe.HTTP) {
		s.state = notReady
	}
	return s.good() && s.capture(ctx, step, answer, r)
}

// status judges the status of an answer and tells whether it is expected.
func (s *sample) status(c *Check, step Step, answer *probe.Answer) bool {
	if step.Status.Has(answer.Status) {
		return true
	}
	s.miss(step.Place, "status "+step.Status.String(), fmt.Sprintf("status %d", answer.Status))
	switch {
	case c.Retry.FailFast.Has(answer.Status):
		s.state = hopeless
	case c.Retry.On.Has(answer.Status):
		s.state = notReady
		s.retryAfter = retryAfter(answer.Header.Get("Retry-After"), time.Now())
	}
	return false
}

// bounded misses a body that does not end within the bound and that the
// server does not say the length of: it may never end.
func (s *sample) bounded(step Step, answer *probe.Answer) {
	if answer.Cut && answer.Size < 0 {
		s.miss(step.Place, "a body that ends within max-body "+size(step.Request.MaxBody),
			"more than "+size(step.Request.MaxBody)+" without an end")
	}
}

func (s *sample) capture(ctx context.Context, step Step, answer *probe.Answer, r *runner) bool {
	for _, c := range step.Captures {
		value, err := c.take(ctx, answer, s.captured)
		if err != nil {
			s.miss(c.Place, "a value to capture as "+c.Name, err.Error())
			return false
		}
		s.captured[c.Name] = value
		r.secrets.add(value)
	}
	return true
}

// retryAfter reads a Retry-After field, RFC 9110 section 10.2.3: seconds or a
// date. What is not valid or past gives 0.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(time.Duration(seconds)*time.Second, 0)
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(date.Sub(now), 0)
}
