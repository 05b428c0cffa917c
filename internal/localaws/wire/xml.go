package wire

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// element writes <name>value</name>. elements holds the names of list items by "Type.Field" where they are not "member".
// anyList is what the others are called.
func appendXML(out *bytes.Buffer, name, field string, value any, elements map[string]string) {
	out.WriteString("<" + name + ">")
	switch v := value.(type) {
	case object:
		for _, m := range v {
			appendXML(out, m.name, m.field, m.value, elements)
		}
	case entries:
		for _, m := range v {
			out.WriteString("<entry>")
			appendXML(out, "key", "", m.name, elements)
			appendXML(out, "value", "", m.value, elements)
			out.WriteString("</entry>")
		}
	case []any:
		item := cmp.Or(elements[field], elements[anyList], "member")
		for _, x := range v {
			appendXML(out, item, "", x, elements)
		}
	default:
		_ = xml.EscapeText(out, []byte(xmlScalar(v))) // a Buffer never fails
	}
	out.WriteString("</" + name + ">")
}

// anyList stands for the lists that are not named.
const anyList = ""

func xmlScalar(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.999Z")
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	default:
		return ""
	}
}

// parseXML reads a document into the tree: children by name, repeated ones as a list, leaves as text.
func parseXML(body []byte) (any, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return map[string]any{}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the body is not XML: %w", err)
		}
		if _, ok := token.(xml.StartElement); ok {
			return parseElement(d, 0)
		}
	}
}

// maxDepth bounds how deep a document may nest; the deepest of AWS's have about twelve levels.
const maxDepth = 64

func parseElement(d *xml.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("the body nests deeper than %d elements", maxDepth)
	}
	var chars []byte
	children := map[string]any{}
	for {
		token, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("the body is not XML: %w", err)
		}
		switch t := token.(type) {
		case xml.CharData:
			chars = append(chars, t...)
		case xml.StartElement:
			child, err := parseElement(d, depth+1)
			if err != nil {
				return nil, err
			}
			addChild(children, t.Name.Local, child)
		case xml.EndElement:
			if len(children) == 0 {
				return text(chars), nil
			}
			return children, nil
		}
	}
}

func addChild(children map[string]any, name string, child any) {
	switch before := children[name].(type) {
	case nil:
		children[name] = child
	case []any:
		children[name] = append(before, child)
	default:
		children[name] = []any{before, child}
	}
}
