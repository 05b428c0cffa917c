package scenario

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

var silent = log.New(io.Discard, "", 0)

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// after answers n requests with first and the others with then.
func after(n int64, first, then http.HandlerFunc) http.HandlerFunc {
	var count atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if count.Add(1) <= n {
			first(w, r)
			return
		}
		then(w, r)
	}
}

// every answers each nth request with odd and the others with normal.
func every(n int64, odd, normal http.HandlerFunc) http.HandlerFunc {
	var count atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if count.Add(1)%n == 0 {
			odd(w, r)
			return
		}
		normal(w, r)
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func version(v string) http.HandlerFunc { return text(`{"version":"` + v + `","status":"ok"}`) }

// reset breaks the connection with a TCP reset.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func slow(d time.Duration, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			then(w, r)
		case <-r.Context().Done():
		}
	}
}

// endless sends a body as fast as it is read, until nobody reads.
func endless(w http.ResponseWriter, _ *http.Request) {
	chunk := []byte(strings.Repeat("healthy ", 8<<10))
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// drip sends a byte now and then, for ever.
func drip(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		_, _ = io.WriteString(w, ".")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(100 * time.Millisecond)
	}
}

// answering reads a request and sends raw bytes.
func answering(do func(io.Writer)) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			do(conn)
		}
	}
}

func headerFlood(w io.Writer) {
	_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\n")
	for i := range 2_000_000 {
		if _, err := fmt.Fprintf(w, "X-Flood-%d: %0100d\r\n", i, i); err != nil {
			return
		}
	}
	_, _ = io.WriteString(w, "Content-Length: 2\r\n\r\nok")
}
