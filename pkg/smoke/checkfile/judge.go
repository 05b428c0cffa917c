package checkfile

import (
	"time"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
	"go.yaml.in/yaml/v3"
)

// version reads the version gate of a check.
func (r *reader) version(n *yaml.Node, base baseline, c *smoke.Check, scope []string) *smoke.VersionGate {
	o := r.object(n, "version")
	if o == nil {
		return nil
	}
	gate := &smoke.VersionGate{Samples: smoke.DefaultVersionSamples}
	known := len(r.secrets)
	gate.Expect = r.member(o, "expect", scope)
	r.secrets = r.secrets[:known] // a version is no secret: the result is about it
	set(o, "header", &gate.Header, asIs, "the name of a header field")
	if query := o.take("jq"); query != nil {
		gate.JQ = r.jq(query, scope)
	}
	o.integer("samples", &gate.Samples, 1, 1000)
	if address := o.take("url"); address != nil {
		step := smoke.Step{Place: r.place(o.node), Status: base.status, Request: base.request}
		step.Request.URL = r.text(address, "url", scope)
		r.checkURL(address, step.Request.URL)
		gate.Step = &step
	}
	o.done()
	if o.has("header") == o.has("jq") {
		r.fail(o.node, "give header: X-Version or jq: .version", "version does not say in one way where an answer tells it")
	}
	if last := len(c.Steps) - 1; gate.Step == nil && last >= 0 && c.Steps[last].Request.Kind != probe.HTTP {
		r.fail(o.node, "give url: in it", "version needs an HTTP request")
	}
	return gate
}

// stable reads the window of samples.
func (r *reader) stable(n *yaml.Node, w *smoke.Window) {
	o := r.object(n, "stable")
	if o == nil {
		return
	}
	o.integer("samples", &w.Samples, 1, 10_000)
	o.number("max-failure-ratio", &w.MaxFailures, 0, 1)
	o.duration("interval", &w.Interval, 0, 10*time.Minute)
	o.done()
}

// compare reads a check that compares two addresses.
func (r *reader) compare(o *object, n *yaml.Node, base baseline, c *smoke.Check, scope []string) {
	inner := r.object(n, "compare")
	if inner == nil {
		return
	}
	if o.has("url") || o.has("steps") || o.has("version") || o.has("load") {
		r.fail(o.node, "give compare a check of its own", "compare goes with none of url, steps, version, load")
	}
	compare := smoke.DefaultCompare()
	c.Compare = compare
	for key, target := range map[string]*template.Text{"stable": &compare.Stable, "canary": &compare.Canary} {
		*target = r.member(inner, key, scope)
		r.checkURL(inner.node, *target)
	}
	for _, path := range r.list(inner.take("paths")) {
		compare.Paths = append(compare.Paths, r.text(path, "a path", scope))
	}
	if len(compare.Paths) == 0 {
		compare.Paths = []template.Text{literal("/")}
	}
	inner.integer("samples", &compare.Samples, 20, 10_000)
	for _, query := range r.list(inner.take("jq")) {
		if q := r.jq(query, scope); q != nil {
			compare.JQ = append(compare.JQ, q)
		}
	}
	inner.number("max-latency-ratio", &compare.MaxLatencyRatio, 1, 1000)
	inner.number("max-error-difference", &compare.MaxErrorDifference, 0, 1)
	inner.number("confidence", &compare.Confidence, 0.5, 0.999)
	inner.done()
	request := base.request
	r.common(o, &request, scope)
	c.Steps = []smoke.Step{{Place: c.Place, Request: request, Status: base.status}}
}

// load reads a short load.
func (r *reader) load(n *yaml.Node) *smoke.Load {
	o := r.object(n, "load")
	if o == nil {
		return nil
	}
	load := &smoke.Load{Duration: 10 * time.Second, InFlight: 64}
	o.number("rate", &load.Rate, 0.1, 1000)
	o.duration("duration", &load.Duration, time.Second, 10*time.Minute)
	o.integer("in-flight", &load.InFlight, 1, 1000)
	o.done()
	if load.Rate == 0 {
		r.fail(o.node, "add rate: with requests a second", "load has no rate")
		return nil
	}
	return load
}
