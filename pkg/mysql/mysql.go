// Package mysql is go-mysql's client as running SQL files needs it: with
// contexts, with what encryption the server has, and with first rows alone.
package mysql

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
)

// Config says which server to connect to, and as whom.
type Config struct {
	// Address is host:port, or the path of a Unix socket.
	Address string
	// Password never shows in an error. An empty Database is none.
	User, Password, Database string
	// TLS encrypts the connection. A server that cannot encrypt is refused,
	// unless its certificate would not be looked at either. Nil does without.
	TLS *tls.Config
}

// Conn is a connection. It is not safe for use by several goroutines, and of
// no use after an error that is no *mysql.MyError, the server's own.
type Conn struct {
	raw    net.Conn
	client *client.Conn
}

// Connect connects and logs in, within 15 seconds.
func Connect(ctx context.Context, config Config) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	network := "tcp"
	if strings.HasPrefix(config.Address, "/") {
		network = "unix"
	}
	raw, err := new(net.Dialer).DialContext(ctx, network, config.Address)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the address
	}
	c := &Conn{raw: discreet{raw, config.Password + "\x00"}}
	err = c.during(ctx, func() error {
		c.client, err = client.ConnectWithDialer(ctx, network, config.Address, config.User, config.Password, config.Database,
			func(context.Context, string, string) (net.Conn, error) { return c.raw, nil },
			func(conn *client.Conn) error {
				conn.SetTLSConfig(config.TLS)
				// MariaDB does not know the library's own collation.
				return errors.Join(conn.SetCollation("utf8mb4_general_ci"), conn.SetCapability(mysql.CLIENT_MULTI_RESULTS))
			})
		return err //nolint:wrapcheck // as below
	})
	if err == nil {
		return c, nil
	}
	_ = raw.Close() // the library may have done so
	if config.TLS != nil && config.TLS.InsecureSkipVerify && strings.Contains(err.Error(), "does not support TLS") {
		config.TLS = nil
		return Connect(ctx, config)
	}
	return nil, err //nolint:wrapcheck // the caller names the server
}

// discreet is a connection over which the password does not go as it is: the
// library would tell it to whoever asks for mysql_clear_password.
type discreet struct {
	net.Conn
	password string
}

func (d discreet) Write(packet []byte) (int, error) {
	if len(packet) > 5 && string(packet[4:]) == d.password {
		return 0, errors.New("the server wants the password itself, which must not go over a connection that is not encrypted")
	}
	return d.Conn.Write(packet) //nolint:wrapcheck // it is that connection
}

// during runs f and breaks the connection if ctx ends before.
func (c *Conn) during(ctx context.Context, f func() error) (err error) {
	stop := context.AfterFunc(ctx, func() { _ = c.raw.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		var refused *mysql.MyError
		r := recover() // the library takes packets to be as long as they should
		switch stopped := stop(); {
		case r != nil:
			err = fmt.Errorf("the server's answer is malformed, is it a MySQL server? %v", r)
		case errors.As(err, &refused):
			err = refused
		case err != nil && !stopped:
			err = errors.Join(context.Cause(ctx), err)
		}
	}()
	return f()
}

// Exec runs one statement to its end and returns the first row of its first
// result that has rows, as text; nil if none has.
func (c *Conn) Exec(ctx context.Context, statement string) (first []string, err error) {
	err = c.during(ctx, func() error {
		var refused error
		_, err := c.client.ExecuteMultiple(statement, func(result *mysql.Result, err error) {
			refused = err
			if err != nil || first != nil || len(result.RowDatas) == 0 {
				return
			}
			for row := result.RowDatas[0]; len(row) > 0; {
				text, null, n, _ := mysql.LengthEncodedString(row) // the library has read it before
				if null {
					text = []byte("NULL")
				}
				first, row = append(first, string(text)), row[n:]
			}
		})
		return errors.Join(refused, err)
	})
	return first, err
}

// Close tells the server goodbye and closes the connection.
func (c *Conn) Close() {
	_ = c.raw.SetDeadline(time.Now().Add(time.Second))
	_ = c.client.Quit() // a connection that is broken is closed all the same
	_ = c.raw.Close()
}
