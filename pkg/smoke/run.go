package smoke

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/org/shipkit/pkg/progress"
)

// Options of a run.
type Options struct {
	// Progress receives what happens. It may be nil.
	Progress progress.Func
}

type runner struct {
	prober    Prober
	progress  progress.Func
	variables Values
	secrets   secrets
	slots     chan struct{}
	done      map[string]chan struct{}
	results   map[string]*CheckResult
}

// Run takes every check to a verdict. It returns when all have one, at the
// latest soon after the suite's Timeout; a cancelled ctx ends it at once with
// the checks that had no verdict failed.
func Run(ctx context.Context, suite *Suite, prober Prober, o Options) *Result {
	start := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, suite.Timeout, fmt.Errorf("timeout is %s", short(suite.Timeout)))
	defer cancel()
	r := &runner{
		prober: prober, progress: o.Progress, variables: suite.Variables,
		slots:   make(chan struct{}, max(suite.Concurrency, 1)),
		done:    map[string]chan struct{}{},
		results: map[string]*CheckResult{},
	}
	r.secrets.add(suite.Secrets...)
	result := &Result{}
	for _, c := range suite.Checks {
		r.done[c.Name] = make(chan struct{})
		r.results[c.Name] = &CheckResult{Name: c.Name, Place: c.Place, Target: c.target()}
		result.Checks = append(result.Checks, r.results[c.Name])
	}
	var all sync.WaitGroup
	for _, c := range suite.Checks {
		all.Go(func() {
			defer close(r.done[c.Name])
			r.check(ctx, c)
		})
	}
	all.Wait()
	for _, c := range result.Checks {
		r.secrets.clean(c)
	}
	result.tally()
	result.Duration = time.Since(start)
	return result
}

// check runs one check once those that it needs have passed.
func (r *runner) check(ctx context.Context, c *Check) {
	result := r.results[c.Name]
	values := maps.Clone(r.variables)
	if values == nil {
		values = Values{}
	}
	for _, need := range c.Needs {
		<-r.done[need]
		needed := r.results[need]
		if needed.Verdict != Passed && needed.Verdict != Warned {
			result.Verdict = Skipped
			result.Findings = []Finding{{
				Severity: Fail, Place: c.Place,
				Expected: fmt.Sprintf("check %q passes first", need), Seen: "it " + string(needed.Verdict),
			}}
			return
		}
		maps.Copy(values, needed.captured)
	}
	r.slots <- struct{}{}
	defer func() { <-r.slots }()
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("the check's timeout is %s", short(c.Timeout)))
		defer cancel()
	}
	start := time.Now()
	misses := r.phases(ctx, c, values, result)
	result.Duration = time.Since(start)
	result.settle(c, misses)
	r.progress.Send(r.verdict(c, result))
}

// phases takes a check through readiness, the version gate and judgement; the
// comparison and the load come last, when the rest holds.
func (r *runner) phases(ctx context.Context, c *Check, v Values, result *CheckResult) []Miss {
	if c.Compare != nil {
		return r.compare(ctx, c, v, result)
	}
	start := time.Now()
	s := r.await(ctx, c, v, result)
	if s.state != judged {
		result.sampled(s)
		if s.state == notReady {
			s.misses = append(s.misses, Miss{c.Place, Fail, "ready in time",
				fmt.Sprintf("not ready after %s in %s", count(result.Attempts, "attempt"), short(time.Since(start))),
				"raise timeout if the service needs longer to start"})
		}
		return s.misses
	}
	if c.Version != nil {
		result.Version = r.gate(ctx, c, v)
		result.Attempts += result.Version.Samples
		if !result.Version.Holds {
			result.sampled(s)
			return []Miss{{c.Place, Fail, "version " + result.Version.Expected, result.Version.Text(), result.Version.remedy()}}
		}
		s = nil
	}
	misses := r.judge(ctx, c, v, s, result)
	if c.Load != nil && !slices.ContainsFunc(misses, func(m Miss) bool { return m.Severity == Fail }) {
		result.Load = r.load(ctx, c, v)
	}
	return misses
}

// event is what a live line shows; left estimates the time to the end, 0 for
// unknown.
func (c *Check) event(text string, left time.Duration) progress.Event {
	return progress.Event{Task: c.Name, Text: text, Left: left}
}

// verdict is the one line that stays of a check.
func (r *runner) verdict(c *Check, result *CheckResult) progress.Event {
	text := string(result.Verdict)
	if len(result.Findings) > 0 && result.Verdict != Passed {
		f := result.Findings[0]
		text = r.secrets.redact(fmt.Sprintf("%s: expected %s, seen %s", text, f.Expected, f.Seen))
	}
	text += fmt.Sprintf(" (%s, %s)", count(result.Attempts, "attempt"), short(result.Duration))
	return progress.Event{Task: c.Name, Text: text, Milestone: true, Warn: result.Verdict != Passed}
}
