package taskdef

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/diag"
)

// Parse reads a task definition in JSON or YAML: bare, or as the output of
// `aws ecs describe-task-definition` with taskDefinition and tags. The name
// is the file's path, for messages only.
//
// Members named in keepEmpty stay even if they are null or empty. Elsewhere
// null, empty objects, empty enumerations and empty members of the task
// itself mean "not set" and go; an empty text or list inside a container
// means something (an empty command, a variable without value) and stays.
//
// The error is a diag.List with line and column where known.
func Parse(name string, data []byte, keepEmpty ...string) (*Document, error) {
	var fields map[string]any
	var err error
	if looksLikeJSON(data) {
		fields, err = parseJSON(name, data)
	} else {
		fields, err = parseYAML(name, data)
	}
	if err != nil {
		return nil, err
	}
	return fromFields(name, unwrap(fields), keepEmpty)
}

// FromAPI turns what DescribeTaskDefinition returned into a document.
func FromAPI(definition *types.TaskDefinition, tags []types.Tag) (*Document, error) {
	body, err := json.Marshal(definition)
	if err != nil {
		return nil, fmt.Errorf("encode task definition: %w", err)
	}
	var fields map[string]any
	if err := decode(body, &fields); err != nil {
		return nil, fmt.Errorf("read task definition: %w", err)
	}
	if len(tags) > 0 {
		list := make([]any, 0, len(tags))
		for _, tag := range tags {
			if tag.Key == nil || strings.HasPrefix(*tag.Key, "aws:") {
				continue
			}
			item := map[string]any{"key": *tag.Key}
			if tag.Value != nil {
				item["value"] = *tag.Value
			}
			list = append(list, item)
		}
		fields["tags"] = list
	}
	return fromFields("task definition", fields, nil)
}

// fromFields normalises and checks the decoded members.
func fromFields(name string, fields map[string]any, keepEmpty []string) (*Document, error) {
	n := newNormalizer(keepEmpty)
	out := n.document(fields)
	for i, problem := range n.problems {
		n.problems[i].Summary = name + ": " + problem.Summary
	}
	if err := n.problems.Err(); err != nil {
		return nil, err
	}
	d := &Document{fields: out, Unknown: n.unknown}
	if list, ok := out["containerDefinitions"].([]any); !ok || len(list) == 0 {
		return nil, &diag.Diagnostic{
			Summary: name + ": containerDefinitions is missing or empty",
			Try:     "give a task definition as `aws ecs describe-task-definition` prints it",
		}
	}
	return d, nil
}

// unwrap accepts both shapes of the output of describe-task-definition.
func unwrap(fields map[string]any) map[string]any {
	for key, value := range fields {
		inner, ok := value.(map[string]any)
		if !ok || !strings.EqualFold(key, "taskDefinition") {
			continue
		}
		for key, value := range fields {
			if strings.EqualFold(key, "tags") {
				inner["tags"] = value
			}
		}
		return inner
	}
	return fields
}

func looksLikeJSON(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))), []byte("{"))
}

func parseJSON(name string, data []byte) (map[string]any, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var fields map[string]any
	err := decoder.Decode(&fields)
	if err == nil {
		rest := decoder.InputOffset()
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return nil, malformed(name, data, rest+1, "text after the end of the JSON object", nil)
		}
		return fields, nil
	}
	offset := int64(len(data))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	}
	return nil, malformed(name, data, offset, "not valid JSON: "+err.Error(), err)
}

// malformed points at a byte, counted from 1.
func malformed(name string, data []byte, offset int64, summary string, err error) *diag.Diagnostic {
	before := data[:min(max(offset-1, 0), int64(len(data)))]
	return &diag.Diagnostic{
		Summary: summary,
		Try:     "correct the file, for instance with `jq . " + name + "`",
		File:    name,
		Line:    bytes.Count(before, []byte("\n")) + 1,
		Column:  len(before) - bytes.LastIndexByte(before, '\n'),
		Err:     err,
	}
}
