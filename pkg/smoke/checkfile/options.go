package checkfile

import (
	"time"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/probe"
	"go.yaml.in/yaml/v3"
)

// options reads how to send a request, with Hurl's names.
func (r *reader) options(n *yaml.Node, request *smoke.Request, scope []string) {
	o := r.object(n, "options")
	if o == nil {
		return
	}
	o.boolean("location", &request.Follow)
	o.integer("max-redirs", &request.MaxRedirects, 0, 50)
	o.bytes("max-body", &request.MaxBody, 1, 16<<20)
	conn := &request.Connection
	for _, file := range []struct {
		key    string
		target *string
	}{{"cacert", &conn.CACert}, {"cert", &conn.Cert}, {"key", &conn.Key}} {
		if n := o.take(file.key); n != nil {
			*file.target = r.text(n, file.key, scope).String()
		}
	}
	if (conn.Cert == "") != (conn.Key == "") {
		r.fail(n, "give both", "cert and key go together")
	}
	o.boolean("insecure", &conn.Insecure)
	o.duration("connect-timeout", &conn.ConnectTimeout, 10*time.Millisecond, time.Hour)
	r.choose(o, &conn.Family, "ipv4", "4", "ipv6", "6")
	r.choose(o, &conn.HTTP, "http1.1", "1.1", "http2", "2")
	if n := o.take("resolve"); n != nil {
		conn.Resolve = r.resolve(n)
	}
	o.done()
}

// choose reads two options of which at most one is true.
func (r *reader) choose(o *object, target *string, oneKey, one, otherKey, other string) {
	var isOne, isOther bool
	o.boolean(oneKey, &isOne)
	o.boolean(otherKey, &isOther)
	switch {
	case isOne && isOther:
		r.fail(o.node, "keep one of them", "%s and %s exclude each other", oneKey, otherKey)
	case isOne:
		*target = one
	case isOther:
		*target = other
	}
}

func (r *reader) resolve(n *yaml.Node) []string {
	var entries []string
	for _, item := range r.list(n) {
		entry := r.text(item, "resolve", nil).String()
		if _, _, _, err := probe.ParseResolve(entry); err != nil {
			r.fail(item, "write host:port:address, such as api.example.com:443:10.0.0.7", "resolve %q: %s", entry, err)
			continue
		}
		entries = append(entries, entry)
	}
	return entries
}
