// Package template reads CloudFormation templates, in YAML with the short
// forms of functions or in JSON, and evaluates them.
//
// Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
package template

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds a document whose aliases multiply.
const maxNodes = 100_000

// Template is a template as written: values hold functions in their long form,
// {"Ref": "X"}.
type Template struct {
	Description string
	Parameters  map[string]Parameter
	Mappings    map[string]any
	Conditions  map[string]any
	Resources   map[string]Resource
	Outputs     map[string]Output
}

// Parameter is a declared input.
type Parameter struct {
	Type          string
	Default       *string
	AllowedValues []string
	Description   string
	NoEcho        bool
}

// Resource is a declared resource.
type Resource struct {
	Type                string
	Properties          map[string]any
	DependsOn           []string
	Condition           string
	DeletionPolicy      string
	UpdateReplacePolicy string
}

// Output is a declared result.
type Output struct {
	Value       any
	Description string
	Condition   string
	Export      any // the name under which other stacks import it, or nil
}

// Parse reads a template and checks what can be checked without parameters.
func Parse(body string) (*Template, error) {
	decoder := yaml.NewDecoder(strings.NewReader(body))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("Template format error: the template is empty") //nolint:staticcheck,revive // AWS's words
		}
		return nil, formatError("%v", err)
	}
	c := converter{}
	value, err := c.convert(&document, 0)
	if err != nil {
		return nil, err
	}
	root, ok := value.(map[string]any)
	if !ok {
		return nil, formatError("the template must be a mapping")
	}
	t, err := fromTree(root)
	if err != nil {
		return nil, err
	}
	return t, t.check()
}

// formatError is CloudFormation's complaint about a template.
func formatError(format string, args ...any) error {
	return fmt.Errorf("Template format error: "+format, args...) //nolint:staticcheck,revive // AWS's words
}

// converter turns YAML nodes into the neutral tree of JSON.
type converter struct{ nodes int }

func (c *converter) convert(n *yaml.Node, depth int) (any, error) {
	if c.nodes++; c.nodes > maxNodes || depth > 100 {
		return nil, formatError("the template is too large or too deep")
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) != 1 {
			return nil, formatError("the template is empty")
		}
		return c.convert(n.Content[0], depth+1)
	case yaml.AliasNode:
		return c.convert(n.Alias, depth+1)
	}
	value, err := c.plain(n, depth)
	if err != nil || strings.HasPrefix(n.Tag, "!!") || !strings.HasPrefix(n.Tag, "!") || n.Tag == "!" {
		return value, err
	}
	return shortForm(n, value)
}

// plain converts a node without regard to a function's tag.
func (c *converter) plain(n *yaml.Node, depth int) (any, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return scalar(n), nil
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, child := range n.Content {
			v, err := c.convert(child, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if _, twice := m[key]; twice {
				return nil, formatError("line %d: the key %q stands twice", n.Content[i].Line, key)
			}
			v, err := c.convert(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			m[key] = v
		}
		return m, nil
	}
	return nil, formatError("line %d: unexpected YAML", n.Line)
}

// scalar keeps numbers as they are written: CloudFormation passes them on as
// text.
func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!null":
		return nil
	}
	return n.Value
}

// functions maps a tag to the long form's key.
var functions = map[string]string{
	"!Ref": "Ref", "!Condition": "Condition", "!GetAtt": "Fn::GetAtt", "!Sub": "Fn::Sub", "!Join": "Fn::Join",
	"!If":     "Fn::If",
	"!Equals": "Fn::Equals", "!And": "Fn::And", "!Or": "Fn::Or", "!Not": "Fn::Not", "!Select": "Fn::Select",
	"!Split":     "Fn::Split",
	"!FindInMap": "Fn::FindInMap", "!Base64": "Fn::Base64", "!GetAZs": "Fn::GetAZs", "!ImportValue": "Fn::ImportValue",
}

func shortForm(n *yaml.Node, value any) (any, error) {
	key, known := functions[n.Tag]
	if !known {
		return nil, formatError("line %d: local CloudFormation does not know %s", n.Line, n.Tag)
	}
	if text, isText := value.(string); isText && key == "Fn::GetAtt" {
		resource, attribute, _ := strings.Cut(text, ".")
		value = []any{resource, attribute}
	}
	return map[string]any{key: value}, nil
}

// check finds references to what is not there and circles.
func (t *Template) check() error {
	if len(t.Resources) == 0 {
		return formatError("At least one Resources member must be defined.")
	}
	missing := map[string]bool{}
	for name, r := range t.Resources {
		for _, ref := range t.references(r) {
			if _, ok := t.Resources[ref]; !ok {
				missing[ref] = true
			}
		}
		if r.Condition != "" && t.Conditions[r.Condition] == nil {
			return formatError("Unresolved condition dependency %s in the Resources block of the template", r.Condition)
		}
		if !validPolicy(r.DeletionPolicy) || !validPolicy(r.UpdateReplacePolicy) {
			return formatError("Unrecognized DeletionPolicy or UpdateReplacePolicy for resource %s", name)
		}
	}
	if len(missing) > 0 {
		return formatError("Unresolved resource dependencies [%s] in the Resources block of the template",
			strings.Join(sorted(missing), ", "))
	}
	for _, output := range t.Outputs {
		for _, ref := range t.find(output.Value) {
			if _, ok := t.Resources[ref]; !ok {
				return formatError("Unresolved resource dependencies [%s] in the Outputs block of the template", ref)
			}
		}
	}
	_, err := t.Order()
	return err
}

func validPolicy(policy string) bool {
	return slices.Contains([]string{"", "Delete", "Retain", "RetainExceptOnCreate", "Snapshot"}, policy)
}
