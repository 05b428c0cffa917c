package checkfile

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
	"go.yaml.in/yaml/v3"
)

// baseline is what every check starts from.
type baseline struct {
	check   smoke.Check
	request smoke.Request
	status  smoke.StatusSet
}

// defaults reads what holds for every check that does not say otherwise.
func (r *reader) defaults(n *yaml.Node, base *baseline) {
	o := r.object(n, "defaults")
	if o == nil {
		return
	}
	r.settings(o, &base.check)
	r.common(o, &base.request, nil)
	if n := o.take("status"); n != nil {
		base.status = r.statusSet(n, "status")
	}
	o.done()
}

// settings reads what a check and the defaults have in common.
func (r *reader) settings(o *object, c *smoke.Check) {
	severity := string(c.Severity)
	o.oneOf("severity", &severity, "fail", "warn")
	c.Severity = smoke.Severity(severity)
	o.duration("attempt-timeout", &c.Retry.AttemptTimeout, 100*time.Millisecond, time.Hour)
	o.duration("interval", &c.Retry.Interval, 10*time.Millisecond, 10*time.Minute)
	if n := o.take("retry-on"); n != nil {
		c.Retry.On, c.Retry.Asserts = r.retryOn(n)
	}
	if n := o.take("fail-fast-on"); n != nil {
		c.Retry.FailFast = r.statusSet(n, "fail-fast-on")
	}
	if n := o.take("stable"); n != nil {
		r.stable(n, &c.Stable)
	}
}

// check reads one check. scope names what the checks that it needs capture.
func (r *reader) check(n *yaml.Node, base baseline, scope []string) *smoke.Check {
	o := r.object(n, "a check")
	if o == nil {
		return nil
	}
	c := base.check
	c.Place = r.place(o.node)
	set(o, "name", &c.Name, func(s string) (string, error) { return s, nil }, "text")
	if strings.TrimSpace(c.Name) == "" {
		r.fail(o.node, "add name:", "a check has no name")
	}
	o.take("needs")
	r.settings(o, &c)
	o.duration("timeout", &c.Timeout, time.Second, 6*time.Hour)
	steps, compare := o.take("steps"), o.take("compare")
	switch {
	case compare != nil:
		r.compare(o, compare, base, &c, scope)
	case steps != nil:
		scope = r.steps(steps, base, &c, scope)
	default:
		var step smoke.Step
		step, scope = r.step(o, base, scope)
		c.Steps = []smoke.Step{step}
	}
	if n := o.take("version"); n != nil {
		c.Version = r.version(n, base, &c, scope)
	}
	if n := o.take("load"); n != nil {
		c.Load = r.load(n)
	}
	o.done()
	return &c
}

func (r *reader) steps(n *yaml.Node, base baseline, c *smoke.Check, scope []string) []string {
	items := r.follow(n)
	if items.Kind != yaml.SequenceNode || len(items.Content) == 0 {
		r.fail(n, "write one - url: … for each step", "steps is not a list of steps")
		return scope
	}
	for _, item := range items.Content {
		o := r.object(item, "a step")
		if o == nil {
			continue
		}
		var step smoke.Step
		step, scope = r.step(o, base, scope)
		c.Steps = append(c.Steps, step)
		o.done()
	}
	return scope
}

// step reads one request with its assertions and captures, and returns what
// is captured after it.
func (r *reader) step(o *object, base baseline, scope []string) (smoke.Step, []string) {
	step := smoke.Step{Place: r.place(o.node), Status: base.status}
	step.Request, step.Asserts = r.request(o, base.request, scope)
	if n := o.take("status"); n != nil {
		step.Status = r.statusSet(n, "status")
		if step.Request.Kind != probe.HTTP {
			r.fail(n, "leave it out", "status is for HTTP requests only")
		}
	}
	after := slices.Clone(scope)
	if n := o.take("captures"); n != nil {
		step.Captures, after = r.captures(n, scope)
	}
	for _, n := range r.list(o.take("asserts")) {
		if a, ok := r.assertion(n, scope); ok {
			step.Asserts = append(step.Asserts, a)
		}
	}
	return step, after
}

// names returns the variables that a jq expression may use.
func (r *reader) names(scope []string) []string {
	names := append(slices.Collect(maps.Keys(r.statics)), scope...)
	names = slices.AppendSeq(names, maps.Keys(r.broken))
	slices.Sort(names)
	return slices.Compact(names)
}

func (r *reader) jq(n *yaml.Node, scope []string) *smoke.JQ {
	source, ok := r.scalar(n, "jq")
	if !ok {
		return nil
	}
	query, err := smoke.CompileJQ(source, r.names(scope))
	if err != nil {
		r.fail(n, "look at https://jqlang.org/manual; variables are there as $name", "jq %q: %s", source, err)
	}
	return query
}

// captures reads the values that a step keeps.
func (r *reader) captures(n *yaml.Node, scope []string) ([]smoke.Capture, []string) {
	o := r.object(n, "captures")
	if o == nil {
		return nil, scope
	}
	var captures []smoke.Capture
	after := slices.Clone(scope)
	for _, key := range o.keys {
		value := o.take(key.Value)
		if _, static := r.statics[key.Value]; static || !template.IsName(key.Value) {
			r.fail(key, "use another name of letters, digits and _", "%q is not a name for a captured value", key.Value)
			continue
		}
		if c, ok := r.capture(key, value, scope); ok {
			captures = append(captures, c)
			after = append(after, key.Value)
		}
	}
	return captures, after
}

func (r *reader) capture(key, value *yaml.Node, scope []string) (smoke.Capture, bool) {
	c := smoke.Capture{Name: key.Value, Place: r.place(key)}
	o := r.object(value, "capture "+key.Value)
	if o == nil {
		return c, false
	}
	if n := o.take("jq"); n != nil {
		c.JQ = r.jq(n, scope)
	}
	set(o, "header", &c.Header, asIs, "the name of a header field")
	set(o, "cookie", &c.Cookie, asIs, "the name of a cookie")
	o.regexp("body", &c.Body)
	o.boolean("url", &c.URL)
	o.done()
	if len(o.keys) != 1 {
		r.fail(key, "give one of jq, header, cookie, body, url", "capture %s has %d sources", key.Value, len(o.keys))
	}
	return c, true
}

func asIs(s string) (string, error) { return s, nil }

func (r *reader) statusSet(n *yaml.Node, what string) smoke.StatusSet {
	set, err := smoke.ParseStatusSet(strings.Join(r.words(n, what), ","))
	if err != nil {
		r.fail(n, "write 200, 2xx, 200-204 or a list of them", "%s: %s", what, err)
	}
	return set
}

func (r *reader) retryOn(n *yaml.Node) (set smoke.StatusSet, asserts bool) {
	words := r.words(n, "retry-on")
	statuses := slices.DeleteFunc(slices.Clone(words), func(s string) bool { return s == "asserts" })
	set, err := smoke.ParseStatusSet(strings.Join(statuses, ","))
	if err != nil {
		r.fail(n, "write statuses such as 404 or 5xx, and asserts", "retry-on: %s", err)
	}
	return set, len(statuses) < len(words)
}

// words returns the words of a scalar or of a list of scalars.
func (r *reader) words(n *yaml.Node, what string) []string {
	var words []string
	for _, item := range r.list(n) {
		if s, ok := r.scalar(item, what); ok {
			words = append(words, strings.FieldsFunc(s, func(c rune) bool { return c == ',' || c == ' ' })...)
		}
	}
	return words
}
