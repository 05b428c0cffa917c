package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxHeader bounds the header block of an answer in bytes. Real ones stay
// under 16 KiB; Go's own bound is 10 MB.
const maxHeader = 256 << 10

const defaultConnectTimeout = 10 * time.Second

// pool keeps one transport per distinct Connection.
type pool struct {
	mu         sync.Mutex
	transports map[string]*http.Transport
}

// transport returns the transport for r and a function that ends its use.
func (c *Client) transport(r Request) (*http.Transport, func(), error) {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	if r.Turn > 0 {
		t, err := c.newTransport(r.Connection, r.Turn)
		if err != nil {
			return nil, nil, err
		}
		t.DisableKeepAlives = r.Connection.HTTP == "1.1"
		return t, t.CloseIdleConnections, nil
	}
	key := fmt.Sprintf("%#v", r.Connection)
	if t, ok := c.pool.transports[key]; ok {
		return t, func() {}, nil
	}
	t, err := c.newTransport(r.Connection, 0)
	if err != nil {
		return nil, nil, err
	}
	if c.pool.transports == nil {
		c.pool.transports = map[string]*http.Transport{}
	}
	c.pool.transports[key] = t
	return t, func() {}, nil
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.transports {
		t.CloseIdleConnections()
	}
}

func (c *Client) newTransport(conn Connection, turn int) (*http.Transport, error) {
	config, err := tlsConfig(conn)
	if err != nil {
		return nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(conn.HTTP != "2")
	protocols.SetHTTP2(conn.HTTP != "1.1")
	protocols.SetUnencryptedHTTP2(conn.HTTP == "2")
	t := &http.Transport{
		TLSClientConfig:        config,
		Protocols:              protocols,
		TLSHandshakeTimeout:    conn.connectTimeout(),
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        30 * time.Second,
		DisableCompression:     true, // decoded here, within bounds
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return conn.dial(ctx, address, turn)
		},
	}
	if c.Proxy != nil && len(conn.Resolve) == 0 {
		t.Proxy = c.Proxy
	}
	return t, nil
}

func tlsConfig(conn Connection) (*tls.Config, error) {
	config := &tls.Config{InsecureSkipVerify: conn.Insecure} //nolint:gosec // only when the user says insecure
	if conn.CACert != "" {
		pem, err := os.ReadFile(conn.CACert)
		if err != nil {
			return nil, fmt.Errorf("read the CA certificates: %w", err)
		}
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the CA certificates: %s holds no PEM certificate", conn.CACert)
		}
		config.RootCAs = roots
	}
	if conn.Cert != "" {
		pair, err := tls.LoadX509KeyPair(conn.Cert, conn.Key)
		if err != nil {
			return nil, fmt.Errorf("read the client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func (c Connection) connectTimeout() time.Duration {
	if c.ConnectTimeout > 0 {
		return c.ConnectTimeout
	}
	return defaultConnectTimeout
}

// dial connects to host:port by way of Resolve and Family. A turn above 0
// starts at that address of the name's.
func (c Connection) dial(ctx context.Context, address string, turn int) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if to := c.override(host, port); to != "" {
		host, turn = to, 0
	}
	dialer := net.Dialer{Timeout: c.connectTimeout()}
	network := "tcp" + c.Family
	if turn > 0 && net.ParseIP(host) == nil {
		addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip"+c.Family, host)
		if err == nil && len(addresses) > 1 {
			one := inTurn(addresses, turn).Unmap().String()
			if conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(one, port)); err == nil {
				return conn, nil
			}
		}
	}
	conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}

// inTurn picks an address. DNS servers rotate theirs with every answer: in
// their order, turns one after the other could all meet the same one.
func inTurn(addresses []netip.Addr, turn int) netip.Addr {
	return slices.SortedFunc(slices.Values(addresses), netip.Addr.Compare)[turn%len(addresses)]
}

// override returns the address that Resolve gives for host:port, or "".
func (c Connection) override(host, port string) string {
	for _, entry := range c.Resolve {
		h, p, to, err := ParseResolve(entry)
		if err == nil && strings.EqualFold(h, host) && p == port {
			return to
		}
	}
	return ""
}

// ParseResolve splits host:port:address; the address may be an IPv6 address
// in brackets.
func ParseResolve(entry string) (host, port, address string, err error) {
	parts := strings.SplitN(entry, ":", 3)
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return "", "", "", errors.New("want host:port:address")
	}
	address = strings.TrimSuffix(strings.TrimPrefix(parts[2], "["), "]")
	if net.ParseIP(address) == nil {
		return "", "", "", fmt.Errorf("%q is not an IP address", parts[2])
	}
	return parts[0], parts[1], address, nil
}
