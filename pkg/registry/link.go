package registry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// LinkOptions tune a [Link]. The zero value works.
type LinkOptions struct {
	// BytesPerSecond caps what goes up, headers included; 0 means no cap.
	BytesPerSecond int64
	// Concurrent is the number of uploads at a time; 0 means 2.
	Concurrent int
	// Stall is how long a connection may move nothing before it is cut and
	// tried anew; 0 means 30 seconds.
	Stall time.Duration
	// Answer is how long a registry may take to answer a request that it got
	// whole, such as the commit of a large blob; 0 means 5 minutes.
	Answer time.Duration
	// Transport is copied for its proxy and TLS settings; nil means the
	// default transport.
	Transport *http.Transport
}

// Link is the way to the registries: all requests of a push go through one.
// It is an [http.RoundTripper].
type Link struct {
	transport      *http.Transport
	limiter        *rate.Limiter
	stall          time.Duration
	sent, received atomic.Int64
	notBefore      atomic.Int64
	// silent tells that a server did not say 100 Continue before it took a piece.
	silent atomic.Bool
	slots  chan struct{}
}

var _ http.RoundTripper = (*Link)(nil)

// NewLink returns a link that has moved no byte.
func NewLink(o LinkOptions) *Link {
	if o.Concurrent == 0 {
		o.Concurrent = 2
	}
	if o.Stall == 0 {
		o.Stall = 30 * time.Second
	}
	if o.Answer == 0 {
		o.Answer = 5 * time.Minute
	}
	base := o.Transport
	if base == nil {
		base = http.DefaultTransport.(*http.Transport)
	}
	l := &Link{transport: base.Clone(), stall: o.Stall, slots: make(chan struct{}, o.Concurrent)}
	if o.BytesPerSecond > 0 {
		l.limiter = rate.NewLimiter(rate.Limit(o.BytesPerSecond), pieceSize)
	}
	l.transport.DialContext = l.dial
	// One connection an upload: a drop then costs one upload, not all, and a
	// server's HTTP/2 flow control does not stand between us and the line.
	l.transport.ForceAttemptHTTP2 = false
	l.transport.Protocols = new(http.Protocols)
	l.transport.Protocols.SetHTTP1(true)
	l.transport.ResponseHeaderTimeout = o.Answer
	l.transport.ExpectContinueTimeout = 2 * time.Second
	l.transport.WriteBufferSize = 2 * pieceSize
	l.transport.MaxIdleConnsPerHost = o.Concurrent + 1
	return l
}

// Sent returns the bytes written to the network so far: everything above TCP,
// with headers, TLS and what a drop made us send twice.
func (l *Link) Sent() int64 { return l.sent.Load() }

// Received returns the bytes read from the network so far.
func (l *Link) Received() int64 { return l.received.Load() }

// Close closes the connections that wait for a next request.
func (l *Link) Close() { l.transport.CloseIdleConnections() }

// RoundTrip implements [http.RoundTripper]. A request that comes a second
// time, because its token had run out, starts its body anew.
func (l *Link) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("open the body of a request again: %w", err)
		}
		_ = req.Body.Close()
		req = req.Clone(req.Context())
		req.Body = body
	}
	resp, err := l.transport.RoundTrip(req)
	if err != nil {
		return nil, err //nolint:wrapcheck // http.Client adds method and address
	}
	l.heed(resp)
	return resp, nil
}

// acquire waits for one of the upload slots.
func (l *Link) acquire(ctx context.Context) (release func(), err error) {
	select {
	case l.slots <- struct{}{}:
		return func() { <-l.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a free upload: %w", ctx.Err())
	}
}

func (l *Link) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: l.stall, KeepAlive: 15 * time.Second, Control: socketOptions(l.stall)}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &countedConn{Conn: conn, link: l}, nil
}

// pieceSize is how many bytes are written before the limit and the stall
// clock are looked at again.
const pieceSize = 16 * kib

// countedConn counts, paces and watches one connection.
type countedConn struct {
	net.Conn
	link *Link
}

// Read implements [net.Conn].
func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.link.received.Add(int64(n))
	return n, err //nolint:wrapcheck // net/http looks at the bare error
}

// Write implements [net.Conn]. It fails with [ErrStalled] when the other side
// takes nothing for the link's stall time.
func (c *countedConn) Write(p []byte) (written int, err error) {
	for written < len(p) {
		piece := p[written:min(written+pieceSize, len(p))]
		if c.link.limiter != nil {
			time.Sleep(c.link.limiter.ReserveN(time.Now(), len(piece)).Delay())
		}
		if err := c.SetWriteDeadline(time.Now().Add(c.link.stall)); err != nil {
			return written, err //nolint:wrapcheck // net/http looks at the bare error
		}
		n, err := c.Conn.Write(piece)
		written += n
		c.link.sent.Add(int64(n))
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return written, fmt.Errorf("%w for %s", ErrStalled, c.link.stall)
		}
		if err != nil {
			return written, err //nolint:wrapcheck // net/http looks at the bare error
		}
	}
	return written, nil
}

// ErrStalled tells that a connection took no byte for the link's stall time.
var ErrStalled = errors.New("the connection moved nothing")
