package mysql

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	password = "p@ss/word's"

	// greeting is what MySQL 9.7.4 says first.
	greeting = "\x0a9.7.4-2\x00\x0e\x00\x00\x00\x7ep\x01\x11\x08O\\d\x00\xff\xff\xff\x02\x00\xff\xdf\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"O<8[NUF\x0c\x06:;\x02\x00caching_sha2_password\x00"
	// proof is of the password, as that server accepted it.
	proof = "\xae\x08\x84\xc4\x9b\x8cQ^E\xc4\xb9\xb2\xf6I\x97\xa0\xca\x90\xbb8Z\xfb\xf2s\x95\x86k \x04\xf7\x7f\xd8"
	ok    = "\x00\x00\x00\x02\x00\x00\x00"
)

// plain is greeting without TLS among the capabilities.
var plain = strings.Replace(greeting, "\x00\xff\xff", "\x00\xff\xf7", 1)

// server answers a connection with each function, one after the other, and
// returns how to reach it.
func server(t *testing.T, serve ...func(net.Conn) error) Config {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var errs []error
		for i := range serve {
			conn, err := l.Accept()
			if err == nil {
				err = errors.Join(serve[i](conn), conn.Close())
			}
			errs = append(errs, err)
		}
		done <- errors.Join(errs...)
	}()
	t.Cleanup(func() {
		_ = l.Close()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	return Config{Address: l.Addr().String(), User: "shop", Password: password, Database: "shop"}
}

// send writes a packet.
func send(conn net.Conn, sequence byte, payload string) error {
	_, err := io.WriteString(conn, string([]byte{byte(len(payload)), byte(len(payload) >> 8), 0, sequence})+payload)
	return err
}

// receive reads a packet.
func receive(conn net.Conn) (string, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil {
		return "", err
	}
	payload := make([]byte, int(head[0])|int(head[1])<<8)
	_, err := io.ReadFull(conn, payload)
	return string(payload), err
}

// login takes a client to where it has shown a proof of its password.
func login(conn net.Conn) error {
	if err := send(conn, 0, plain); err != nil {
		return err
	}
	answer, err := receive(conn)
	switch {
	case err != nil:
		return err
	case len(answer) < 9 || answer[8] != 45:
		return errors.New("the collation is not utf8mb4_general_ci")
	case !strings.Contains(answer, proof):
		return errors.New("the proof is wrong")
	}
	return nil
}

// nothing is an error if the client says anything more.
func nothing(conn net.Conn) error {
	rest, _ := io.ReadAll(conn) //nolint:errcheck // the client may reset it
	if len(rest) > 0 {
		return errors.New("the client went on with " + hex.EncodeToString(rest))
	}
	return nil
}

// TestServerWithoutTLS: it is good enough where its certificate would not be
// looked at, and only there.
func TestServerWithoutTLS(t *testing.T) {
	refused := func(conn net.Conn) error { return errors.Join(send(conn, 0, plain), nothing(conn)) }
	taken := func(conn net.Conn) error {
		err := errors.Join(login(conn), send(conn, 2, ok))
		if quit, end := receive(conn); end != nil || quit != "\x01" {
			err = errors.Join(err, fmt.Errorf("at the end the client said %q, %w", quit, end))
		}
		return err
	}
	config := server(t, refused, taken)
	config.TLS = &tls.Config{InsecureSkipVerify: true}
	conn, err := Connect(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()

	config = server(t, refused)
	config.TLS = &tls.Config{ServerName: "db"}
	if _, err := Connect(t.Context(), config); err == nil || !strings.Contains(err.Error(), "does not support TLS") {
		t.Errorf("got %v", err)
	}
}

// TestPasswordInFull: a server that does not remember the password gets it over
// an encrypted connection.
func TestPasswordInFull(t *testing.T) {
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	config := server(t, func(conn net.Conn) error {
		err := send(conn, 0, greeting)
		_, wished := receive(conn)
		over := tls.Server(conn, web.TLS)
		_, proven := receive(over)
		err = errors.Join(err, wished, proven, send(over, 3, "\x01\x04"))
		if full, end := receive(over); end != nil || full != password+"\x00" {
			err = errors.Join(err, fmt.Errorf("asked for the password, the client said %q, %w", full, end))
		}
		return errors.Join(err, send(over, 5, ok), nothing(conn))
	})
	config.TLS = &tls.Config{InsecureSkipVerify: true}
	conn, err := Connect(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.raw.Close()
}

// TestLoginRefused: whatever a server says, the password is not told, and
// there is an end.
func TestLoginRefused(t *testing.T) {
	for name, test := range map[string]struct {
		greeting, answer string // of the server, the latter to the login
		want             string
	}{
		"wrong password":        {plain, "\xff\x15\x04#28000Access denied for user 'shop'", "ERROR 1045 (28000): Access denied for user 'shop'"},
		"clear password":        {plain, "\xfemysql_clear_password\x00", "must not go over a connection that is not encrypted"},
		"an unknown plugin":     {plain, "\xfedialog\x00abc", "'dialog' is not supported"},
		"no TLS, so it says":    {plain, "\xff\x15\x04#28000does not support TLS", "does not support TLS"},
		"an empty packet":       {plain, "", "is it a MySQL server?"},
		"a greeting cut short":  {plain[:20], "", "is it a MySQL server?"},
		"a greeting of nothing": {"", "", "is it a MySQL server?"},
		"a key that is none":    {plain, "\xfesha256_password\x00" + strings.Repeat("s", 20), "is it a MySQL server?"},
	} {
		t.Run(name, func(t *testing.T) {
			config := server(t, func(conn net.Conn) error {
				if test.greeting != plain {
					return errors.Join(send(conn, 0, test.greeting), nothing(conn))
				}
				err := errors.Join(login(conn), send(conn, 2, test.answer))
				if strings.Contains(test.answer, "sha256") {
					_, asked := receive(conn)
					return errors.Join(err, asked, send(conn, 4, "\x01no key"), nothing(conn))
				}
				return errors.Join(err, nothing(conn))
			})
			_, err := Connect(t.Context(), config)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), password) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestCancelEndsAWait: of a login, of an encryption, and of a statement.
func TestCancelEndsAWait(t *testing.T) {
	for name, before := range map[string]func(net.Conn) error{
		"login": func(net.Conn) error { return nil },
		"encryption": func(conn net.Conn) error {
			err := send(conn, 0, greeting)
			_, wished := receive(conn)
			return errors.Join(err, wished)
		},
		"statement": func(conn net.Conn) error {
			err := errors.Join(login(conn), send(conn, 2, ok))
			_, asked := receive(conn)
			return errors.Join(err, asked)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			config := server(t, func(conn net.Conn) error {
				err := before(conn)
				cancel()
				_, _ = io.Copy(io.Discard, conn) // and says nothing at all
				return err
			})
			if name == "encryption" {
				config.TLS = &tls.Config{ServerName: "db"}
			}
			conn, err := Connect(ctx, config)
			if name == "statement" && err == nil {
				_, err = conn.Exec(ctx, "select sleep(100)")
				conn.Close()
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
}
