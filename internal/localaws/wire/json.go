package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"
)

// decodeJSON fills an SDK input from a JSON body.
func (s *ServiceInfo) decodeJSON(body []byte, dst reflect.Value) error {
	tree, err := parseJSON(body)
	if err != nil {
		return err
	}
	return decode(dst, tree, s.naming(), "")
}

// decodeNamed is decodeJSON for callers that spell members in their own way.
func decodeNamed(input reflect.Type, body []byte, spell naming) (any, error) {
	tree, err := parseJSON(body)
	if err != nil {
		return nil, err
	}
	in := reflect.New(input)
	if err := decode(in.Elem(), tree, spell, ""); err != nil {
		return nil, err
	}
	return in.Interface(), nil
}

func parseJSON(body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	if _, ok := tree.(map[string]any); !ok {
		return nil, fmt.Errorf("the body must be a JSON object, got %s", describe(tree))
	}
	return tree, nil
}

func appendJSON(out []byte, value any) []byte {
	switch v := value.(type) {
	case object:
		return appendJSONObject(out, v)
	case entries:
		return appendJSONObject(out, v)
	case []any:
		out = append(out, '[')
		for i, item := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendJSON(out, item)
		}
		return append(out, ']')
	case string:
		return appendJSONString(out, v)
	case bool:
		return strconv.AppendBool(out, v)
	case int64:
		return strconv.AppendInt(out, v, 10)
	case float64:
		return appendJSONFloat(out, v)
	case time.Time:
		return append(out, epoch(v)...)
	case []byte:
		return appendJSONString(out, base64.StdEncoding.EncodeToString(v))
	default:
		return append(out, "null"...)
	}
}

func appendJSONObject(out []byte, members []member) []byte {
	out = append(out, '{')
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendJSONString(out, m.name)
		out = append(out, ':')
		out = appendJSON(out, m.value)
	}
	return append(out, '}')
}

func appendJSONString(out []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string always marshals
	return append(out, quoted...)
}

// appendJSONFloat writes what JSON has no number for as the text that Smithy gives it.
func appendJSONFloat(out []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(out, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(out, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(out, `"-Infinity"`...)
	}
	return strconv.AppendFloat(out, f, 'f', -1, 64)
}
