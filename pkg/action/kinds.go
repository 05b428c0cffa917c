package action

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// KeyValue is one line of an input such as build-args.
type KeyValue struct{ Key, Value string }

// File is the path of an existing, readable file.
type File string

// kind is how one type of value is read.
type kind struct {
	name    string // for tables and help
	plural  string
	allowed string // "a duration", to follow "allowed is"
	example string
	ordered bool // min and max apply
	parse   func(s string) (any, error)
}

var urlType = reflect.TypeFor[*url.URL]()

var textKind = kind{name: "text", plural: "lines", allowed: "text", example: "text", parse: parseText}

var kinds = map[reflect.Type]kind{
	reflect.TypeFor[time.Duration](): {
		name: "duration", allowed: "a duration", example: "90s", ordered: true,
		parse: plain(time.ParseDuration),
	},
	reflect.TypeFor[Bytes](): {
		name: "size", allowed: "a size with its unit", example: "64MB", ordered: true,
		parse: plain(ParseBytes),
	},
	reflect.TypeFor[Rate](): {
		name: "rate", allowed: "a rate with its unit", example: "8Mbit", ordered: true,
		parse: plain(ParseRate),
	},
	reflect.TypeFor[KeyValue](): {
		name: "key=value", plural: "key=value lines", allowed: "key=value lines", example: "VERSION=1.2.3", parse: parseKeyValue,
	},
	reflect.TypeFor[File](): {
		name: "file", allowed: "the path of a file that can be read", example: "path/to/file", parse: parseFile,
	},
	urlType: {name: "URL"},
}

var basicKinds = map[reflect.Kind]kind{
	reflect.String: textKind,
	reflect.Bool: {
		name: "true or false", allowed: "true or false", example: "true", parse: plain(parseBool),
	},
	reflect.Int: {
		name: "number", allowed: "a whole number", example: "3", ordered: true,
		parse: plain(strconv.Atoi),
	},
	reflect.Int64: {
		name: "number", allowed: "a whole number", example: "3", ordered: true,
		parse: plain(func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }),
	},
	reflect.Float64: {
		name: "number", allowed: "a number", example: "0.5", ordered: true, parse: plain(parseFloat),
	},
}

// errOther is a value of another kind: what is allowed says all about it.
var errOther = errors.New("not allowed")

// plain adapts a parser whose own errors say no more than errOther.
func plain[T any](parse func(string) (T, error)) func(string) (any, error) {
	return func(s string) (any, error) {
		value, err := parse(s)
		if err != nil {
			return nil, errOther
		}
		return value, nil
	}
}

func kindOf(t reflect.Type) (kind, error) {
	if k, ok := kinds[t]; ok {
		return k, nil
	}
	if k, ok := basicKinds[t.Kind()]; ok {
		return k, nil
	}
	return kind{}, fmt.Errorf("type %s is not supported", t)
}

func urlKind(schemes []string) kind {
	example := schemes[0] + "://example.com"
	return kind{
		name: "URL", allowed: "an absolute URL with " + strings.Join(schemes, " or "), example: example,
		parse: func(s string) (any, error) {
			u, err := url.Parse(s)
			if err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "" {
				return nil, errOther
			}
			return u, nil
		},
	}
}

// parseText accepts text without control characters, but for tabs and new
// lines: others reach terminals, headers and files that do not expect them.
func parseText(s string) (any, error) {
	if !utf8.ValidString(s) {
		return nil, errors.New("not valid UTF-8")
	}
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return nil, fmt.Errorf("holds the control character %U", r)
		}
	}
	return s, nil
}

// parseBool knows the booleans of YAML's core schema, as the toolkit's
// getBooleanInput does: yes, on and 1 are typos more often than not.
func parseBool(s string) (bool, error) {
	switch s {
	case "true", "True", "TRUE":
		return true, nil
	case "false", "False", "FALSE":
		return false, nil
	default:
		return false, errOther
	}
}

func parseFloat(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, errOther
	}
	return f, nil
}

func parseKeyValue(s string) (any, error) {
	if _, err := parseText(s); err != nil {
		return nil, err
	}
	key, value, ok := strings.Cut(s, "=")
	key = strings.TrimSpace(key)
	if !ok || key == "" {
		return nil, errors.New("no key=value")
	}
	return KeyValue{Key: key, Value: strings.TrimSpace(value)}, nil
}

func parseFile(s string) (any, error) {
	if _, err := parseText(s); err != nil {
		return nil, err
	}
	path := filepath.Clean(s)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, reason(err)
	case info.IsDir():
		return nil, errors.New("a folder")
	case !info.Mode().IsRegular():
		return nil, errors.New("no regular file") // to open a pipe could wait for ever
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	_ = f.Close()
	return File(s), nil
}

// reason strips the operation and the path of a file error.
func reason(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
