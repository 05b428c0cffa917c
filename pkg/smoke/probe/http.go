package probe

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
)

func (c *Client) http(ctx context.Context, r Request) (*Answer, error) {
	object := Address(r.URL)
	target, err := parseURL(r.URL)
	if err != nil {
		return nil, &Error{CauseRequest, object, err}
	}
	home, done, err := c.transport(r)
	if err != nil {
		return nil, &Error{CauseRequest, object, err}
	}
	defer done()
	away := home
	if r.Connection.Cert != "" {
		stranger := r
		stranger.Connection.Cert, stranger.Connection.Key = "", ""
		awayTransport, awayDone, err := c.transport(stranger)
		if err != nil {
			return nil, &Error{CauseRequest, object, err}
		}
		defer awayDone()
		away = awayTransport
	}
	start := time.Now()
	answer, err := (&exchange{r: r, home: home, away: away}).run(ctx, target)
	if err != nil {
		return nil, fail(ctx, object, err)
	}
	answer.Duration = time.Since(start)
	return answer, nil
}

func parseURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the address is not valid")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the address is not http:// or https:// with a host")
	}
	return u, nil
}

// ValidMethod tells whether s is a method that a check may use.
func ValidMethod(s string) bool {
	switch s {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return true
	default:
		return false
	}
}

// exchange is one request with its redirects.
type exchange struct {
	r Request
	// home reaches the first origin, away (without the client certificate) others.
	home, away http.RoundTripper
	redirects  []Redirect
	ip         string
}

func (e *exchange) run(ctx context.Context, target *url.URL) (*Answer, error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if host, _, err := net.SplitHostPort(info.Conn.RemoteAddr().String()); err == nil {
			e.ip = host
		}
	}})
	origin, method, body := target, e.r.Method, e.r.Body
	for {
		response, err := e.send(ctx, origin, target, method, body)
		if err != nil {
			return nil, err
		}
		next, err := e.next(response, target)
		if next == nil {
			return e.answer(response, target)
		}
		_ = response.Body.Close()
		if err != nil {
			return nil, err
		}
		method, body = afterRedirect(response.StatusCode, method, body)
		if len(body) > 0 && !sameOrigin(origin, next) {
			return nil, &Error{CauseRedirect, Address(target.String()),
				fmt.Errorf("redirect to %s: the request body is not sent to another host", Address(next.String()))}
		}
		target = next
	}
}

// send makes one hop. Everything that can hold a credential goes to the first
// origin only.
func (e *exchange) send(ctx context.Context, origin, target *url.URL, method string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, &Error{CauseRequest, Address(target.String()), errors.New("the method or the address is not valid")}
	}
	request.Header.Set("User-Agent", "shipkit-smoke-test")
	request.Header.Set("Accept-Encoding", "gzip")
	home := sameOrigin(origin, target)
	for _, f := range e.r.Header {
		if !home && !negotiation[http.CanonicalHeaderKey(f.Name)] {
			continue
		}
		if strings.EqualFold(f.Name, "Host") {
			request.Host = f.Value
			continue
		}
		if replaced[http.CanonicalHeaderKey(f.Name)] {
			request.Header.Set(f.Name, f.Value)
			continue
		}
		request.Header.Add(f.Name, f.Value)
	}
	if home {
		if e.r.User != "" {
			request.SetBasicAuth(e.r.User, e.r.Password)
		}
		for _, f := range e.r.Cookies {
			request.AddCookie(&http.Cookie{Name: f.Name, Value: f.Value})
		}
	}
	if e.r.Jar != nil {
		for _, cookie := range e.r.Jar.Cookies(target) {
			request.AddCookie(cookie)
		}
	}
	transport := e.away
	if home {
		transport = e.home
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	if e.r.Jar != nil {
		e.r.Jar.SetCookies(target, response.Cookies())
	}
	return response, nil
}

// negotiation lists the fields that follow a redirect to another origin.
var negotiation = map[string]bool{"Accept": true, "Accept-Language": true, "Accept-Encoding": true, "User-Agent": true}

// replaced lists the fields that we set ourselves unless the user does.
var replaced = map[string]bool{"User-Agent": true, "Accept-Encoding": true}

// next returns the address of a redirect to follow, or nil.
func (e *exchange) next(response *http.Response, from *url.URL) (*url.URL, error) {
	location := response.Header.Get("Location")
	switch response.StatusCode {
	case 301, 302, 303, 307, 308:
	default:
		return nil, nil
	}
	if location == "" || !e.r.Follow {
		return nil, nil
	}
	object := Address(from.String())
	to, err := from.Parse(location)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return from, &Error{CauseRedirect, object, errors.New("redirect to an address that is not valid")}
	}
	to.User = nil
	e.redirects = append(e.redirects, Redirect{response.StatusCode, Address(to.String())})
	if len(e.redirects) > e.r.MaxRedirects {
		return to, &Error{CauseRedirect, object, fmt.Errorf("more than %d redirects, the last one to %s",
			e.r.MaxRedirects, Address(to.String()))}
	}
	return to, nil
}

// afterRedirect returns the method and body of the next hop, RFC 9110
// section 15.4.
func afterRedirect(status int, method string, body []byte) (string, []byte) {
	switch {
	case status == 307 || status == 308, method == http.MethodHead:
		return method, body
	case status == 303, method == http.MethodPost:
		return http.MethodGet, nil
	default:
		return method, body
	}
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host)
}

// answer reads the body within bounds.
func (e *exchange) answer(response *http.Response, target *url.URL) (*Answer, error) {
	defer func() { _ = response.Body.Close() }()
	a := &Answer{
		Status:      response.StatusCode,
		HTTPVersion: httpVersion(response),
		Header:      response.Header,
		URL:         target.String(),
		Redirects:   e.redirects,
		Certificate: leaf(response.TLS),
		IP:          e.ip,
	}
	var reader io.Reader = response.Body
	declared := response.ContentLength
	if response.Request.Method != http.MethodHead && declared != 0 {
		switch encoding := strings.ToLower(response.Header.Get("Content-Encoding")); encoding {
		case "", "identity":
		case "gzip", "x-gzip":
			unzip, err := gzip.NewReader(reader)
			if err != nil {
				return nil, fmt.Errorf("read the gzip body: %w", err)
			}
			reader, declared = unzip, -1
		default:
			return nil, fmt.Errorf("the body has Content-Encoding %q, which was not asked for", encoding)
		}
	}
	var buffer bytes.Buffer
	if declared > 0 {
		buffer.Grow(int(min(declared, e.r.MaxBody)) + bytes.MinRead)
	}
	if _, err := io.Copy(&buffer, io.LimitReader(reader, e.r.MaxBody+1)); err != nil {
		return nil, fmt.Errorf("read the body after %d bytes: %w", buffer.Len(), err)
	}
	body := buffer.Bytes()
	a.Size = int64(len(body))
	if a.Size > e.r.MaxBody {
		body, a.Cut, a.Size = body[:e.r.MaxBody], true, declared
	}
	a.Body = body
	return a, nil
}

func httpVersion(response *http.Response) string {
	if response.ProtoMajor >= 2 {
		return fmt.Sprint(response.ProtoMajor)
	}
	return fmt.Sprintf("%d.%d", response.ProtoMajor, response.ProtoMinor)
}
