// Package mysql is a client of MySQL and MariaDB servers that is as small as
// running SQL files needs: text queries, encrypted connections, and the
// authentication plugins mysql_native_password and caching_sha2_password.
//
// Sources: the protocol,
// https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html and
// https://mariadb.com/docs/server/reference/clientserver-protocol.
package mysql

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// connectLimit bounds how long connecting and logging in may take.
const connectLimit = 15 * time.Second

// Config says which server to connect to, and as whom.
type Config struct {
	// Address is host:port, or the path of a Unix socket.
	Address string
	User    string
	// Password never shows in an error.
	Password string
	// Database is the one to begin in; empty is none.
	Database string
	// TLS encrypts the connection. A server that cannot encrypt is refused,
	// unless its certificate would not be looked at either. Nil does without.
	TLS *tls.Config
}

// Conn is a connection. It is not safe for use by several goroutines, and of
// no use after an error that is no *Error.
type Conn struct {
	wire
	// local is a connection that leaves this machine at no point, encrypted
	// one that nobody reads on the way.
	local, encrypted bool
}

// Error is what a server says about a statement that it refuses.
type Error struct {
	// Code is the server's, such as 1064; see
	// https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html.
	Code int
	// State is the SQLSTATE, such as "42000".
	State   string
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("%s (error %d, %s)", e.Message, e.Code, e.State) }

// Connect connects and logs in.
func Connect(ctx context.Context, config Config) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	network := "tcp"
	if strings.HasPrefix(config.Address, "/") {
		network = "unix"
	}
	raw, err := new(net.Dialer).DialContext(ctx, network, config.Address)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the address
	}
	c := &Conn{wire: wire{conn: raw}, local: network == "unix"}
	err = c.during(ctx, func() error { return c.login(ctx, config) })
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return c, nil
}

// during runs f and breaks the connection if ctx ends before.
func (c *Conn) during(ctx context.Context, f func() error) error {
	raw := c.conn // a login puts an encrypted one over it
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	err := f()
	if !stop() && err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

// Close tells the server goodbye and closes the connection.
func (c *Conn) Close() error {
	_ = c.conn.SetDeadline(time.Now().Add(time.Second))
	_ = c.command(comQuit, "") // a connection that is broken is closed all the same
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("close the connection: %w", err)
	}
	return nil
}
