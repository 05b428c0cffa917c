package e2e

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/acttest"
)

// fiveSteps are steps of a chain of which none waits for anything.
const fiveSteps = `
on: push
jobs:
  chain:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1
      - uses: org/shipkit/record@v1
        with: {mode: check, environment: staging, commit-time: "2026-01-02T10:00:00Z"}
      - uses: org/shipkit/deploy-ecs@v1
        with: {environment: staging, image: "${{ vars.IMAGE }}", wait-until: started}
      - uses: org/shipkit/smoke-test@v1
        with: {environment: staging}
      - uses: org/shipkit/record@v1
        if: always()
        with: {environment: staging, stages: "${{ toJSON(steps) }}"}
      - uses: org/shipkit/notify@v1
        if: always()
        with: {environment: staging, status: success, webhook-url: "${{ vars.HOOK }}"}
`

// nothing is the same with steps that do nothing.
const nothing = `
on: push
jobs:
  chain:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1
      - run: exit
      - run: exit
      - run: exit
      - run: exit
      - run: exit
`

// BenchmarkChainOverhead measures what five steps cost beyond what actions
// wait for: runner, shim, binary, calls. The sub-benchmark nothing is the
// runner alone.
func BenchmarkChainOverhead(b *testing.B) {
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	b.Cleanup(hook.Close)
	c := startChain(b, "v1")
	acttest.Tree(b)
	for name, text := range map[string]string{"five-steps": fiveSteps, "nothing": nothing} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				result := acttest.Run(b, acttest.Workflow{
					YAML: text, Env: c.env, Vars: map[string]string{"IMAGE": c.images["v1"], "HOOK": hook.URL},
					Files: map[string]string{".shipkit.yml": settings},
				})
				if result.ExitCode != 0 || strings.Contains(result.Log, "::error") {
					b.Fatalf("%v\n%v\n%s", result.Steps, result.Annotations, result.Log)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/run")
			b.ReportMetric(0, "ns/op")
		})
	}
}
