package mysql

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What MySQL 9.7.4 said and accepted for the user shop with this password.
const (
	password = "p@ss/word's"

	recordedGreeting = "4b0000000a392e372e342d32000e0000007e700111084f5c6400ffffff0200ffdf15000000000000000000004f3c385b4e55460c063a3b02" +
		"0063616368696e675f736861325f70617373776f726400"
	recordedLogin = "610000010da20a00ffffff002d000000000000000000000000000000000000000000000073686f700020ae0884c49b8c515e45c4b9b2f64997" +
		"a0ca90bb385afbf27395866b2004f77fd873686f700063616368696e675f736861325f70617373776f726400"
	recordedKnown = "020000020103" + "0700000300000002000000"
)

func bytesOf(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// server lets serve answer one connection and returns how to reach it.
func server(t *testing.T, serve func(net.Conn) error) Config {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			err = errors.Join(serve(conn), conn.Close())
		}
		done <- err
	}()
	t.Cleanup(func() {
		_ = l.Close()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	return Config{Address: l.Addr().String(), User: "shop", Password: password, Database: "shop"}
}

// expect reads what a client must send.
func expect(conn io.Reader, want []byte) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("the client sent " + hex.EncodeToString(got))
	}
	return nil
}

func TestLoginAsMySQLAcceptedIt(t *testing.T) {
	config := server(t, func(conn net.Conn) error {
		_, greeted := conn.Write(bytesOf(t, recordedGreeting))
		sent := expect(conn, bytesOf(t, recordedLogin))
		_, admitted := conn.Write(bytesOf(t, recordedKnown))
		return errors.Join(greeted, sent, admitted, expect(conn, []byte{1, 0, 0, 0, comQuit}))
	})
	conn, err := Connect(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// TestLoginByAnotherPlugin: a server whose users have caching_sha2_password
// unless they have mysql_native_password, which MariaDB 10.11 accepted so.
func TestLoginByAnotherPlugin(t *testing.T) {
	config := server(t, func(conn net.Conn) error {
		_, greeted := conn.Write(bytesOf(t, "640000000a352e352e352d31302e31312e31392d4d6172696144422d302b646562313275310005000000535e5f436e21577300feff2d0200ff81150000"+
			"000000001d0000005b505e66685658354021222600"+hex.EncodeToString([]byte("caching_sha2_password"))+"00"))
		sent := expect(conn, bytesOf(t, "610000010da20a00ffffff002d000000000000000000000000000000000000000000000073686f700020319218f89472078d2f34133d9acfa2021b6b6f79"+
			"9c7913154f074994aeaa099973686f700063616368696e675f736861325f70617373776f726400"))
		_, other := conn.Write(bytesOf(t, "2c000002fe6d7973716c5f6e61746976655f70617373776f726400535e5f436e2157735b505e66685658354021222600"))
		again := expect(conn, bytesOf(t, "140000031ca8624e94f197d92f359a2a1553798683ccb4c4"))
		_, admitted := conn.Write(bytesOf(t, "0700000400000002000000"))
		return errors.Join(greeted, sent, other, again, admitted, expect(conn, []byte{1, 0, 0, 0, comQuit}))
	})
	conn, err := Connect(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// TestPasswordInFull: a server that does not remember the password gets it,
// but over an encrypted connection only.
func TestPasswordInFull(t *testing.T) {
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	wish := append([]byte{32, 0, 0, 1}, bytesOf(t, recordedLogin)[4:36]...)
	wish[5] |= encryption >> 8
	config := server(t, func(conn net.Conn) error {
		_, greeted := conn.Write(bytesOf(t, recordedGreeting))
		wished := expect(conn, wish)
		over := tls.Server(conn, web.TLS)
		login := bytesOf(t, recordedLogin)
		login[3], login[5] = 2, wish[5]
		sent := expect(over, login)
		_, asked := over.Write([]byte{2, 0, 0, 3, isMore, inFull})
		full := expect(over, append([]byte{byte(len(password) + 1), 0, 0, 4}, password+"\x00"...))
		_, admitted := over.Write([]byte{7, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0})
		return errors.Join(greeted, wished, sent, asked, full, admitted, expect(over, []byte{1, 0, 0, 0, comQuit}))
	})
	config.TLS = &tls.Config{InsecureSkipVerify: true}
	conn, err := Connect(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestLoginRefused(t *testing.T) {
	refused := "\xff\x15\x04#28000Access denied for user 'shop'"
	for name, test := range map[string]struct {
		answer string // to the login
		want   string
	}{
		"wrong password":         {string([]byte{byte(len(refused)), 0, 0, 2}) + refused, "Access denied for user 'shop' (error 1045, 28000)"},
		"in full, not encrypted": {"\x02\x00\x00\x02\x01\x04", "not encrypted"},
		"an unknown plugin":      {"\x0b\x00\x00\x02\xfedialog\x00abc", `by "dialog", which is not supported`},
		"nothing that is MySQL":  {"HTTP/1.1 400 Bad Request\r\n" + strings.Repeat(" ", 100), "the server"},
		"no end":                 {strings.Repeat("\x02\x00\x00\x02\x01\x03", 20), "is it a MySQL server?"},
		"an empty packet":        {"\x00\x00\x00\x02", "is it a MySQL server?"},
	} {
		t.Run(name, func(t *testing.T) {
			config := server(t, func(conn net.Conn) error {
				_, greeted := conn.Write(bytesOf(t, recordedGreeting))
				sent := expect(conn, bytesOf(t, recordedLogin))
				_, answered := io.WriteString(conn, test.answer)
				ended := conn.(*net.TCPConn).CloseWrite()
				rest, _ := io.ReadAll(conn) //nolint:errcheck // the client may reset it
				if len(rest) > 0 {
					sent = errors.Join(sent, errors.New("the client went on with "+hex.EncodeToString(rest)))
				}
				return errors.Join(greeted, sent, answered, ended)
			})
			_, err := Connect(t.Context(), config)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), password) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestServerWithoutTLS: the recorded one's greeting without the capability.
func TestServerWithoutTLS(t *testing.T) {
	config := server(t, func(conn net.Conn) error {
		greeting := bytesOf(t, recordedGreeting)
		greeting[27] &^= encryption >> 8
		_, greeted := conn.Write(greeting)
		return errors.Join(greeted, expect(conn, nil))
	})
	config.TLS = &tls.Config{ServerName: "db"}
	if _, err := Connect(t.Context(), config); err == nil || !strings.Contains(err.Error(), "cannot encrypt") {
		t.Errorf("got %v", err)
	}
}

func TestCancelEndsAWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	config := server(t, func(conn net.Conn) error {
		cancel() // it says nothing at all
		_, _ = io.Copy(io.Discard, conn)
		return nil
	})
	if _, err := Connect(ctx, config); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// stream is a connection whose other end says what is written in advance.
type stream struct {
	net.Conn
	io.Reader
}

func (s stream) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (stream) Write(p []byte) (int, error)   { return len(p), nil }
func (stream) SetDeadline(_ time.Time) error { return nil }

// said makes packets of payloads.
func said(payloads ...string) *Conn {
	var b bytes.Buffer
	for i, p := range payloads {
		b.Write([]byte{byte(len(p)), byte(len(p) >> 8), byte(len(p) >> 16), byte(i + 1)})
		b.WriteString(p)
	}
	return &Conn{wire: wire{conn: stream{Reader: &b}}}
}

func TestExec(t *testing.T) {
	const end, another = "\xfe\x00\x00\x02\x00", "\xfe\x00\x00\x0a\x00"
	for name, test := range map[string]struct {
		packets []string
		want    string // the row's values, or the error
	}{
		"no rows":            {[]string{"\x00\x03\x00\x02\x00\x00\x00"}, ""},
		"a row":              {[]string{"\x03", "a", "b", "c", end, "\x011\xfb\x00", "\x012\x012\x012", end}, "1 NULL "},
		"a long value":       {[]string{"\x01", "a", end, "\xfc\x2c\x01" + strings.Repeat("x", 300), end}, strings.Repeat("x", 300)},
		"rows of the second": {[]string{"\x00\x00\x00\x0a\x00\x00\x00", "\x01", "a", end, "\x011", another, "\x00\x00\x00\x02\x00\x00\x00"}, "1"},
		"an error":           {[]string{"\xff\x28\x04#42000bad"}, "bad (error 1064, 42000)"},
		"an error amid rows": {[]string{"\x01", "a", end, "\x011", "\xff\x28\x04#42000bad"}, "bad (error 1064, 42000)"},
		"a wish for a file":  {[]string{"\xfb/etc/passwd"}, errMalformed.Error()},
		"a short row":        {[]string{"\x02", "a", "b", end, "\x011", end}, errMalformed.Error()},
		"a length too long":  {[]string{"\x01", "a", end, "\xfd\xff\xff\xff1", end}, errMalformed.Error()},
		"too many columns":   {[]string{"\xfe\xff\xff\xff\xff\xff\xff\xff\xff"}, errMalformed.Error()},
		"no end":             {[]string{"\x01", "a", end, "\x011"}, "read from the server: EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			row, err := said(test.packets...).Exec(t.Context(), "select 1")
			var values []string
			for _, value := range row {
				if value == nil {
					value = new("NULL")
				}
				values = append(values, *value)
			}
			got := strings.Join(values, " ")
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestPacketsThatOthersContinue: a payload of 16 MB and more goes in several,
// the last of which may be empty.
func TestPacketsThatOthersContinue(t *testing.T) {
	for _, size := range []int{7, longest} {
		a, b := net.Pipe()
		payload := bytes.Repeat([]byte{7}, size)
		go func() { _ = (&wire{conn: a}).send(payload) }()
		got, err := (&wire{conn: b}).receive()
		if err != nil || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
	}
}

// FuzzServer: whatever a server says, no panic, and an end.
func FuzzServer(f *testing.F) {
	greeting, _ := hex.DecodeString(recordedGreeting)
	known, _ := hex.DecodeString(recordedKnown)
	f.Add(append(greeting, known...))
	f.Add([]byte("\x01\x00\x00\x01\x01\x01\x00\x00\x02a\x05\x00\x00\x03\xfe\x00\x00\x02\x00\x02\x00\x00\x04\x011\x05\x00\x00\x05\xfe\x00\x00\x02\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &Conn{wire: wire{conn: stream{Reader: bytes.NewReader(data)}}}
		_ = c.login(t.Context(), Config{User: "shop", Password: password})
		c = &Conn{wire: wire{conn: stream{Reader: bytes.NewReader(data)}}}
		_, _ = c.Exec(t.Context(), "select 1")
	})
}
