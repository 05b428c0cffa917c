package checkfile

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/template"
	"go.yaml.in/yaml/v3"
)

// text reads a scalar with references. The environment and the file's own
// variables are put in now; captured values, which scope names, later.
func (r *reader) text(n *yaml.Node, what string, scope []string) template.Text {
	s, ok := r.scalar(n, what)
	if !ok {
		return template.Text{}
	}
	return r.bind(n, s, what, scope)
}

func (r *reader) bind(n *yaml.Node, s, what string, scope []string) template.Text {
	parsed, err := template.Parse(s)
	if err != nil {
		var syntax *template.SyntaxError
		errors.As(err, &syntax)
		r.fail(at(n, syntax.Offset), "write ${NAME} for the environment, {{name}} for a variable, $${ for a literal ${",
			"%s: %s", what, syntax.Reason)
		return template.Text{}
	}
	return parsed.Bind(func(ref template.Ref) (string, bool) {
		if ref.Sort == template.Env {
			return r.environment(n, ref)
		}
		if value, ok := r.statics[ref.Name]; ok {
			return value, true
		}
		if !slices.Contains(scope, ref.Name) && !r.broken[ref.Name] {
			r.unknown(n, ref, scope)
		}
		return "", false
	})
}

func (r *reader) unknown(n *yaml.Node, ref template.Ref, scope []string) {
	known := slices.Sorted(maps.Keys(r.statics))
	known = append(known, scope...)
	try := "set it under variables:, capture it in an earlier step, or name the check that captures it in needs:"
	if len(known) > 0 {
		try += "; known here: " + strings.Join(known, ", ")
	}
	r.fail(at(n, ref.Offset), try, "%s is not known here", ref)
}

// environment returns the value of a variable of the environment and keeps it
// as a secret, unless the file says that it is public.
func (r *reader) environment(n *yaml.Node, ref template.Ref) (string, bool) {
	value, ok := r.env(ref.Name)
	if !ok {
		r.fail(at(n, ref.Offset), "set it in env: of the step, such as "+ref.Name+": $"+"{{ secrets."+ref.Name+" }}",
			"environment variable %s is not set", ref.Name)
		return "", false
	}
	if !r.public[ref.Name] && len(value) >= smoke.ShortestSecret {
		r.secrets = append(r.secrets, value)
	}
	return value, true
}

// at returns the place of an offset in a plain scalar on one line; for others
// the start of the scalar.
func at(n *yaml.Node, offset int) *yaml.Node {
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || strings.Contains(n.Value, "\n") {
		return n
	}
	moved := *n
	moved.Column += offset
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		moved.Column++
	}
	return &moved
}

// variables reads the file's own variables, which may refer to each other.
func (r *reader) variables(n *yaml.Node) {
	if n == nil {
		return
	}
	o := r.object(n, "variables")
	if o == nil {
		return
	}
	w := &variableWalk{r: r, o: o, state: map[string]int{}}
	for name := range r.statics {
		w.state[name] = 2 // set from outside
		o.take(name)
	}
	for _, key := range o.keys {
		if !template.IsName(key.Value) {
			r.fail(key, "use letters, digits and _", "variable %q is not a name", key.Value)
			continue
		}
		w.resolve(key.Value, nil)
	}
}

type variableWalk struct {
	r     *reader
	o     *object
	state map[string]int // 1 being resolved, 2 done
}

// resolve works out one variable after those that it refers to.
func (w *variableWalk) resolve(name string, path []string) {
	path = append(path, name)
	n := w.o.take(name)
	switch w.state[name] {
	case 1:
		w.r.fail(n, "break the circle", "variables refer to each other in a circle: %s", strings.Join(path, " → "))
		w.r.statics[name] = ""
		return
	case 2:
		return
	}
	w.state[name] = 1
	if s, ok := w.r.scalar(n, "variable "+name); ok {
		parsed, err := template.Parse(s)
		for _, ref := range parsed.Refs() {
			if err == nil && ref.Sort == template.Variable && w.o.has(ref.Name) {
				w.resolve(ref.Name, path)
			}
		}
		if bound := w.r.bind(n, s, "variable "+name, nil); len(bound.Refs()) == 0 {
			w.r.statics[name] = bound.String()
		} else {
			w.r.broken[name] = true // reported already
		}
	}
	w.state[name] = 2
}
