package probe_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/org/shipkit/pkg/smoke/probe"
)

func get(address string) probe.Request {
	return probe.Request{Kind: probe.HTTP, Method: "GET", URL: address, Follow: true, MaxRedirects: 5, MaxBody: 1000}
}

func send(t *testing.T, r probe.Request) (*probe.Answer, error) {
	t.Helper()
	client := &probe.Client{}
	t.Cleanup(client.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return client.Probe(ctx, r) //nolint:wrapcheck // the test looks at it
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestRequestIsSentAsAsked(t *testing.T) {
	var got string
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprintf("%s %s %s %v %s %s %s", r.Method, r.URL, r.Host, r.Header["X-Many"], r.Header.Get("Authorization"), r.Header.Get("Cookie"), body)
	})
	r := get(address + "/a?b=c")
	r.Method, r.Body, r.User, r.Password = "PATCH", []byte("hello"), "me", "pass"
	r.Header = []probe.Field{{Name: "X-Many", Value: "1"}, {Name: "x-many", Value: "2"}, {Name: "Host", Value: "other.test"}}
	r.Cookies = []probe.Field{{Name: "a", Value: "b"}}
	a, err := send(t, r)
	if err != nil || a.Status != 200 || a.HTTPVersion != "1.1" || a.IP != "127.0.0.1" {
		t.Fatalf("%+v %v", a, err)
	}
	want := "PATCH /a?b=c other.test [1 2] Basic bWU6cGFzcw== a=b hello"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// Nothing that can be a credential reaches another host, nor https from http.
func TestRedirectsCarryNoCredentials(t *testing.T) {
	const secret = "s3cret-value"
	var seen bytes.Buffer
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.Header.Write(&seen)
		_, _ = io.Copy(&seen, r.Body)
		_, _ = io.WriteString(w, "other")
	})
	status := 302
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: secret, Path: "/"})
		w.Header().Set("Location", strings.Replace(other, "http://", "http://user:"+secret+"@", 1))
		w.WriteHeader(status)
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := get(strings.Replace(address, "127.0.0.1", "localhost", 1))
	r.User, r.Password, r.Jar = "me", secret, jar
	r.Header = []probe.Field{
		{Name: "Authorization", Value: secret}, {Name: "X-Api-Key", Value: secret}, {Name: "Cookie", Value: secret},
		{Name: "Accept", Value: "text/special"},
	}
	r.Cookies = []probe.Field{{Name: "a", Value: secret}}
	a, err := send(t, r)
	if err != nil || string(a.Body) != "other" {
		t.Fatalf("%+v %v", a, err)
	}
	if strings.Contains(seen.String(), secret) || strings.Contains(seen.String(), "Authorization") {
		t.Errorf("the other host got %s", &seen)
	}
	if !strings.Contains(seen.String(), "text/special") {
		t.Errorf("negotiation is lost: %s", &seen)
	}

	status = 307
	r.Method, r.Body = "POST", []byte(secret)
	_, err = send(t, r)
	if cause := causeOf(t, err); cause != probe.CauseRedirect {
		t.Errorf("a body to another host: %v", err)
	}
}

func TestRedirects(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/end":
			_, _ = fmt.Fprintf(w, "%s %s", r.Method, r.Header.Get("X-Key"))
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/ftp":
			w.Header().Set("Location", "ftp://h/")
			w.WriteHeader(http.StatusFound)
		case "/nowhere":
			w.WriteHeader(http.StatusFound)
		case "/keep":
			http.Redirect(w, r, "/end", http.StatusPermanentRedirect)
		default:
			http.Redirect(w, r, "/end?token=hide", http.StatusSeeOther)
		}
	})
	r := get(address + "/start")
	r.Method, r.Body, r.Header = "POST", []byte("x"), []probe.Field{{Name: "X-Key", Value: "k"}}
	a, err := send(t, r)
	if err != nil || string(a.Body) != "GET k" || a.URL != address+"/end?token=hide" {
		t.Errorf("303: %+v %v", a, err)
	}
	if diff := cmp.Diff([]probe.Redirect{{Status: 303, Location: address + "/end?…"}}, a.Redirects); diff != "" {
		t.Errorf("chain (-want +got):\n%s", diff)
	}
	r.URL = address + "/keep"
	if a, err := send(t, r); err != nil || string(a.Body) != "POST k" {
		t.Errorf("308: %+v %v", a, err)
	}
	r.Follow = false
	if a, err := send(t, r); err != nil || a.Status != 308 || len(a.Redirects) != 0 {
		t.Errorf("not followed: %+v %v", a, err)
	}
	if a, err := send(t, get(address+"/nowhere")); err != nil || a.Status != 302 {
		t.Errorf("302 without a place: %+v %v", a, err)
	}
	for path, words := range map[string]string{"/loop": "more than 5 redirects", "/ftp": "not valid"} {
		_, err := send(t, get(address+path))
		if causeOf(t, err) != probe.CauseRedirect || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestCookiesAreKeptBetweenRequests(t *testing.T) {
	var got []string
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := get(address)
	r.Jar = jar
	for range 2 {
		if _, err := send(t, r); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"", "session=1"}, got); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	var zipped bytes.Buffer
	packer := gzip.NewWriter(&zipped)
	_, _ = packer.Write(bytes.Repeat([]byte("a"), 10_000))
	_ = packer.Close()
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		kept    int
		cut     bool
		size    int64
	}{
		"at the bound":         {write(1000, true), 1000, false, 1000},
		"declared longer":      {write(5000, true), 1000, true, 5000},
		"longer, not declared": {write(5000, false), 1000, true, -1},
		"gzip that grows":      {zip(zipped.Bytes()), 1000, true, -1},
		"no body":              {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 0, false, 0},
		"gzip on an empty body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(204)
		}, 0, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := send(t, get(serve(t, test.handler)))
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Body) != test.kept || a.Cut != test.cut || a.Size != test.size {
				t.Errorf("%d bytes kept, cut %t, size %d", len(a.Body), a.Cut, a.Size)
			}
		})
	}
}

