package checkfile

import (
	"net"
	"net/netip"
	"slices"

	"github.com/org/shipkit/pkg/smoke"
	"github.com/org/shipkit/pkg/smoke/probe"
	"go.yaml.in/yaml/v3"
)

// dns reads a DNS lookup and what it must give.
func (r *reader) dns(n *yaml.Node, request smoke.Request, scope []string) (smoke.Request, []smoke.Assertion) {
	request.Kind = probe.DNS
	o := r.object(n, "dns")
	if o == nil {
		return request, nil
	}
	request.Target = r.member(o, "name", scope)
	o.oneOf("type", &request.RecordType, "A", "AAAA", "CNAME", "MX", "NS", "TXT")
	if server := o.take("server"); server != nil {
		request.Server = r.text(server, "server", scope)
		if _, _, err := net.SplitHostPort(request.Server.String()); err != nil {
			r.fail(server, "write address:port, such as 10.0.0.2:53", "server is %q", request.Server)
		}
	}
	test := smoke.RecordsTest{
		Equals:   r.records(o.take("equals"), request.RecordType, scope),
		Contains: r.records(o.take("contains"), request.RecordType, scope),
	}
	o.done()
	return request, []smoke.Assertion{{Place: r.place(o.node), Severity: smoke.Fail, Test: test}}
}

// records reads DNS records; addresses in the form that a lookup gives them.
func (r *reader) records(n *yaml.Node, kind string, scope []string) []string {
	var records []string
	for _, item := range r.list(n) {
		record := r.text(item, "a record", scope).String()
		if slices.Contains([]string{"", "A", "AAAA"}, kind) {
			address, err := netip.ParseAddr(record)
			if err != nil {
				r.fail(item, "write an IP address, or another type:", "record %q is not an IP address", record)
				continue
			}
			record = address.Unmap().String()
		}
		records = append(records, record)
	}
	return records
}

// grpc reads a health check of the gRPC health protocol.
func (r *reader) grpc(n *yaml.Node, request smoke.Request, scope []string) (smoke.Request, []smoke.Assertion) {
	request.Kind = probe.GRPC
	o := r.object(n, "grpc")
	if o == nil {
		return request, nil
	}
	request.URL = r.member(o, "url", scope)
	r.checkURL(o.node, request.URL)
	if service := o.take("service"); service != nil {
		request.Target = r.text(service, "service", scope)
	}
	o.done()
	return request, []smoke.Assertion{{Place: r.place(o.node), Severity: smoke.Fail, Test: smoke.ServingTest{}}}
}
