// Package scenario is the list of services, good, ill and hostile, on which
// smoke-test is compared with other tools. It serves tests and the side by
// side table only.
package scenario

import (
	"fmt"
	"strings"
	"time"
)

// Scenario is a service with what should be said of it.
type Scenario struct {
	Name string
	// Passes tells whether a smoke test should pass.
	Passes bool
	// Start starts the service and says how to ask it.
	Start func(lab *Lab) Ask
}

// Ask is what every tool is told. Unset fields are not asked for.
type Ask struct {
	URL      string
	Status   int // 200 unless set
	Contains string
	// Version is expected at .version of the JSON body, on 10 connections.
	Version string
	// Samples answers must come, of which Failures may fail.
	Samples, Failures int
	P95               time.Duration
	CA                string
	Resolve           string
	IPv6, HTTP2       bool
	Headers           map[string]string
	// Leaked tells afterwards whether a credential reached another host.
	Leaked func() bool
}

// Limits of every tool on every scenario.
const (
	Timeout        = 4 * time.Second
	AttemptTimeout = time.Second
	Interval       = 100 * time.Millisecond
)

// CheckFile writes the question as a checks file, with the time for all of it.
func (a Ask) CheckFile(timeout time.Duration) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("timeout: %s", timeout)
	line("checks:")
	line("  - name: scenario")
	line("    url: %q", a.URL)
	line("    attempt-timeout: %s", AttemptTimeout)
	line("    interval: %s", Interval)
	if a.Status != 0 {
		line("    status: %d", a.Status)
	}
	if a.Samples > 0 {
		line("    stable: {samples: %d, max-failure-ratio: %g, interval: 10ms}", a.Samples, float64(a.Failures)/float64(a.Samples))
	}
	if a.Version != "" {
		line("    version: {expect: %q, jq: .version}", a.Version)
	}
	if len(a.Headers) > 0 {
		line("    headers:")
		for name, value := range a.Headers {
			line("      %s: %q", name, value)
		}
	}
	line("    options: {ipv6: %t, http2: %t, cacert: %q, resolve: [%s]}", a.IPv6, a.HTTP2, a.CA, a.Resolve)
	line("    asserts:")
	line("      - size: {max: 10MB}")
	if a.Contains != "" {
		line("      - body: {contains: %q}", a.Contains)
	}
	if a.P95 > 0 {
		line("      - latency: {p95: %s}", a.P95)
	}
	return b.String()
}
