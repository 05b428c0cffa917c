package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/namespace"
	"github.com/org/shipkit/pkg/nearest"
)

// Read reads a settings file. The path goes into findings only. All that is
// wrong comes back in one diag.List, each at its line and column.
func Read(path string, content []byte) (*File, error) {
	r := &reader{file: &File{path: path, environments: map[string]layer{}}}
	if len(content) > MaxBytes {
		r.problems.Errorf("split it: one file a project", "%s has %d bytes, at most %d are allowed", path, len(content), MaxBytes)
		return nil, r.problems
	}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, r.syntax(err)
	}
	if len(document.Content) == 0 {
		r.problems.Errorf("start with: customer, project, environments", "%s is empty", path)
		return nil, r.problems
	}
	r.top(document.Content[0])
	if err := r.problems.Err(); err != nil {
		return nil, err
	}
	return r.file, nil
}

type reader struct {
	file     *File
	problems diag.List
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// syntax turns the YAML library's text into a finding at its line.
func (r *reader) syntax(err error) error {
	d := &diag.Diagnostic{Summary: "this is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: "), File: r.file.path, Err: err}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		d.Line, _ = strconv.Atoi(m[1])
		d.Summary = "this is not YAML: " + m[2]
	}
	return d
}

func (r *reader) bad(n *yaml.Node, try, format string, args ...any) {
	r.problems.Add(r.file.finding(value{line: n.Line, column: n.Column}, try, format, args...))
}

// entry is a key of a map with its value.
type entry struct{ key, value *yaml.Node }

// entries returns a map's entries and refuses double keys. Aliases are
// followed one step, since YAML has resolved where they point.
func (r *reader) entries(n *yaml.Node, what string) []entry {
	n = target(n)
	if n.Kind != yaml.MappingNode {
		r.bad(n, "write it as key: value lines", "%s must be a map", what)
		return nil
	}
	seen := map[string]bool{}
	var entries []entry
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if seen[key.Value] {
			r.bad(key, "keep one of them", "%s has the key %q twice", what, key.Value)
			continue
		}
		seen[key.Value] = true
		entries = append(entries, entry{key, target(n.Content[i+1])})
	}
	return entries
}

func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func (r *reader) top(n *yaml.Node) {
	var customer, project *yaml.Node
	for _, e := range r.entries(n, r.file.path) {
		switch e.key.Value {
		case "customer":
			customer, r.file.customer = e.value, r.scalar(e.value, "customer").text
		case "project":
			project, r.file.project = e.value, r.scalar(e.value, "project").text
		case "defaults":
			r.file.defaults = r.layer("defaults", e.value)
		case "environments":
			for _, env := range r.entries(e.value, "environments") {
				r.file.environments[env.key.Value] = r.layer(env.key.Value, env.value)
				r.environmentName(env.key)
			}
		default:
			r.unknown(e.key, "", []string{"customer", "project", "defaults", "environments"})
		}
	}
	if customer == nil || project == nil {
		r.bad(n, `add both, such as customer: xy and project: "0146"`, "customer and project must be there")
	} else if _, err := namespace.New(r.file.customer, r.file.project, "x"); err != nil {
		r.place(customer, err)
	}
	if len(r.file.environments) == 0 {
		r.bad(n, "add environments: with at least one", "there is no environment")
	}
	r.relations()
}

func (r *reader) environmentName(key *yaml.Node) {
	if _, err := namespace.New("x", "y", key.Value); err != nil {
		r.place(key, err)
	}
}

// place gives findings from elsewhere their place in the file.
func (r *reader) place(n *yaml.Node, err error) {
	for _, d := range diag.From(err) {
		r.bad(n, d.Try, "%s", d.Summary)
	}
}

func (r *reader) layer(name string, n *yaml.Node) layer {
	l := layer{name: name, values: map[string]value{}, inputs: map[string]map[string]value{}}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return l // an environment that only inherits the defaults
	}
	for _, e := range r.entries(n, name) {
		switch known, ok := lookup(e.key.Value); {
		case e.key.Value == "inherits" && name != "defaults":
			l.inherits = r.scalar(e.value, "inherits")
		case e.key.Value == "inputs":
			r.inputs(&l, e.value)
		case ok:
			l.values[known.name] = r.value(known, e.value)
		default:
			r.unknown(e.key, name, settingNames())
		}
	}
	return l
}

