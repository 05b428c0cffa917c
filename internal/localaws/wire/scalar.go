package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	smithytime "github.com/aws/smithy-go/time"
)

// text is a leaf of a format without types (form, XML, URL): the target decides what it means.
type text string

func asString(src any) (string, bool) {
	switch v := src.(type) {
	case string:
		return v, true
	case text:
		return string(v), true
	}
	return "", false
}

func asBool(src any) (b, ok bool) {
	switch v := src.(type) {
	case bool:
		return v, true
	case text:
		b, err := strconv.ParseBool(string(v))
		return b, err == nil
	}
	return false, false
}

func asInt(src any) (int64, bool) {
	switch v := src.(type) {
	case int64:
		return v, true
	case text:
		n, err := strconv.ParseInt(string(v), 10, 64)
		return n, err == nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, true
		}
	}
	f, ok := asFloat(src) // 5.0 and 1e3 are integers too
	if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

func asFloat(src any) (float64, bool) {
	switch v := src.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case text:
		f, err := strconv.ParseFloat(string(v), 64)
		return f, err == nil
	}
	return 0, false
}

// asTime reads seconds since the epoch, or the ISO form of the protocols that write text.
func asTime(src any) (time.Time, error) {
	if t, ok := src.(time.Time); ok {
		return t, nil
	}
	if s, ok := asString(src); ok {
		t, err := smithytime.ParseDateTime(s)
		if err != nil {
			return t, fmt.Errorf("expected a timestamp such as 2006-01-02T15:04:05Z, got %q", s)
		}
		return t, nil
	}
	if f, ok := asFloat(src); ok {
		return smithytime.ParseEpochSeconds(f), nil
	}
	return time.Time{}, fmt.Errorf("expected a timestamp, got %s", describe(src))
}

func asBlob(src any) ([]byte, error) {
	if blob, ok := src.([]byte); ok {
		return blob, nil
	}
	s, ok := asString(src)
	if !ok {
		return nil, fmt.Errorf("expected base64 text, got %s", describe(src))
	}
	blob, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("expected base64 text, got %q", s)
	}
	return blob, nil
}

// epoch writes a time as seconds with milliseconds, the JSON protocols' default.
func epoch(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
}

func describe(v any) string {
	switch v := v.(type) {
	case string, text:
		return fmt.Sprintf("%q", v)
	case []any:
		return "a list"
	case map[string]any:
		return "a structure"
	default:
		return fmt.Sprint(v)
	}
}
