package taskdef

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/org/shipkit/pkg/diag"
)

func parseYAML(name string, data []byte) (map[string]any, error) {
	var tree yaml.Node
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, notYAML(name, data, err)
	}
	literal(&tree)
	var raw map[string]any
	if err := tree.Decode(&raw); err != nil {
		return nil, notYAML(name, data, err)
	}
	body, err := json.Marshal(raw)
	if err != nil {
		return nil, &diag.Diagnostic{Summary: "not a task definition: " + err.Error(), File: name, Try: "correct the file", Err: err}
	}
	var fields map[string]any
	if err := decode(body, &fields); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return fields, nil
}

// literal keeps dates and the names of members as they are written: a task
// definition knows no dates, and JSON only names that are texts.
func literal(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!timestamp" {
		n.Tag = "!!str"
	}
	for i, child := range n.Content {
		literal(child)
		if n.Kind == yaml.MappingNode && i%2 == 0 && child.Kind == yaml.ScalarNode && child.ShortTag() != "!!merge" {
			child.Tag = "!!str"
		}
	}
}

// yamlLine is where the parser says that it stopped. It names no column.
var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// notYAML points at the first character of the line.
func notYAML(name string, data []byte, err error) *diag.Diagnostic {
	d := &diag.Diagnostic{
		Summary: "not valid YAML: " + strings.TrimPrefix(err.Error(), "yaml: "), Try: "correct the file", File: name, Line: 1, Column: 1, Err: err,
	}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		d.Summary = "not valid YAML: " + m[2]
		d.Line, _ = strconv.Atoi(m[1]) // digits, by the pattern
	}
	lines := bytes.Split(data, []byte("\n"))
	for d.Line > 1 && (d.Line > len(lines) || len(bytes.TrimSpace(lines[d.Line-1])) == 0) {
		d.Line-- // it noticed behind the end of the text
	}
	line := lines[d.Line-1]
	d.Column = len(line) - len(bytes.TrimLeft(line, " ")) + 1
	return d
}
