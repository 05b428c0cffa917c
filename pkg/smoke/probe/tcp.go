package probe

import (
	"context"
	"net"
	"time"
)

// tcp opens a connection and closes it.
func (c *Client) tcp(ctx context.Context, r Request) (*Answer, error) {
	start := time.Now()
	conn, err := r.Connection.dial(ctx, r.Target, 0)
	if err != nil {
		return nil, fail(ctx, r.Target, err)
	}
	defer func() { _ = conn.Close() }()
	ip, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	return &Answer{URL: r.Target, IP: ip, Duration: time.Since(start)}, nil
}
