package smoke

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
)

// build puts the values into a request.
func (r Request) build(v Values, jar http.CookieJar, turn int) (probe.Request, error) {
	built := probe.Request{
		Kind:         r.Kind,
		Method:       r.Method,
		URL:          withQuery(r.URL.Expand(v), r.Query, v),
		Header:       fields(r.Header, v),
		Cookies:      fields(r.Cookies, v),
		User:         r.User.Expand(v),
		Password:     r.Password.Expand(v),
		Follow:       r.Follow,
		MaxRedirects: r.MaxRedirects,
		MaxBody:      r.MaxBody,
		Target:       r.Target.Expand(v),
		RecordType:   r.RecordType,
		Server:       r.Server.Expand(v),
		Connection:   r.Connection,
		Turn:         turn,
		Jar:          jar,
	}
	if !r.Bearer.Empty() {
		built.Header = append(built.Header, probe.Field{Name: "Authorization", Value: "Bearer " + r.Bearer.Expand(v)})
	}
	contentType := ""
	switch {
	case len(r.Form) > 0:
		built.Body, contentType = formBody(r.Form, v), "application/x-www-form-urlencoded"
	case len(r.Multipart) > 0:
		body, kind, err := multipartBody(r.Multipart, v)
		if err != nil {
			return probe.Request{}, err
		}
		built.Body, contentType = body, kind
	case r.JSON != nil:
		body, err := json.Marshal(expandTree(r.JSON, v))
		if err != nil {
			return probe.Request{}, fmt.Errorf("build the JSON body: %w", err)
		}
		built.Body, contentType = body, "application/json"
	default:
		built.Body = []byte(r.Body.Expand(v))
	}
	if contentType != "" && !hasField(built.Header, "Content-Type") {
		built.Header = append(built.Header, probe.Field{Name: "Content-Type", Value: contentType})
	}
	return built, nil
}

func fields(in []Field, v Values) []probe.Field {
	var out []probe.Field
	for _, f := range in {
		out = append(out, probe.Field{Name: f.Name, Value: f.Value.Expand(v)})
	}
	return out
}

func hasField(in []probe.Field, name string) bool {
	for _, f := range in {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

// formBody encodes fields as application/x-www-form-urlencoded, in their order.
func formBody(form []Field, v Values) []byte {
	pairs := make([]string, len(form))
	for i, f := range form {
		pairs[i] = url.QueryEscape(f.Name) + "=" + url.QueryEscape(f.Value.Expand(v))
	}
	return []byte(strings.Join(pairs, "&"))
}

// withQuery adds fields to the query of an address.
func withQuery(address string, query []Field, v Values) string {
	if len(query) == 0 {
		return address
	}
	address, fragment, _ := strings.Cut(address, "#")
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	address += separator + string(formBody(query, v))
	if fragment != "" {
		address += "#" + fragment
	}
	return address
}

// expandTree puts values into the texts of a JSON tree.
func expandTree(node any, v Values) any {
	switch node := node.(type) {
	case template.Text:
		return node.Expand(v)
	case []any:
		items := make([]any, len(node))
		for i, item := range node {
			items[i] = expandTree(item, v)
		}
		return items
	case map[string]any:
		members := make(map[string]any, len(node))
		for name, member := range node {
			members[name] = expandTree(member, v)
		}
		return members
	default:
		return node
	}
}

func multipartBody(parts []Part, v Values) (body []byte, contentType string, err error) {
	var buffer bytes.Buffer
	writer := multipart.NewWriter(&buffer)
	for _, part := range parts {
		if err := writePart(writer, part, v); err != nil {
			return nil, "", fmt.Errorf("build the multipart body: %w", err)
		}
	}
	if err := writer.Close(); err != nil {
		return nil, "", fmt.Errorf("build the multipart body: %w", err)
	}
	return buffer.Bytes(), writer.FormDataContentType(), nil
}

func writePart(writer *multipart.Writer, part Part, v Values) error {
	if part.FileName == "" {
		return writer.WriteField(part.Name, part.Value.Expand(v)) //nolint:wrapcheck // wrapped by the caller
	}
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", multipart.FileContentDisposition(part.Name, part.FileName))
	header.Set("Content-Type", part.ContentType)
	w, err := writer.CreatePart(header)
	if err != nil {
		return err //nolint:wrapcheck // wrapped by the caller
	}
	_, err = w.Write(part.Content)
	return err //nolint:wrapcheck // wrapped by the caller
}
