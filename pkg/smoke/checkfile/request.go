package checkfile

import (
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/probe"
	"github.com/org/shipkit/pkg/smoke/template"
	"go.yaml.in/yaml/v3"
)

// request reads the question of a step: url, tcp, dns or grpc. The kinds other
// than HTTP bring their own assertion.
func (r *reader) request(o *object, base smoke.Request, scope []string) (smoke.Request, []smoke.Assertion) {
	request := base
	request.Header = slices.Clone(base.Header)
	request.Connection.Resolve = slices.Clone(base.Connection.Resolve)
	r.common(o, &request, scope)
	address, tcp, dns, grpc := o.take("url"), o.take("tcp"), o.take("dns"), o.take("grpc")
	kinds := 0
	for _, n := range []*yaml.Node{address, tcp, dns, grpc} {
		if n != nil {
			kinds++
		}
	}
	if kinds != 1 {
		r.fail(o.node, "give one of url, tcp, dns, grpc", "%s asks %d things", o.what, kinds)
		return request, nil
	}
	switch {
	case tcp != nil:
		request.Kind, request.Target = probe.TCP, r.text(tcp, "tcp", scope)
		if _, _, err := net.SplitHostPort(request.Target.String()); err != nil && len(request.Target.Refs()) == 0 {
			r.fail(tcp, "write host:port", "tcp is %q", request.Target)
		}
		return request, nil
	case dns != nil:
		return r.dns(dns, request, scope)
	case grpc != nil:
		return r.grpc(grpc, request, scope)
	default:
		r.http(o, address, &request, scope)
		return request, nil
	}
}

// common reads what every request and the defaults may have.
func (r *reader) common(o *object, request *smoke.Request, scope []string) {
	if n := o.take("headers"); n != nil {
		request.Header = override(request.Header, r.fields(n, "headers", scope))
	}
	if n := o.take("bearer"); n != nil {
		request.Bearer = r.text(n, "bearer", scope)
	}
	if n := o.take("basic-auth"); n != nil {
		if auth := r.object(n, "basic-auth"); auth != nil {
			request.User = r.member(auth, "user", scope)
			request.Password = r.member(auth, "password", scope)
			auth.done()
		}
	}
	if n := o.take("options"); n != nil {
		r.options(n, request, scope)
	}
}

// member reads a text that must be there.
func (r *reader) member(o *object, key string, scope []string) template.Text {
	n := o.take(key)
	if n == nil {
		r.fail(o.node, "add "+key+":", "%s has no %s", o.what, key)
		return template.Text{}
	}
	return r.text(n, key, scope)
}

// override returns base with the fields of more instead of those with the
// same names.
func override(base, more []smoke.Field) []smoke.Field {
	kept := slices.DeleteFunc(slices.Clone(base), func(f smoke.Field) bool {
		return slices.ContainsFunc(more, func(m smoke.Field) bool { return strings.EqualFold(m.Name, f.Name) })
	})
	return append(kept, more...)
}

func (r *reader) fields(n *yaml.Node, what string, scope []string) []smoke.Field {
	o := r.object(n, what)
	if o == nil {
		return nil
	}
	var fields []smoke.Field
	for _, key := range o.keys {
		fields = append(fields, smoke.Field{Name: key.Value, Value: r.text(o.take(key.Value), what+" "+key.Value, scope)})
	}
	return fields
}