func write(n int, declare bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if declare {
			w.Header().Set("Content-Length", fmt.Sprint(n))
		}
		w.WriteHeader(200)
		for range n / 100 {
			_, _ = io.WriteString(w, strings.Repeat("x", 100))
			_ = http.NewResponseController(w).Flush()
		}
	}
}

func zip(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(data)
	}
}

func TestGzipIsUnpacked(t *testing.T) {
	var packed bytes.Buffer
	packer := gzip.NewWriter(&packed)
	_, _ = io.WriteString(packer, "hello")
	_ = packer.Close()
	a, err := send(t, get(serve(t, zip(packed.Bytes()))))
	if err != nil || string(a.Body) != "hello" || a.Size != 5 {
		t.Errorf("%+v %v", a, err)
	}
}

func TestFailuresAreClassified(t *testing.T) {
	hijack := func(do func(io.Writer)) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			do(conn)
			_ = conn.Close()
		}
	}
	say := func(s string) http.HandlerFunc {
		return hijack(func(w io.Writer) { _, _ = io.WriteString(w, s) })
	}
	for name, test := range map[string]struct {
		address   string
		cause     probe.Cause
		transient bool
	}{
		"nothing listens":    {"http://127.0.0.1:1/", probe.CauseConnect, true},
		"empty reply":        {serve(t, say("")), probe.CauseReset, true},
		"body ends early":    {serve(t, say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")), probe.CauseReset, true},
		"no HTTP":            {serve(t, say("SSH-2.0-OpenSSH_9.2\r\n\r\n")), probe.CauseProtocol, true},
		"chunks are garbage": {serve(t, say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")), probe.CauseProtocol, true},
		"gzip is garbage":    {serve(t, zip([]byte("this is no gzip at all"))), probe.CauseProtocol, true},
		"unknown encoding": {serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "zstd")
			_, _ = io.WriteString(w, "x")
		}), probe.CauseProtocol, true},
		"TLS to a plain port": {strings.Replace(serve(t, func(http.ResponseWriter, *http.Request) {}), "http:", "https:", 1), probe.CauseTLS, true},
		"no address":          {"http://", probe.CauseRequest, false},
		"another scheme":      {"ftp://h/", probe.CauseRequest, false},
		"broken address":      {"http://h:port/%zz", probe.CauseRequest, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := send(t, get(test.address))
			if cause := causeOf(t, err); cause != test.cause {
				t.Errorf("cause %s, want %s: %v", cause, test.cause, err)
			}
			var failed *probe.Error
			if errors.As(err, &failed) && failed.Transient() != test.transient {
				t.Errorf("transient %t, want %t", failed.Transient(), test.transient)
			}
		})
	}
}

func TestAttemptsEndInTime(t *testing.T) {
	stop := make(chan struct{})
	address := serve(t, func(http.ResponseWriter, *http.Request) { <-stop })
	t.Cleanup(func() { close(stop) })
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("attempt-timeout is 50ms"))
	defer cancel()
	client := &probe.Client{}
	_, err := client.Probe(ctx, get(address))
	if causeOf(t, err) != probe.CauseTimeout || !strings.Contains(err.Error(), "attempt-timeout is 50ms") {
		t.Errorf("%v", err)
	}
}

func TestFreshConnectionsAreFresh(t *testing.T) {
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := &probe.Client{}
	t.Cleanup(client.Close)
	for _, turn := range []int{0, 0, 0, 1, 2} {
		r := get(server.URL)
		r.Turn = turn
		if _, err := client.Probe(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 3 {
		t.Errorf("%d connections, want 1 that is kept and 2 fresh ones", n)
	}
}

func TestErrorsHideCredentials(t *testing.T) {
	r := get("http://me:hunter2@127.0.0.1:1/path?token=hunter2#hunter2")
	_, err := send(t, r)
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "http://127.0.0.1:1/path?…") {
		t.Errorf("%v", err)
	}
	_, err = send(t, get("http://me:hunter2@h:port/"))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

func TestProxyIsUsed(t *testing.T) {
	var asked string
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) { asked = r.URL.String() })
	client := &probe.Client{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(proxy) }}
	defer client.Close()
	if _, err := client.Probe(t.Context(), get("http://shop.test/health")); err != nil || asked != "http://shop.test/health" {
		t.Errorf("the proxy got %q: %v", asked, err)
	}
}

func causeOf(t *testing.T, err error) probe.Cause {
	t.Helper()
	var failed *probe.Error
	if !errors.As(err, &failed) {
		t.Fatalf("error %v (%T), want a *probe.Error", err, err)
	}
	return failed.Cause
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"http://a:secret@h/p?q=secret#secret", "::secret@", "http://h:port/?secret", "//u:secret@h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		full := "http://user:SECRETSECRET@" + s + "?x=SECRETSECRET"
		if got := probe.Address(full); strings.Contains(got, "SECRETSECRET") {
			t.Fatalf("%q is shown as %q", full, got)
		}
	})
}
