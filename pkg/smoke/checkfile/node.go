package checkfile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/smoke"
	"go.yaml.in/yaml/v3"
)

// maxNodes bounds how many values a file may have once its aliases are
// followed: a few lines of aliases can stand for billions.
const maxNodes = 100_000

// reader turns nodes into values and keeps the problems that it finds.
type reader struct {
	file     string
	problems diag.List
	nodes    int
	env      func(string) (string, bool)
	public   map[string]bool
	secrets  []string
	statics  map[string]string
	broken   map[string]bool // variables without a value, because of a problem
}

// parse returns the root of the only YAML document in data.
func (r *reader) parse(data []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			r.fail(nil, "start with checks:", "the checks file is empty")
			return nil
		}
		r.syntax(data, err)
		return nil
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		r.fail(nil, "keep one document, without ---", "the checks file has more than one YAML document")
		return nil
	}
	return document.Content[0]
}

// syntax reports a fault of the YAML itself. The library tells no column, and
// often the line where the block starts: the fault is where no more lines can
// help, so after the longest start of the file that parses.
func (r *reader) syntax(data []byte, err error) {
	_, text, found := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), ": ")
	if !found {
		text = strings.TrimPrefix(err.Error(), "yaml: ")
	}
	n := &yaml.Node{Line: 1, Column: 1}
	lines := bytes.SplitAfter(data, []byte("\n"))
	end := len(data)
	for i := len(lines) - 1; i > 0 && (len(lines)-i)*len(data) < maxSyntaxWork; i-- {
		end -= len(lines[i])
		if yaml.Unmarshal(data[:end], new(yaml.Node)) == nil {
			indent := len(lines[i]) - len(bytes.TrimLeft(lines[i], " "))
			n = &yaml.Node{Line: i + 1, Column: indent + 1}
			break
		}
	}
	r.fail(n, "look at the indentation and the quotes here and above", "the YAML does not parse: %s", text)
}

// maxSyntaxWork bounds the search for a fault, in bytes that are parsed.
const maxSyntaxWork = 20 << 20

// fail reports a problem at a node; a nil node is the file as a whole.
func (r *reader) fail(n *yaml.Node, try, format string, args ...any) {
	if r.exhausted() {
		return // what follows comes of that
	}
	problem := &diag.Diagnostic{Summary: fmt.Sprintf(format, args...), Try: try, File: r.file, Line: 1}
	if n != nil {
		problem.Line, problem.Column = n.Line, n.Column
	}
	r.problems.Add(problem)
}

// maxProblems bounds how many problems are reported.
const maxProblems = 50

