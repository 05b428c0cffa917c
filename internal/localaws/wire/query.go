package wire

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
)

// decodeQuery fills an SDK input from a form: Tags.member.1.Key=a.
func (s *ServiceInfo) decodeQuery(form url.Values, dst reflect.Value) error {
	tree := map[string]any{}
	for key, values := range form {
		if key == "Action" || key == "Version" {
			continue
		}
		if err := plant(tree, strings.Split(key, "."), text(values[0])); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return decode(dst, tree, s.naming(), "")
}

// plant puts a leaf at the end of a path, growing branches on the way.
func plant(tree map[string]any, path []string, leaf text) error {
	for _, step := range path[:len(path)-1] {
		next, ok := tree[step]
		if !ok || next == text("") {
			next = map[string]any{}
			tree[step] = next
		}
		branch, ok := next.(map[string]any)
		if !ok {
			return fmt.Errorf("%q is given both as a value and as a structure", step)
		}
		tree = branch
	}
	last := path[len(path)-1]
	if _, taken := tree[last]; taken {
		if leaf == "" { // "Tags=" beside "Tags.member.1…" says nothing
			return nil
		}
		return fmt.Errorf("%q is given both as a value and as a structure", last)
	}
	tree[last] = leaf
	return nil
}
