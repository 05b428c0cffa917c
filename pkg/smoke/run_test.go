package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/org/shipkit/pkg/progress"
	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
)

// service answers each request by its number, from 1, in simulated time.
type service struct {
	answer func(n int, r probe.Request) (*probe.Answer, error)

	mu    sync.Mutex
	start time.Time
	at    []time.Duration
	asked []probe.Request
}

func (s *service) Probe(ctx context.Context, r probe.Request) (*probe.Answer, error) {
	s.mu.Lock()
	if s.start.IsZero() {
		s.start = time.Now()
	}
	s.at = append(s.at, time.Since(s.start))
	s.asked = append(s.asked, r)
	n := len(s.at)
	s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, &probe.Error{Cause: probe.CauseTimeout, Object: r.URL, Err: err}
	}
	return s.answer(n, r)
}

func status(code int, fields ...string) *probe.Answer {
	a := &probe.Answer{Status: code, Header: http.Header{}, Duration: 10 * time.Millisecond}
	for i := 0; i+1 < len(fields); i += 2 {
		a.Header.Set(fields[i], fields[i+1])
	}
	return a
}

func body(s string) *probe.Answer {
	a := status(200)
	a.Body, a.Size = []byte(s), int64(len(s))
	return a
}

func refused() error {
	return &probe.Error{Cause: probe.CauseConnect, Object: "http://h", Err: errors.New("connection refused")}
}

func newCheck() *smoke.Check {
	c := smoke.Defaults()
	c.Name = "api"
	request := smoke.DefaultRequest()
	request.URL = template.Literal("http://h/health")
	c.Steps = []smoke.Step{{Request: request, Status: smoke.Success}}
	return c
}

func run(t *testing.T, s *service, checks ...*smoke.Check) *smoke.Result {
	t.Helper()
	return smoke.Run(t.Context(), &smoke.Suite{Checks: checks, Timeout: 2 * time.Minute, Concurrency: 4}, s, smoke.Options{})
}