// finish returns the problems in the order of the file, without secrets.
func (r *reader) finish() error {
	slices.SortStableFunc(r.problems, func(a, b *diag.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for _, problem := range r.problems {
		problem.Summary = smoke.Redact(problem.Summary, r.secrets)
	}
	if more := len(r.problems) - maxProblems; more > 0 {
		r.problems = append(r.problems[:maxProblems], &diag.Diagnostic{
			Summary: fmt.Sprintf("the checks file has %d more problems", more), Try: "correct these first", File: r.file, Line: 1,
		})
	}
	return r.problems.Err() //nolint:wrapcheck // the list is the error
}

// follow returns what an alias stands for.
func (r *reader) follow(n *yaml.Node) *yaml.Node {
	if r.nodes == maxNodes {
		r.fail(n, "use fewer aliases", "the checks file has more than %d values with its aliases followed", maxNodes)
	}
	r.nodes++
	if r.exhausted() {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (r *reader) exhausted() bool { return r.nodes > maxNodes }

// object is a mapping whose keys are taken one by one; done reports the rest.
type object struct {
	r       *reader
	what    string
	node    *yaml.Node
	keys    []*yaml.Node
	values  map[string]*yaml.Node
	allowed []string
}

// object reads a mapping; nil if it is none.
func (r *reader) object(n *yaml.Node, what string) *object {
	n = r.follow(n)
	if n.Kind != yaml.MappingNode {
		r.fail(n, "write key: value lines", "%s is not a mapping", what)
		return nil
	}
	o := &object{r: r, what: what, node: n, values: map[string]*yaml.Node{}}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch _, twice := o.values[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			r.fail(key, "", "a key of %s is not text", what)
		case key.Tag == "!!merge":
			r.fail(key, "put what is shared under defaults:", "merge keys (<<) are not supported")
		case twice:
			r.fail(key, "keep one of them", "key %q stands twice in %s", key.Value, what)
		default:
			o.keys = append(o.keys, key)
			o.values[key.Value] = value
		}
	}
	return o
}

// take returns the value of a key, or nil if it is not there.
func (o *object) take(key string) *yaml.Node {
	o.allowed = append(o.allowed, key)
	return o.values[key]
}

// has tells whether a key is there, without taking it.
func (o *object) has(key string) bool { return o.values[key] != nil }

// done reports the keys that nobody took.
func (o *object) done() {
	for _, key := range o.keys {
		if !slices.Contains(o.allowed, key.Value) {
			slices.Sort(o.allowed)
			o.r.fail(key, "allowed here: "+strings.Join(slices.Compact(o.allowed), ", "),
				"unknown key %q in %s", key.Value, o.what)
		}
	}
}

// list returns the items of a sequence; a single value is a list of one.
func (r *reader) list(n *yaml.Node) []*yaml.Node {
	if n == nil {
		return nil
	}
	followed := r.follow(n)
	if followed.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	return followed.Content
}

// scalar returns the text of a scalar.
func (r *reader) scalar(n *yaml.Node, what string) (string, bool) {
	n = r.follow(n)
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.fail(n, "", "%s is not text or a number", what)
		return "", false
	}
	return n.Value, true
}

// set puts the value of a key into target, if the key is there and parses.
func set[T any](o *object, key string, target *T, parse func(string) (T, error), allowed string) {
	n := o.take(key)
	if n == nil {
		return
	}
	s, ok := o.r.scalar(n, key)
	if !ok {
		return
	}
	value, err := parse(s)
	if err != nil {
		o.r.fail(n, "allowed is "+allowed, "%s is %q", key, s)
		return
	}
	*target = value
}

func (o *object) duration(key string, target *time.Duration, low, high time.Duration) {
	set(o, key, target, func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		return d, within(d, low, high, err)
	}, fmt.Sprintf("a duration from %s to %s, such as 1m30s", low, high))
}

func (o *object) integer(key string, target *int, low, high int) {
	set(o, key, target, func(s string) (int, error) {
		i, err := strconv.Atoi(s)
		return i, within(i, low, high, err)
	}, fmt.Sprintf("a whole number from %d to %d", low, high))
}

func (o *object) number(key string, target *float64, low, high float64) {
	set(o, key, target, func(s string) (float64, error) {
		f, err := strconv.ParseFloat(s, 64)
		return f, within(f, low, high, err)
	}, fmt.Sprintf("a number from %g to %g", low, high))
}

func (o *object) bytes(key string, target *int64, low, high int64) {
	set(o, key, target, func(s string) (int64, error) {
		u, err := humanize.ParseBytes(s)
		return int64(min(u, 1<<62)), within(int64(min(u, 1<<62)), low, high, err) //nolint:gosec // bounded
	}, fmt.Sprintf("a size from %s to %s, such as 64kB",
		humanize.Bytes(uint64(low)), humanize.Bytes(uint64(high)))) //nolint:gosec // positive
}

func (o *object) boolean(key string, target *bool) {
	set(o, key, target, func(s string) (bool, error) {
		if s != "true" && s != "false" {
			return false, errOutside
		}
		return s == "true", nil
	}, "true or false")
}

func (o *object) oneOf(key string, target *string, allowed ...string) {
	set(o, key, target, func(s string) (string, error) {
		if !slices.Contains(allowed, s) {
			return "", errOutside
		}
		return s, nil
	}, strings.Join(allowed, ", "))
}

func (o *object) regexp(key string, target **regexp.Regexp) {
	set(o, key, target, func(s string) (*regexp.Regexp, error) {
		expression, err := regexp.Compile(s)
		if err != nil {
			return nil, fmt.Errorf("compile: %w", err)
		}
		return expression, nil
	}, "a regular expression, https://pkg.go.dev/regexp/syntax")
}

var errOutside = errors.New("not allowed")

func within[T int | int64 | float64 | time.Duration](value, low, high T, err error) error {
	if err == nil && (value < low || value > high || value != value) { // NaN is not itself
		return errOutside
	}
	return err
}
