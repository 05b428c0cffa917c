// Package probe puts one question to a service (an HTTP request, a TCP
// connection, a DNS lookup, a gRPC health check) and returns what it answered,
// within bounds that hold whatever the other side sends.
//
// It does not judge: a status of 500 is an answer, not an error.
package probe

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Kind is the sort of question.
type Kind string

// The kinds of request.
const (
	HTTP Kind = "http"
	TCP  Kind = "tcp"
	DNS  Kind = "dns"
	GRPC Kind = "grpc"
)

// Field is one header field or cookie. Order is kept and names may repeat.
type Field struct{ Name, Value string }

// Request is one question, ready to send.
type Request struct {
	Kind Kind

	// Method, URL, Header, Cookies and Body are the HTTP request. A gRPC health
	// check uses URL (http:// for clear text, https:// for TLS) and Header.
	Method  string
	URL     string
	Header  []Field
	Cookies []Field
	Body    []byte
	// User and Password are basic authentication if User is not empty.
	User, Password string

	// Follow follows up to MaxRedirects redirects. Header fields other than the
	// negotiation ones, cookies and the body never go to another origin.
	Follow       bool
	MaxRedirects int
	// MaxBody is how many bytes of the decoded body are read and kept.
	MaxBody int64

	// Target is the host:port of a TCP check, the name of a DNS check, the
	// service name of a gRPC health check ("" for the whole server).
	Target string
	// RecordType is A, AAAA, CNAME, MX, NS or TXT; "" means A and AAAA.
	RecordType string
	// Server is the host:port of the DNS server; "" means the system's.
	Server string

	// Connection says how to reach the other side.
	Connection Connection
	// Turn above 0 opens a new connection and closes it afterwards. It goes to
	// the Turn-th address of a name that has several, so that turns one after
	// the other reach every address.
	Turn int
	// Jar keeps cookies between the requests of one check. It may be nil.
	Jar http.CookieJar
}

// Connection says how to reach a host. Its zero value is a plain connection
// with the system's certificates and either address family.
type Connection struct {
	// CACert, Cert and Key are paths of PEM files: extra certificate
	// authorities, and the client's certificate and key (mutual TLS).
	CACert, Cert, Key string
	// Insecure accepts any server certificate.
	Insecure bool
	// Family is "4" or "6" to allow one address family only.
	Family string
	// HTTP is "1.1" or "2" to allow one protocol only; "2" over http:// means
	// prior knowledge (RFC 9113 section 3.3).
	HTTP string
	// Resolve has entries host:port:address, as curl's --resolve.
	Resolve []string
	// ConnectTimeout bounds the TCP connection and the TLS handshake, each.
	ConnectTimeout time.Duration
}

// Redirect is one hop that was followed or refused.
type Redirect struct {
	Status   int    `json:"status"`
	Location string `json:"location"`
}

// Certificate is what TLS checks look at of the server's leaf certificate.
type Certificate struct {
	Subject  string
	Issuer   string
	DNSNames []string
	NotAfter time.Time
	// Valid tells whether the certificate is good for the given host.
	Valid func(host string) error
}

// Answer is what came back.
type Answer struct {
	Status int
	// HTTPVersion is "1.0", "1.1" or "2".
	HTTPVersion string
	Header      http.Header
	// Body holds at most Request.MaxBody bytes.
	Body []byte
	// Cut tells that the body is longer than Body.
	Cut bool
	// Size is the length of the body in bytes: declared by the server if Cut,
	// else counted. It is -1 if Cut and not declared.
	Size int64
	// URL is the address that answered, after redirects.
	URL       string
	Redirects []Redirect
	// Certificate is nil without TLS.
	Certificate *Certificate
	// IP is the address that was connected to.
	IP string
	// Values are the records of a DNS check, sorted.
	Values []string
	// Serving is the state that a gRPC health check reported, such as SERVING.
	Serving string
	// Duration runs from the first connection to the last byte read.
	Duration time.Duration
}

// Client sends requests. It keeps connections open between requests with the
// same Connection; Close drops them.
type Client struct {
	// Proxy chooses the proxy of a request, as http.Transport.Proxy. Nil means
	// none.
	Proxy func(*http.Request) (*url.URL, error)
	pool  pool
}

// Probe sends one request. Its error is an *Error.
func (c *Client) Probe(ctx context.Context, r Request) (*Answer, error) {
	switch r.Kind {
	case TCP:
		return c.tcp(ctx, r)
	case DNS:
		return c.dns(ctx, r)
	case GRPC:
		return c.grpc(ctx, r)
	default:
		return c.http(ctx, r)
	}
}

// Close drops idle connections.
func (c *Client) Close() { c.pool.close() }
