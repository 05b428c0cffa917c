package checkfile

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/org/shipkit/pkg/smoke"
	"go.yaml.in/yaml/v3"
)

// subjects lists what an assertion can look at, in the order of the docs.
var subjects = []string{
	"header", "cookie", "body", "size", "jq", "redirects", "latency", "certificate", "http-version",
}

// assertion reads one assertion: a subject, and perhaps not and severity.
func (r *reader) assertion(n *yaml.Node, scope []string) (smoke.Assertion, bool) {
	o := r.object(n, "an assertion")
	if o == nil {
		return smoke.Assertion{}, false
	}
	a := smoke.Assertion{Place: r.place(o.node), Severity: smoke.Fail}
	severity := string(a.Severity)
	o.oneOf("severity", &severity, "fail", "warn")
	a.Severity = smoke.Severity(severity)
	o.boolean("not", &a.Not)
	var given []string
	for _, subject := range subjects {
		value := o.take(subject)
		if value == nil {
			continue
		}
		given = append(given, subject)
		a.Test = r.test(subject, value, scope)
	}
	o.done()
	if len(given) != 1 {
		r.fail(o.node, "give one of "+strings.Join(subjects, ", "), "an assertion looks at %d things", len(given))
		return a, false
	}
	return a, a.Test != nil
}

func (r *reader) test(subject string, n *yaml.Node, scope []string) smoke.Test {
	if subject == "http-version" {
		return r.httpVersion(n)
	}
	if subject == "jq" && r.follow(n).Kind == yaml.ScalarNode {
		return smoke.JQTest{Query: r.jq(n, scope)}
	}
	o := r.object(n, subject)
	if o == nil {
		return nil
	}
	defer o.done()
	switch subject {
	case "header":
		return smoke.HeaderTest{Name: r.name(o), Match: r.match(o, scope)}
	case "cookie":
		return smoke.CookieTest{Name: r.name(o), Match: r.match(o, scope)}
	case "body":
		return smoke.BodyTest{Match: r.mustMatch(o, scope)}
	case "size":
		return r.size(o)
	case "jq":
		return r.jqMatch(o, scope)
	case "redirects":
		return r.redirects(o, scope)
	case "latency":
		return r.latency(o)
	default:
		return r.certificate(o)
	}
}

func (r *reader) name(o *object) string {
	name := ""
	set(o, "name", &name, asIs, "a name")
	if name == "" {
		r.fail(o.node, "add name:", "%s has no name", o.what)
	}
	return name
}

// match reads how a text is compared.
func (r *reader) match(o *object, scope []string) smoke.Match {
	var m smoke.Match
	if n := o.take("equals"); n != nil {
		text := r.text(n, "equals", scope)
		m.Equals = &text
	}
	if n := o.take("contains"); n != nil {
		text := r.text(n, "contains", scope)
		m.Contains = &text
	}
	o.regexp("matches", &m.Matches)
	return m
}

func (r *reader) mustMatch(o *object, scope []string) smoke.Match {
	m := r.match(o, scope)
	if m.Equals == nil && m.Contains == nil && m.Matches == nil {
		r.fail(o.node, "give equals, contains or matches", "%s is compared with nothing", o.what)
	}
	return m
}

func (r *reader) size(o *object) smoke.Test {
	test := smoke.SizeTest{Max: -1}
	o.bytes("min", &test.Min, 0, 1<<40)
	o.bytes("max", &test.Max, 0, 1<<40)
	if test.Max >= 0 && test.Min > test.Max {
		r.fail(o.node, "swap them", "min %s is more than max %s",
			humanize.Bytes(uint64(test.Min)), humanize.Bytes(uint64(test.Max))) //nolint:gosec // positive
	}
	return test
}

func (r *reader) jqMatch(o *object, scope []string) smoke.Test {
	n := o.take("query")
	if n == nil {
		r.fail(o.node, "add query: with a jq expression", "jq has no query")
		return nil
	}
	m := r.mustMatch(o, scope)
	return smoke.JQTest{Query: r.jq(n, scope), Match: &m}
}

func (r *reader) redirects(o *object, scope []string) smoke.Test {
	var test smoke.RedirectTest
	count := -1
	o.integer("count", &count, 0, 50)
	if count >= 0 {
		test.Count = &count
	}
	if n := o.take("to"); n != nil {
		to := r.text(n, "to", scope)
		test.To = &smoke.Match{Equals: &to}
	}
	for _, n := range r.list(o.take("chain")) {
		test.Chain = append(test.Chain, r.text(n, "chain", scope))
	}
	if len(o.keys) == 0 {
		r.fail(o.node, "give count, to or chain", "redirects is compared with nothing")
	}
	return test
}

func (r *reader) latency(o *object) smoke.Test {
	var test smoke.LatencyTest
	for key, target := range map[string]*time.Duration{
		"p50": &test.P50, "p95": &test.P95, "p99": &test.P99, "max": &test.Max,
	} {
		o.duration(key, target, time.Microsecond, time.Hour)
	}
	if len(o.keys) == 0 {
		r.fail(o.node, "give p50, p95, p99 or max", "latency is compared with nothing")
	}
	return test
}

func (r *reader) certificate(o *object) smoke.Test {
	var test smoke.CertificateTest
	o.integer("days-left", &test.DaysLeft, 0, 10_000)
	set(o, "host", &test.Host, asIs, "a host name")
	return test
}

func (r *reader) httpVersion(n *yaml.Node) smoke.Test {
	version, _ := r.scalar(n, "http-version")
	switch version {
	case "1.0", "1.1", "2":
	default:
		r.fail(n, `write "1.0", "1.1" or "2"`, "http-version is %q", version)
	}
	return smoke.HTTPVersionTest{Version: fmt.Sprint(version)}
}
