// Package notifytest is where messages end in tests: a mail server and a
// webhook that keep what they get.
package notifytest

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

// Mail is a mail server that takes everything.
type Mail struct {
	Port int
	// Roots hold the authority of the server's certificate, which is for
	// 127.0.0.1 and example.com.
	Roots *x509.CertPool

	options MailOptions
	tls     *tls.Config
	mu      sync.Mutex
	got     strings.Builder
	secure  bool
}

// MailOptions say how the server speaks.
type MailOptions struct {
	// TLS is "" without, "starttls", or "tls" from the first byte.
	TLS string
	// Refusal answers each RCPT, such as "550 5.1.1 no such user".
	Refusal string
}

// NewMail starts a mail server that ends with the test.
func NewMail(t testing.TB, options MailOptions) *Mail {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	m := &Mail{Port: listener.Addr().(*net.TCPAddr).Port, options: options, Roots: x509.NewCertPool()}
	authority := httptest.NewTLSServer(nil) // for its certificate only
	m.Roots.AddCert(authority.Certificate())
	m.tls = &tls.Config{Certificates: authority.TLS.Certificates, MinVersion: tls.VersionTLS12}
	authority.Close()
	if options.TLS == "tls" {
		listener, m.secure = tls.NewListener(listener, m.tls), true
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go m.talk(conn)
		}
	}()
	return m
}

// Text is all that clients have said, one line each.
func (m *Mail) Text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.got.String()
}

// Secured tells whether the last client spoke TLS.
func (m *Mail) Secured() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.secure
}

func (m *Mail) keep(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got.WriteString(text)
}

func (m *Mail) talk(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	lines := textproto.NewReader(bufio.NewReader(conn))
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	say("220 sink")
	for {
		line, err := lines.ReadLine()
		if err != nil {
			return
		}
		m.keep(line + "\n")
		switch verb := strings.ToUpper(strings.Fields(line + " ")[0]); {
		case verb == "RCPT" && m.options.Refusal != "":
			say(m.options.Refusal)
		case verb == "EHLO":
			say(m.extensions(conn))
		case verb == "STARTTLS" && m.options.TLS == "starttls":
			say("220 go on")
			secured := tls.Server(conn, m.tls)
			if secured.Handshake() != nil { //nolint:noctx // the connection has a deadline
				return
			}
			m.mu.Lock()
			m.secure = true
			m.mu.Unlock()
			conn, lines = secured, textproto.NewReader(bufio.NewReader(secured))
		case verb == "AUTH":
			say("235 welcome")
		case verb == "DATA":
			say("354 go on")
			data, _ := lines.ReadDotBytes()
			m.keep(string(data))
			say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// extensions are what the server can: AUTH always, also where a careful client
// must not use it.
func (m *Mail) extensions(conn net.Conn) string {
	if _, secured := conn.(*tls.Conn); m.options.TLS == "starttls" && !secured {
		return "250-sink\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN"
	}
	return "250-sink\r\n250 AUTH PLAIN LOGIN"
}
