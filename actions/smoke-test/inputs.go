package smoketest

import (
	"net/url"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
)

type inputs struct {
	URL             *url.URL          `input:"url"`
	Status          string            `input:"status"`
	Method          string            `input:"method"`
	Headers         []action.KeyValue `input:"headers"`
	Body            string            `input:"body"`
	BearerToken     string            `input:"bearer-token" secret:"true"`
	BasicAuth       string            `input:"basic-auth" secret:"true"`
	BodyContains    []string          `input:"body-contains"`
	JQ              []string          `input:"jq"`
	MaxLatencyP95   time.Duration     `input:"max-latency-p95" min:"1ms"`
	Timeout         *time.Duration    `input:"timeout" min:"1s" max:"6h"`
	AttemptTimeout  time.Duration     `input:"attempt-timeout" min:"100ms" max:"1h"`
	Interval        time.Duration     `input:"interval" min:"10ms" max:"10m"`
	RetryOn         string            `input:"retry-on"`
	FailFastOn      string            `input:"fail-fast-on"`
	Samples         int               `input:"samples" min:"1" max:"10000"`
	MaxFailureRatio float64           `input:"max-failure-ratio" min:"0" max:"1"`
	ExpectVersion   string            `input:"expect-version"`
	VersionPath     string            `input:"version-path"`
	VersionHeader   string            `input:"version-header"`
	VersionURL      *url.URL          `input:"version-url"`
	VersionSamples  int               `input:"version-samples" min:"1" max:"1000"`
	CompareURL      *url.URL          `input:"compare-url"`
	CompareSamples  int               `input:"compare-samples" min:"20" max:"10000"`
	LoadRate        *float64          `input:"load-rate" min:"0.1" max:"1000"`
	LoadDuration    time.Duration     `input:"load-duration" min:"1s" max:"10m"`
	FollowRedirects bool              `input:"follow-redirects"`
	MaxBody         action.Bytes      `input:"max-body" min:"1kB" max:"16MB"`
	Resolve         []string          `input:"resolve"`
	IPVersion       string            `input:"ip-version" oneof:"any,4,6"`
	CAFile          action.File       `input:"ca-file"`
	Checks          action.File       `input:"checks"`
	Concurrency     *int              `input:"concurrency" min:"1" max:"256"`
	ReportDir       string            `input:"report-dir"`
	Environment     string            `input:"environment"`
	Config          string            `input:"config"`
	DryRun          bool              `input:"dry-run"`
}

// suite builds what to check from the inputs, or from the file that they name.
func (in inputs) suite(getenv func(string) string) (*smoke.Suite, error) {
	var problems diag.List
	switch {
	case in.URL == nil && in.Checks == "":
		problems.Errorf("set url: https://your-service/health, or checks: smoke.yml", "neither url nor checks is given")
		return nil, problems
	case in.Checks != "":
		return in.fromFile(getenv)
	}
	check := smoke.Defaults()
	check.Name = in.URL.Hostname() + in.URL.EscapedPath()
	check.Retry.AttemptTimeout, check.Retry.Interval = in.AttemptTimeout, in.Interval
	check.Retry.On, check.Retry.Asserts = in.retryOn(&problems)
	check.Retry.FailFast = statusSet("fail-fast-on", in.FailFastOn, &problems)
	check.Stable.Samples, check.Stable.MaxFailures = in.Samples, in.MaxFailureRatio
	step := smoke.Step{Request: in.request(&problems), Status: statusSet("status", in.Status, &problems)}
	step.Asserts = in.asserts(&problems)
	check.Steps = []smoke.Step{step}
	check.Version = in.version(getenv, step, &problems)
	check.Compare = in.compare(&problems)
	if in.LoadRate != nil {
		check.Load = &smoke.Load{Rate: *in.LoadRate, Duration: in.LoadDuration, InFlight: 64}
	}
	return &smoke.Suite{
		Checks: []*smoke.Check{check}, Timeout: orDefault(in.Timeout, smoke.DefaultTimeout), Concurrency: 1,
		Secrets: in.secrets(),
	}, problems.Err()
}

func (in inputs) request(problems *diag.List) smoke.Request {
	request := smoke.DefaultRequest()
	request.Method = strings.ToUpper(in.Method)
	if !probe.ValidMethod(request.Method) {
		problems.Errorf("use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS", "input method is %q", in.Method)
	}
	request.URL = template.Literal(in.URL.String())
	for _, h := range in.Headers {
		request.Header = append(request.Header, smoke.Field{Name: h.Key, Value: template.Literal(h.Value)})
	}
	request.Body = template.Literal(in.Body)
	request.Bearer = template.Literal(in.BearerToken)
	user, password, found := strings.Cut(in.BasicAuth, ":")
	if in.BasicAuth != "" && !found {
		problems.Errorf("write user:password", "input basic-auth has no colon")
	}
	request.User, request.Password = template.Literal(user), template.Literal(password)
	request.Follow = in.FollowRedirects
	request.MaxBody = int64(in.MaxBody)
	request.Connection.CACert = string(in.CAFile)
	request.Connection.Resolve = in.Resolve
	for _, entry := range in.Resolve {
		if _, _, _, err := probe.ParseResolve(entry); err != nil {
			problems.Errorf("write host:port:address, such as api.example.com:443:10.0.0.7", "input resolve: %q: %s", entry, err)
		}
	}
	if in.IPVersion != "any" {
		request.Connection.Family = in.IPVersion
	}
	return request
}

