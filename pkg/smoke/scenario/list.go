package scenario

import (
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// All returns the scenarios.
func All() []Scenario {
	return append(append(append(readiness(), versions()...), hostile()...), connections()...)
}

// plain is a scenario of one HTTP handler.
func plain(name string, passes bool, handler func() http.HandlerFunc, change ...func(*Ask)) Scenario {
	return Scenario{name, passes, func(lab *Lab) Ask {
		ask := Ask{URL: lab.http(handler()) + "/health"}
		for _, f := range change {
			f(&ask)
		}
		return ask
	}}
}

func always(h http.HandlerFunc) func() http.HandlerFunc { return func() http.HandlerFunc { return h } }

func contains(s string) func(*Ask) { return func(a *Ask) { a.Contains = s } }

func readiness() []Scenario {
	ok := text("ok")
	return []Scenario{
		plain("healthy", true, always(ok)),
		{"slow start: the port opens after 1 s", true, func(lab *Lab) Ask {
			address := lab.closedPort()
			time.AfterFunc(time.Second, func() { lab.serve(lab.listen(address), ok) })
			return Ask{URL: "http://" + address + "/health"}
		}},
		plain("503 three times, then ready", true, func() http.HandlerFunc { return after(3, status(503), ok) }),
		plain("503 with Retry-After: 1, then ready", true, func() http.HandlerFunc {
			return after(1, status(503, "Retry-After", "1"), ok)
		}),
		plain("429 with a date to come back", true, func() http.HandlerFunc {
			return after(1, func(w http.ResponseWriter, r *http.Request) {
				status(429, "Retry-After", time.Now().Add(1200*time.Millisecond).UTC().Format(http.TimeFormat))(w, r)
			}, ok)
		}),
		plain("connections are reset twice, then ready", true, func() http.HandlerFunc { return after(2, reset, ok) }),
		plain("first answer takes longer than an attempt", true, func() http.HandlerFunc {
			return after(1, slow(3*time.Second, ok), ok)
		}),
		{"nothing listens", false, func(lab *Lab) Ask { return Ask{URL: "http://" + lab.closedPort() + "/health"} }},
		plain("always 500", false, always(status(500))),
		plain("404: the route is gone", false, always(status(404))),
		plain("403 where 403 is right", true, always(status(403)), func(a *Ask) { a.Status = 403 }),
		plain("200 with an unhealthy body", false, always(text(`{"status":"degraded"}`)), contains(`"status":"ok"`)),
		plain("body is right after a while", true, func() http.HandlerFunc {
			return after(2, status(503), text(`{"status":"ok"}`))
		}, contains(`"status":"ok"`)),
	}
}

func versions() []Scenario {
	want := func(a *Ask) { a.Version = "v2" }
	window := func(a *Ask) { a.Samples, a.Failures = 20, 2 }
	return []Scenario{
		plain("new version everywhere", true, always(version("v2")), want),
		plain("old version answers green", false, always(version("v1")), want),
		plain("old version mixed in, one of four", false, func() http.HandlerFunc {
			return every(4, version("v1"), version("v2"))
		}, want),
		plain("one flake in twenty answers", true, func() http.HandlerFunc { return every(11, status(500), text("ok")) }, window),
		plain("every other answer fails", false, func() http.HandlerFunc { return every(2, status(500), text("ok")) }, window),
		plain("answers are too slow", false, always(slow(400*time.Millisecond, text("ok"))),
			func(a *Ask) { a.P95 = 200 * time.Millisecond }),
	}
}

func hostile() []Scenario {
	return []Scenario{
		plain("every connection is reset", false, always(reset)),
		{"garbage instead of chunks", false, func(lab *Lab) Ask {
			return Ask{URL: lab.raw(answering(func(w io.Writer) {
				_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnot a chunk\r\n")
			}))}
		}},
		{"body ends early", false, func(lab *Lab) Ask {
			return Ask{URL: lab.raw(answering(func(w io.Writer) {
				_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
			}))}
		}},
		plain("endless body", false, always(endless)),
		plain("body that drips for ever", false, always(drip)),
		plain("gzip bomb of 10 GB", false, always(bomb), contains("ok")),
		{"header flood of 240 MB", false, func(lab *Lab) Ask { return Ask{URL: lab.raw(answering(headerFlood))} }},
		plain("redirect loop", false, always(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		})),
		plain("redirect to a login page", false, func() http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/login" {
					_, _ = io.WriteString(w, "<form>Sign in</form>")
					return
				}
				http.Redirect(w, r, "/login", http.StatusFound)
			}
		}, contains("Dashboard")),
		{"redirect to another host, with a key", true, leaky},
		plain("body that is not UTF-8", true, always(text("caf\xe9 ok \xff\xfe")), contains(" ok ")),
	}
}

// bomb sends 10 MB of gzip that unpack to 10 GB.
func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	packed, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return
	}
	zeros := make([]byte, 1<<20)
	for range 10_000 {
		if _, err := packed.Write(zeros); err != nil {
			return
		}
	}
	_ = packed.Close()
}

func leaky(lab *Lab) Ask {
	var leaked atomic.Bool
	const key = "key-0123456789"
	other := lab.http(func(w http.ResponseWriter, r *http.Request) {
		for _, values := range r.Header {
			if strings.Contains(strings.Join(values, " "), key) {
				leaked.Store(true)
			}
		}
		_, _ = io.WriteString(w, "ok")
	})
	return Ask{
		URL: lab.http(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(other, "127.0.0.1", "localhost", 1), http.StatusFound)
		}),
		Headers: map[string]string{"X-Api-Key": key},
		Leaked:  leaked.Load,
	}
}

func connections() []Scenario {
	ok, day := text("ok"), 24*time.Hour
	secure := func(host string, until time.Time) func(lab *Lab) Ask {
		return func(lab *Lab) Ask {
			port := lab.https(ok, host, until)
			return Ask{URL: "https://shop.test:" + port, CA: lab.caFile, Resolve: "shop.test:" + port + ":127.0.0.1"}
		}
	}
	return []Scenario{
		{"own certificate authority, host behind --resolve", true, secure("shop.test", time.Now().Add(day))},
		{"expired certificate", false, secure("shop.test", time.Now().Add(-time.Hour))},
		{"certificate of another host", false, secure("other.test", time.Now().Add(day))},
		{"unknown certificate authority", false, func(lab *Lab) Ask {
			ask := secure("shop.test", time.Now().Add(day))(lab)
			ask.CA = ""
			return ask
		}},
		{"HTTP/2 over TLS", true, func(lab *Lab) Ask {
			ask := secure("shop.test", time.Now().Add(day))(lab)
			ask.HTTP2 = true
			return ask
		}},
		{"IPv6 only", true, func(lab *Lab) Ask {
			return Ask{URL: lab.serve(lab.listen("[::1]:0"), ok), IPv6: true}
		}},
		{"name that does not resolve", false, func(*Lab) Ask { return Ask{URL: "http://shop.invalid/health"} }},
		{"port that never answers", false, func(lab *Lab) Ask {
			return Ask{URL: lab.raw(func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })}
		}},
	}
}