func TestReadiness(t *testing.T) {
	for name, test := range map[string]struct {
		answer   func(n int, r probe.Request) (*probe.Answer, error)
		change   func(c *smoke.Check)
		verdict  smoke.Verdict
		attempts int
		// took bounds the simulated time from the first request to the last.
		from, to time.Duration
		seen     string
	}{
		"ready at once": {
			answer:  func(int, probe.Request) (*probe.Answer, error) { return status(200), nil },
			verdict: smoke.Passed, attempts: 1,
		},
		"connection errors and 5xx are tried again, with growing pauses": {
			answer: func(n int, _ probe.Request) (*probe.Answer, error) {
				if n < 3 {
					return nil, refused()
				}
				if n < 5 {
					return status(502), nil
				}
				return status(200), nil
			},
			verdict: smoke.Passed, attempts: 5,
			from: 4 * 6500 * time.Millisecond / 4, to: 10 * time.Second, // 1 + 1.5 + 2.25 + 3.4 s, each ± 20 %
		},
		"Retry-After is honoured": {
			answer: func(n int, _ probe.Request) (*probe.Answer, error) {
				if n == 1 {
					return status(503, "Retry-After", "30"), nil
				}
				return status(200), nil
			},
			verdict: smoke.Passed, attempts: 2, from: 30 * time.Second, to: 30 * time.Second,
		},
		"Retry-After past the budget gives one last attempt at its end": {
			answer: func(n int, _ probe.Request) (*probe.Answer, error) {
				if n == 1 {
					return status(503, "Retry-After", "3600"), nil
				}
				return status(200), nil
			},
			verdict: smoke.Passed, attempts: 2, from: 119 * time.Second, to: 119 * time.Second,
		},
		"the budget ends": {
			answer:  func(int, probe.Request) (*probe.Answer, error) { return nil, refused() },
			verdict: smoke.Failed, attempts: 13, from: 118 * time.Second, to: 2 * time.Minute, seen: "not ready after",
		},
		"404 is no state of starting": {
			answer:  func(int, probe.Request) (*probe.Answer, error) { return status(404), nil },
			verdict: smoke.Failed, attempts: 1, seen: "status 404",
		},
		"404 is, if retry-on says so": {
			answer: func(n int, _ probe.Request) (*probe.Answer, error) {
				return status(map[bool]int{true: 404, false: 200}[n < 3]), nil
			},
			change:  func(c *smoke.Check) { c.Retry.On = set(t, "404") },
			verdict: smoke.Passed, attempts: 3, from: 2 * time.Second, to: 3 * time.Second,
		},
		"fail-fast-on ends at once": {
			answer:  func(int, probe.Request) (*probe.Answer, error) { return status(503), nil },
			change:  func(c *smoke.Check) { c.Retry.FailFast = set(t, "503") },
			verdict: smoke.Failed, attempts: 1, seen: "status 503",
		},
		"an expected 503 is right": {
			answer:  func(int, probe.Request) (*probe.Answer, error) { return status(503), nil },
			change:  func(c *smoke.Check) { c.Steps[0].Status = set(t, "503") },
			verdict: smoke.Passed, attempts: 1,
		},
		"a bad certificate does not heal": {
			answer: func(int, probe.Request) (*probe.Answer, error) {
				return nil, &probe.Error{Cause: probe.CauseCertificate, Object: "https://h", Err: errors.New("expired")}
			},
			verdict: smoke.Failed, attempts: 1, seen: "expired",
		},
		"a wrong body is judged at once": {
			answer:  func(int, probe.Request) (*probe.Answer, error) { return body("degraded"), nil },
			change:  func(c *smoke.Check) { c.Steps[0].Asserts = []smoke.Assertion{bodyContains("ok")} },
			verdict: smoke.Failed, attempts: 1, seen: "a body of 8 B",
		},
		"a wrong body is waited for, if retry-on says asserts": {
			answer: func(n int, _ probe.Request) (*probe.Answer, error) {
				return body(map[bool]string{true: "starting", false: "ok"}[n < 4]), nil
			},
			change: func(c *smoke.Check) {
				c.Retry.Asserts = true
				c.Steps[0].Asserts = []smoke.Assertion{bodyContains("ok")}
			},
			verdict: smoke.Passed, attempts: 4, from: 3 * time.Second, to: 6 * time.Second,
		},
		"a check of severity warn warns": {
			answer:  func(int, probe.Request) (*probe.Answer, error) { return status(404), nil },
			change:  func(c *smoke.Check) { c.Severity = smoke.Warn },
			verdict: smoke.Warned, attempts: 1, seen: "status 404",
		},
		"an assertion of severity warn warns": {
			answer: func(int, probe.Request) (*probe.Answer, error) { return body("degraded"), nil },
			change: func(c *smoke.Check) {
				a := bodyContains("ok")
				a.Severity = smoke.Warn
				c.Steps[0].Asserts = []smoke.Assertion{a}
			},
			verdict: smoke.Warned, attempts: 1, seen: "a body of 8 B",
		},
		"an own timeout of the check": {
			answer:  func(int, probe.Request) (*probe.Answer, error) { return nil, refused() },
			change:  func(c *smoke.Check) { c.Timeout = 5 * time.Second },
			verdict: smoke.Failed, attempts: 4, from: 3 * time.Second, to: 5 * time.Second, seen: "not ready after 4 attempts",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{answer: test.answer}
				c := newCheck()
				if test.change != nil {
					test.change(c)
				}
				got := run(t, s, c).Checks[0]
				if got.Verdict != test.verdict {
					t.Errorf("verdict %s, want %s: %+v", got.Verdict, test.verdict, got.Findings)
				}
				if d := got.Attempts - test.attempts; d < -2 || d > 2 || test.attempts < 6 && d != 0 {
					t.Errorf("%d attempts, want %d", got.Attempts, test.attempts)
				}
				if took := s.at[len(s.at)-1]; took < test.from || took > test.to {
					t.Errorf("last attempt after %s, want %s to %s", took, test.from, test.to)
				}
				if test.seen != "" && !strings.Contains(fmt.Sprint(got.Findings), test.seen) {
					t.Errorf("findings %+v do not tell %q", got.Findings, test.seen)
				}
			})
		})
	}
}