func (in inputs) asserts(problems *diag.List) []smoke.Assertion {
	var tests []smoke.Test
	for _, s := range in.BodyContains {
		text := template.Literal(s)
		tests = append(tests, smoke.BodyTest{Match: smoke.Match{Contains: &text}})
	}
	for _, s := range in.JQ {
		if query := compileJQ("jq", s, problems); query != nil {
			tests = append(tests, smoke.JQTest{Query: query})
		}
	}
	if in.MaxLatencyP95 > 0 {
		tests = append(tests, smoke.LatencyTest{P95: in.MaxLatencyP95})
	}
	var asserts []smoke.Assertion
	for _, test := range tests {
		asserts = append(asserts, smoke.Assertion{Severity: smoke.Fail, Test: test})
	}
	return asserts
}

// version builds the version gate. SHIPKIT_VERSION in the environment stands
// for an expect-version that is not given.
func (in inputs) version(getenv func(string) string, step smoke.Step, problems *diag.List) *smoke.VersionGate {
	placed := in.VersionPath != "" || in.VersionHeader != ""
	expected := in.ExpectVersion
	if expected == "" && placed {
		expected = getenv("SHIPKIT_VERSION")
		if expected == "" {
			problems.Errorf("write expect-version: ${{ github.sha }}, or set SHIPKIT_VERSION in the environment",
				"version-path or version-header is given, but no version to expect")
		}
	}
	switch {
	case expected == "":
		return nil
	case in.VersionPath != "" && in.VersionHeader != "":
		problems.Errorf("give one of them", "both version-path and version-header are given")
		return nil
	case !placed:
		problems.Errorf("set version-path: .version or version-header: X-Version",
			"expect-version is %q, but nothing says where an answer tells its version", expected)
		return nil
	}
	gate := &smoke.VersionGate{
		Expect: template.Literal(expected), Header: in.VersionHeader, Samples: in.VersionSamples,
	}
	if in.VersionPath != "" {
		gate.JQ = compileJQ("version-path", in.VersionPath, problems)
	}
	if in.VersionURL != nil {
		step.Request.URL = template.Literal(in.VersionURL.String())
		step.Asserts = nil
		gate.Step = &step
	}
	return gate
}

func (in inputs) compare(problems *diag.List) *smoke.Compare {
	if in.CompareURL == nil {
		return nil
	}
	if in.ExpectVersion != "" || in.LoadRate != nil {
		problems.Errorf("use a step for each, or a checks file", "compare-url goes with neither expect-version nor load-rate")
	}
	compare := smoke.DefaultCompare()
	compare.Stable, compare.Canary = template.Literal(in.CompareURL.String()), template.Literal(in.URL.String())
	compare.Paths, compare.Samples = []template.Text{{}}, in.CompareSamples
	for _, s := range in.JQ {
		if query := compileJQ("jq", s, problems); query != nil {
			compare.JQ = append(compare.JQ, query)
		}
	}
	return compare
}

func (in inputs) retryOn(problems *diag.List) (set smoke.StatusSet, asserts bool) {
	statuses := strings.FieldsFunc(in.RetryOn, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
	var kept []string
	for _, item := range statuses {
		if item == "asserts" {
			asserts = true
			continue
		}
		kept = append(kept, item)
	}
	return statusSet("retry-on", strings.Join(kept, ","), problems), asserts
}

// secrets lists what no result may show.
func (in inputs) secrets() []string {
	secrets := []string{in.BearerToken, in.BasicAuth}
	if _, password, ok := strings.Cut(in.BasicAuth, ":"); ok {
		secrets = append(secrets, password)
	}
	for _, u := range []*url.URL{in.URL, in.CompareURL, in.VersionURL} {
		if u == nil || u.User == nil {
			continue
		}
		if password, ok := u.User.Password(); ok {
			secrets = append(secrets, password)
		}
	}
	return secrets
}

func statusSet(input, s string, problems *diag.List) smoke.StatusSet {
	set, err := smoke.ParseStatusSet(s)
	if err != nil {
		problems.Errorf("write statuses such as 200, 2xx or 200-204, with commas between", "input %s: %s", input, err)
	}
	return set
}

func compileJQ(input, s string, problems *diag.List) *smoke.JQ {
	query, err := smoke.CompileJQ(s, nil)
	if err != nil {
		problems.Errorf("look at https://jqlang.org/manual", "input %s: %q: %s", input, s, err)
	}
	return query
}
