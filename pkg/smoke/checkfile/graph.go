package checkfile

import (
	"slices"
	"strings"

	"github.com/org/shipkit/pkg/smoke/template"
	"go.yaml.in/yaml/v3"
)

// graph knows, before the checks are read, which check captures what and which
// needs which.
type graph struct {
	checks []vertex
	byName map[string]int
}

type vertex struct {
	name     string
	needs    []string
	captures []string
	seen     int // 1 on the path, 2 done
}

func (r *reader) graph(items []*yaml.Node) *graph {
	g := &graph{byName: map[string]int{}}
	for _, item := range items {
		v, name := r.vertex(item)
		if first, twice := g.byName[v.name]; twice && v.name != "" {
			r.fail(name, "give each check its own name", "check %q has the name of check %d", v.name, first+1)
		}
		g.byName[v.name] = len(g.checks)
		g.checks = append(g.checks, v)
	}
	for i, item := range items {
		for _, need := range g.checks[i].needs {
			if _, ok := g.byName[need]; !ok {
				r.fail(item, "write the name of another check", "check %q needs %q, which is no check", g.checks[i].name, need)
			}
		}
		if circle := g.circle(i, nil); circle != nil {
			r.fail(item, "break the circle", "checks need each other in a circle: %s", strings.Join(circle, " → "))
			g.checks[i].needs = nil
		}
	}
	return g
}

// vertex looks at the parts of a check that others depend on. Problems in it
// are reported when the check itself is read.
func (r *reader) vertex(item *yaml.Node) (v vertex, name *yaml.Node) {
	item = r.follow(item)
	name = item
	each(item, func(key string, value *yaml.Node) {
		switch value = r.follow(value); key {
		case "name":
			v.name, name = value.Value, value
		case "needs":
			for _, need := range r.list(value) {
				v.needs = append(v.needs, need.Value)
			}
		case "captures":
			v.captures = append(v.captures, r.captureNames(value)...)
		case "steps":
			for _, step := range r.list(value) {
				each(r.follow(step), func(key string, value *yaml.Node) {
					if key == "captures" {
						v.captures = append(v.captures, r.captureNames(r.follow(value))...)
					}
				})
			}
		}
	})
	return v, name
}

func (r *reader) captureNames(n *yaml.Node) []string {
	var names []string
	each(n, func(key string, _ *yaml.Node) {
		if template.IsName(key) {
			names = append(names, key)
		}
	})
	return names
}

func each(n *yaml.Node, do func(key string, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		do(n.Content[i].Value, n.Content[i+1])
	}
}

// circle returns the names of a circle of needs that check i leads to, or nil.
func (g *graph) circle(i int, path []string) []string {
	v := &g.checks[i]
	path = append(path, v.name)
	switch v.seen {
	case 1:
		return path[slices.Index(path, v.name):]
	case 2:
		return nil
	}
	v.seen = 1
	defer func() { v.seen = 2 }()
	for _, need := range v.needs {
		if next, ok := g.byName[need]; ok {
			if found := g.circle(next, path); found != nil {
				return found
			}
		}
	}
	return nil
}

// scope returns what is captured before check i starts: by all that it needs.
func (g *graph) scope(i int) []string {
	var names []string
	visited := map[int]bool{i: true}
	queue := slices.Clone(g.checks[i].needs)
	for len(queue) > 0 {
		next, ok := g.byName[queue[0]]
		queue = queue[1:]
		if !ok || visited[next] {
			continue
		}
		visited[next] = true
		names = append(names, g.checks[next].captures...)
		queue = append(queue, g.checks[next].needs...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
