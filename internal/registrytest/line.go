package registrytest

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// Line counts what arrives at the registry and cuts connections.
type Line struct {
	// CutAfter resets every connection after that many bytes upstream; 0
	// leaves them alone.
	CutAfter atomic.Int64
	// Cuts counts the connections that were reset.
	Cuts     atomic.Int64
	upstream atomic.Int64
	mutex    sync.Mutex
	onByte   func(total int64)
}

// Upstream returns the bytes that arrived so far, headers included.
func (l *Line) Upstream() int64 { return l.upstream.Load() }

// Watch calls f with the total whenever bytes arrive.
func (l *Line) Watch(f func(total int64)) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.onByte = f
}

func (l *Line) arrived(n int) {
	total := l.upstream.Add(int64(n))
	l.mutex.Lock()
	f := l.onByte
	l.mutex.Unlock()
	if f != nil {
		f(total)
	}
}

// Listener puts the line in front of inner.
func (l *Line) Listener(inner net.Listener) net.Listener { return lineListener{inner, l} }

type lineListener struct {
	net.Listener
	line *Line
}

// Accept implements [net.Listener].
func (l lineListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // http.Server looks at the bare error
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// A short queue: what is in it at a cut was sent for nothing, as
		// little as on a real line.
		_ = tcp.SetReadBuffer(32 << 10)
	}
	return &lineConn{Conn: conn, line: l.line}, nil
}

type lineConn struct {
	net.Conn
	line *Line
	read int64
	cut  bool
}

// Read implements [net.Conn].
func (c *lineConn) Read(p []byte) (int, error) {
	limit := c.line.CutAfter.Load()
	if limit > 0 {
		if c.cut || c.read >= limit {
			return 0, c.reset()
		}
		p = p[:min(int64(len(p)), limit-c.read)]
	}
	n, err := c.Conn.Read(p)
	c.read += int64(n)
	c.line.arrived(n)
	return n, err //nolint:wrapcheck // net/http looks at the bare error
}

// reset ends the connection with a TCP reset, as a line does that drops.
func (c *lineConn) reset() error {
	if !c.cut {
		c.cut = true
		c.line.Cuts.Add(1)
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
	return syscall.ECONNRESET
}
