package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/itchyny/gojq"
)

// JQ is a compiled jq expression, https://jqlang.org/manual/. Variables and
// captured values are there as $name, never pasted into the text.
type JQ struct {
	source string
	code   *gojq.Code
	names  []string
}

// CompileJQ compiles an expression that may use the named variables.
func CompileJQ(source string, names []string) (*JQ, error) {
	query, err := gojq.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("the jq expression does not parse: %w", err)
	}
	names = slices.Clone(names)
	variables := make([]string, len(names))
	for i, name := range names {
		variables[i] = "$" + name
	}
	code, err := gojq.Compile(query, gojq.WithVariables(variables))
	if err != nil {
		return nil, fmt.Errorf("the jq expression does not compile: %w", err)
	}
	return &JQ{source, code, names}, nil
}

// String returns the expression.
func (q *JQ) String() string { return q.source }

// eval returns the first result of the expression on a JSON text.
func (q *JQ) eval(ctx context.Context, body []byte, variables map[string]string) (any, error) {
	input, err := decode(body)
	if err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	values := make([]any, len(q.names))
	for i, name := range q.names {
		values[i] = variables[name]
	}
	result, ok := q.code.RunWithContext(ctx, input, values...).Next()
	if !ok {
		return nil, errors.New("the jq expression gives nothing")
	}
	if err, failed := result.(error); failed {
		return nil, fmt.Errorf("the jq expression fails: %w", err)
	}
	return result, nil
}

// decode reads one JSON text; numbers keep all their digits.
func decode(body []byte) (any, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) // as jq does; RFC 8259 section 8.1 allows it
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, errors.New("it is empty")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err //nolint:wrapcheck // wrapped by the caller
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows it")
	}
	return value, nil
}

// text returns a result as people write it: strings bare, others as JSON.
func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	data, err := gojq.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSpace(string(data))
}
