// Package checkfile reads a file of smoke checks: a small YAML whose names are
// those of Hurl (https://hurl.dev) where they fit, described for editors by
// schema/smoke-checks.schema.json.
//
// What is wrong in a file is reported all at once, each problem with its line
// and column. A file is bounded in size, depth and aliases.
package checkfile

import (
	"maps"
	"time"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/template"
	"go.yaml.in/yaml/v3"
)

// MaxSize is the most bytes that a checks file may have.
const MaxSize = 1 << 20

// Options of reading a file.
type Options struct {
	// File is the name of the file in problems.
	File string
	// Env looks up a variable of the environment. Values that the file uses are
	// secrets unless the file lists their names under public.
	Env func(name string) (string, bool)
	// Variables are set from outside; the file's own ones of the same names are
	// their defaults.
	Variables map[string]string
	// Timeout and Concurrency hold unless the file says otherwise.
	Timeout     time.Duration
	Concurrency int
}

// Read returns the suite that data describes. Its error is a diag.List.
func Read(data []byte, o Options) (*smoke.Suite, error) {
	r := &reader{
		file: o.File, env: o.Env,
		public: map[string]bool{}, statics: map[string]string{}, broken: map[string]bool{},
	}
	maps.Copy(r.statics, o.Variables)
	if len(data) > MaxSize {
		r.fail(nil, "split it into several files", "the checks file is larger than %d bytes", MaxSize)
		return nil, r.finish()
	}
	suite := &smoke.Suite{Timeout: o.Timeout, Concurrency: o.Concurrency}
	if root := r.parse(data); root != nil {
		r.suite(root, suite)
	}
	suite.Secrets = r.secrets
	if err := r.finish(); err != nil {
		return nil, err
	}
	return suite, nil
}

func (r *reader) suite(root *yaml.Node, suite *smoke.Suite) {
	o := r.object(root, "the checks file")
	if o == nil {
		return
	}
	o.take("$schema")
	for _, n := range r.list(o.take("public")) {
		if name, ok := r.scalar(n, "public"); ok {
			r.public[name] = true
		}
	}
	o.duration("timeout", &suite.Timeout, time.Second, 6*time.Hour)
	o.integer("concurrency", &suite.Concurrency, 1, 256)
	r.variables(o.take("variables"))
	suite.Variables = smoke.Values(r.statics)
	base := baseline{check: *smoke.Defaults(), request: smoke.DefaultRequest(), status: smoke.Success}
	if n := o.take("defaults"); n != nil {
		r.defaults(n, &base)
	}
	n := o.take("checks")
	o.done()
	if n == nil {
		r.fail(root, "add checks: with a list", "the checks file has no checks")
		return
	}
	list := r.follow(n)
	if list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
		r.fail(n, "write one - name: … for each check", "checks is not a list of checks")
		return
	}
	g := r.graph(list.Content)
	for i, item := range list.Content {
		if check := r.check(item, base, g.scope(i)); check != nil {
			check.Needs = g.checks[i].needs
			suite.Checks = append(suite.Checks, check)
		}
	}
}

// place returns where a node stands.
func (r *reader) place(n *yaml.Node) smoke.Place {
	return smoke.Place{File: r.file, Line: n.Line, Column: n.Column}
}

// literal is text of the file without references.
func literal(s string) template.Text { return template.Literal(s) }