func (r *reader) http(o *object, address *yaml.Node, request *smoke.Request, scope []string) {
	request.Kind, request.URL = probe.HTTP, r.text(address, "url", scope)
	r.checkURL(address, request.URL)
	set(o, "method", &request.Method, func(s string) (string, error) {
		if !probe.ValidMethod(s) {
			return "", errOutside
		}
		return s, nil
	}, "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS")
	bodies := 0
	for _, key := range []string{"body", "json", "form", "multipart"} {
		if o.has(key) {
			bodies++
		}
	}
	if bodies > 1 {
		r.fail(o.node, "keep one of body, json, form, multipart", "%s has %d bodies", o.what, bodies)
	}
	if bodies > 0 && !o.has("method") {
		request.Method = "POST"
	}
	if n := o.take("query"); n != nil {
		request.Query = r.fields(n, "query", scope)
	}
	if n := o.take("cookies"); n != nil {
		request.Cookies = r.fields(n, "cookies", scope)
	}
	if n := o.take("body"); n != nil {
		request.Body = r.text(n, "body", scope)
	}
	if n := o.take("json"); n != nil {
		request.JSON = r.tree(n, scope, 0)
	}
	if n := o.take("form"); n != nil {
		request.Form = r.fields(n, "form", scope)
	}
	if n := o.take("multipart"); n != nil {
		request.Multipart = r.multipart(n, scope)
	}
}

// checkURL looks at an address as far as it is known before the run.
func (r *reader) checkURL(n *yaml.Node, address template.Text) {
	if address.Empty() || len(address.Refs()) > 0 {
		return
	}
	u, err := url.Parse(address.String())
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		r.fail(n, "write https://host/path", "url %q is not an http:// or https:// address", probe.Address(address.String()))
	}
}

// maxDepth bounds the nesting of a json body; a circle of aliases has no end.
const maxDepth = 50

// tree reads a json body, which is written as YAML. References may stand in
// its strings.
func (r *reader) tree(n *yaml.Node, scope []string, depth int) any {
	n = r.follow(n)
	if depth == maxDepth {
		r.fail(n, "", "json is nested deeper than %d", maxDepth)
		r.nodes = maxNodes + 1 // a circle of aliases meets this depth without end
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		members := map[string]any{}
		if o := r.object(n, "json"); o != nil {
			for _, key := range o.keys {
				members[key.Value] = r.tree(o.take(key.Value), scope, depth+1)
			}
		}
		return members
	case yaml.SequenceNode:
		items := make([]any, len(n.Content))
		for i, item := range n.Content {
			items[i] = r.tree(item, scope, depth+1)
		}
		return items
	default:
		return r.leaf(n, scope)
	}
}

func (r *reader) leaf(n *yaml.Node, scope []string) any {
	var value any
	if err := n.Decode(&value); err != nil {
		r.fail(n, "quote it", "%q is not a JSON value", n.Value)
		return nil
	}
	switch value.(type) {
	case nil, bool, int, int64, uint64, float64:
		return value
	default:
		return r.bind(n, n.Value, "json", scope)
	}
}

// maxFile bounds a file that a multipart body sends.
const maxFile = 16 << 20

func (r *reader) multipart(n *yaml.Node, scope []string) []smoke.Part {
	o := r.object(n, "multipart")
	if o == nil {
		return nil
	}
	var parts []smoke.Part
	for _, key := range o.keys {
		value := o.take(key.Value)
		if r.follow(value).Kind == yaml.ScalarNode {
			parts = append(parts, smoke.Part{Name: key.Value, Value: r.text(value, key.Value, scope)})
			continue
		}
		parts = append(parts, r.filePart(key.Value, value))
	}
	return parts
}

func (r *reader) filePart(name string, n *yaml.Node) smoke.Part {
	part := smoke.Part{Name: name, ContentType: "application/octet-stream"}
	o := r.object(n, "part "+name)
	if o == nil {
		return part
	}
	path := ""
	set(o, "file", &path, asIs, "a path")
	set(o, "content-type", &part.ContentType, asIs, "a media type")
	o.done()
	content, err := readFile(path)
	if err != nil {
		r.fail(n, "write file: with the path of a file of at most 16 MB", "part %s: %s", name, err)
	}
	part.FileName, part.Content = filepath.Base(path), content
	return part
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the user's own file
	if err != nil {
		return nil, err //nolint:wrapcheck // wrapped by the caller
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = errOutside
	}
	return content, err //nolint:wrapcheck // wrapped by the caller
}