func TestWindow(t *testing.T) {
	for name, test := range map[string]struct {
		fails   func(n int) bool
		ratio   float64
		verdict smoke.Verdict
		asked   int
	}{
		"all good":                  {func(int) bool { return false }, 0, smoke.Passed, 20},
		"one flake is one too many": {func(n int) bool { return n == 7 }, 0, smoke.Failed, 7},
		"one flake is allowed":      {func(n int) bool { return n == 7 }, 0.05, smoke.Passed, 20},
		"two flakes are not":        {func(n int) bool { return n == 7 || n == 9 }, 0.05, smoke.Failed, 9},
		"a tenth fails":             {func(n int) bool { return n%10 == 0 }, 0.1, smoke.Passed, 20},
		"all fail":                  {func(n int) bool { return n > 1 }, 0.5, smoke.Failed, 12},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{answer: func(n int, _ probe.Request) (*probe.Answer, error) {
					if test.fails(n) {
						return status(500), nil
					}
					return status(200), nil
				}}
				c := newCheck()
				c.Stable = smoke.Window{Samples: 20, MaxFailures: test.ratio, Interval: time.Second}
				got := run(t, s, c).Checks[0]
				if got.Verdict != test.verdict || len(s.at) != test.asked {
					t.Errorf("%s after %d requests, want %s after %d: %+v", got.Verdict, len(s.at), test.verdict, test.asked, got.Findings)
				}
				if last := s.at[len(s.at)-1]; last != time.Duration(test.asked-1)*time.Second {
					t.Errorf("the window took %s", last)
				}
			})
		})
	}
}

func TestWindowEndsWithTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(int, probe.Request) (*probe.Answer, error) { return status(200), nil }}
		c := newCheck()
		c.Stable = smoke.Window{Samples: 1000, Interval: time.Second}
		got := run(t, s, c).Checks[0]
		if got.Verdict != smoke.Failed || !strings.Contains(got.Findings[0].Seen, "when the time was up") {
			t.Errorf("%s: %+v", got.Verdict, got.Findings)
		}
	})
}

func TestLatencyOverTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(n int, _ probe.Request) (*probe.Answer, error) {
			a := status(200)
			a.Duration = time.Duration(n) * time.Millisecond
			return a, nil
		}}
		c := newCheck()
		c.Stable.Samples = 100
		c.Steps[0].Asserts = []smoke.Assertion{
			{Severity: smoke.Fail, Test: smoke.LatencyTest{P50: 50 * time.Millisecond, P95: 95 * time.Millisecond, Max: 100 * time.Millisecond}},
			{Severity: smoke.Warn, Test: smoke.LatencyTest{P95: 94 * time.Millisecond}},
		}
		got := run(t, s, c).Checks[0]
		if got.Verdict != smoke.Warned || len(got.Findings) != 1 || got.Findings[0].Seen != "p95 95ms over 100 samples" {
			t.Errorf("%s: %+v", got.Verdict, got.Findings)
		}
	})
}

func TestCancelEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		s := &service{answer: func(int, probe.Request) (*probe.Answer, error) { return nil, refused() }}
		start := time.Now()
		result := smoke.Run(ctx, &smoke.Suite{Checks: []*smoke.Check{newCheck()}, Timeout: time.Hour, Concurrency: 1}, s, smoke.Options{})
		if took := time.Since(start); took != 3*time.Second || result.OK() {
			t.Errorf("ended after %s with %+v", took, result)
		}
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := 0, 0
		s := &service{answer: func(int, probe.Request) (*probe.Answer, error) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			return status(200), nil
		}}
		var checks []*smoke.Check
		for i := range 20 {
			c := newCheck()
			c.Name = fmt.Sprint(i)
			checks = append(checks, c)
		}
		result := run(t, s, checks...)
		if result.Passed != 20 || most != 4 || result.Duration != 5*time.Second {
			t.Errorf("%d passed, %d at a time, in %s", result.Passed, most, result.Duration)
		}
	})
}

func TestProgressTellsTheVerdictOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(n int, _ probe.Request) (*probe.Answer, error) {
			if n < 4 {
				return status(503), nil
			}
			return status(200), nil
		}}
		var milestones, others int
		suite := &smoke.Suite{Checks: []*smoke.Check{newCheck()}, Timeout: time.Minute, Concurrency: 1}
		smoke.Run(t.Context(), suite, s, smoke.Options{Progress: func(e progress.Event) {
			if e.Milestone {
				milestones++
			} else {
				others++
			}
		}})
		if milestones != 1 || others != 3 {
			t.Errorf("%d milestones and %d other events, want 1 and 3", milestones, others)
		}
	})
}

func set(t *testing.T, s string) smoke.StatusSet {
	t.Helper()
	parsed, err := smoke.ParseStatusSet(s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func bodyContains(s string) smoke.Assertion {
	text := template.Literal(s)
	return smoke.Assertion{Severity: smoke.Fail, Test: smoke.BodyTest{Match: smoke.Match{Contains: &text}}}
}