func (r *reader) inputs(l *layer, n *yaml.Node) {
	for _, action := range r.entries(n, "inputs") {
		l.inputs[action.key.Value] = map[string]value{}
		for _, input := range r.entries(action.value, "inputs of "+action.key.Value) {
			l.inputs[action.key.Value][input.key.Value] = r.value(setting{name: input.key.Value, kind: anyKind(input.value)}, input.value)
		}
	}
}

func anyKind(n *yaml.Node) kind {
	switch n.Kind {
	case yaml.SequenceNode:
		return list
	case yaml.MappingNode:
		return pairs
	default:
		return text
	}
}

// value reads a setting as the text that an input takes: a list as lines, a
// map as key=value lines.
func (r *reader) value(s setting, n *yaml.Node) value {
	v := value{line: n.Line, column: n.Column}
	switch s.kind {
	case list:
		v.text = strings.Join(r.list(s, n), "\n")
	case pairs:
		var lines []string
		for _, e := range r.entries(n, s.name) {
			lines = append(lines, e.key.Value+"="+r.scalar(e.value, s.name+"."+e.key.Value).text)
		}
		v.text = strings.Join(lines, "\n")
	default:
		v = r.scalar(n, s.name)
		if complaint := s.complaint(v.text); complaint != "" && !strings.Contains(v.text, "${") {
			r.bad(n, "", "%s: %q given: %s", s.name, v.text, complaint)
		}
	}
	return v
}

func (r *reader) list(s setting, n *yaml.Node) []string {
	if n.Kind == yaml.ScalarNode {
		return []string{r.scalar(n, s.name).text}
	}
	if n.Kind != yaml.SequenceNode {
		r.bad(n, "write it as [one, two]", "%s must be a list", s.name)
		return nil
	}
	var items []string
	for _, item := range n.Content {
		items = append(items, r.scalar(target(item), s.name).text)
	}
	return items
}

func (r *reader) scalar(n *yaml.Node, what string) value {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.bad(n, "", "%s must be a text or a number", what)
		return value{}
	}
	if strings.IndexFunc(n.Value, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' || c == 0x7f }) >= 0 {
		r.bad(n, "remove it", "%s contains a control character", what)
	}
	return value{text: n.Value, line: n.Line, column: n.Column}
}

func (r *reader) unknown(key *yaml.Node, where string, known []string) {
	try := "one of " + strings.Join(known, ", ")
	if near := nearest.Word(key.Value, known); near != "" {
		try = fmt.Sprintf("%q", near)
	}
	if where != "" {
		where = " in " + where
	}
	r.bad(key, try, "%q is not known%s", key.Value, where)
}

// relations checks what one environment says of another.
func (r *reader) relations() {
	for _, name := range r.file.Environments() {
		l := r.file.environments[name]
		if l.inherits.text != "" {
			r.inheritance(name, l)
		}
		if from, ok := l.values["promote-from"]; ok && from.text != name {
			r.mustExist(from, "promote-from")
		} else if ok {
			r.problems.Add(r.file.finding(from, "name a lower environment", "%s is promoted from itself", name))
		}
	}
}

func (r *reader) inheritance(name string, l layer) {
	if !r.mustExist(l.inherits, "inherits") {
		return
	}
	path := []string{name}
	for next := l.inherits.text; next != ""; next = r.file.environments[next].inherits.text {
		if slices.Contains(path, next) {
			r.problems.Add(r.file.finding(l.inherits, "remove one inherits",
				"environments inherit in a circle: %s", strings.Join(append(path, next), " > ")))
			// Cut it, so that other checks can walk the file.
			l.inherits = value{}
			r.file.environments[name] = l
			return
		}
		path = append(path, next)
	}
}

func (r *reader) mustExist(v value, what string) bool {
	if _, ok := r.file.environments[v.text]; ok {
		return true
	}
	err := diag.From(r.file.unknown(v.text))[0]
	r.problems.Add(r.file.finding(v, err.Try, "%s: %s", what, err.Summary))
	return false
}
