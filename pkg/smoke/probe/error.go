package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
)

// Cause says at which stage a request failed.
type Cause string

// The causes.
const (
	CauseRequest     Cause = "request"     // the request itself is not valid
	CauseDNS         Cause = "dns"         // the name does not resolve
	CauseConnect     Cause = "connect"     // no TCP connection
	CauseTLS         Cause = "tls"         // handshake failed
	CauseCertificate Cause = "certificate" // the server's certificate is not good
	CauseTimeout     Cause = "timeout"     // the attempt's time ran out
	CauseReset       Cause = "reset"       // the connection broke
	CauseProtocol    Cause = "protocol"    // the answer is not valid HTTP, gzip, gRPC
	CauseRedirect    Cause = "redirect"    // a redirect that is not followed
)

// Error is a question without an answer. Its text never holds the query, the
// user or the password of an address.
type Error struct {
	Cause Cause
	// Object is what was asked: an address without query and user, or host:port.
	Object string
	Err    error
}

// Error says what failed, on which object.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Object, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Transient tells whether a later attempt can do better: not for a bad
// certificate, a redirect loop or an impossible request.
func (e *Error) Transient() bool {
	switch e.Cause {
	case CauseRequest, CauseCertificate, CauseRedirect:
		return false
	default:
		return true
	}
}

// fail classifies err by what it is, not by its words, where Go allows it.
func fail(ctx context.Context, object string, err error) *Error {
	var done *Error
	if errors.As(err, &done) {
		return done
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	if ctx.Err() != nil {
		return &Error{CauseTimeout, object, fmt.Errorf("no complete answer in time: %w", context.Cause(ctx))}
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		err = untrusted{err}
	}
	return &Error{classify(err), object, err}
}

// untrusted says of a certificate what counts, not what Go tried.
type untrusted struct{ error }

func (untrusted) Error() string { return "the certificate is signed by an unknown authority" }

func (u untrusted) Unwrap() error { return u.error }

func classify(err error) Cause {
	var (
		name     *net.DNSError
		verify   *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		alert    tls.AlertError
		dial     *net.OpError
		timeout  net.Error
	)
	switch {
	case errors.As(err, &name):
		return CauseDNS
	case errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &invalid):
		return CauseCertificate
	case errors.As(err, &record), errors.As(err, &alert):
		return CauseTLS
	case errors.As(err, &dial) && dial.Op == "dial":
		return CauseConnect
	case errors.As(err, &dial) && (dial.Op == "remote error" || dial.Op == "local error"): // a TLS alert
		return CauseTLS
	case errors.As(err, &timeout) && timeout.Timeout():
		return CauseTimeout
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return CauseReset
	default:
		return CauseProtocol
	}
}

// Address returns the parts of an address that may be shown: scheme, host and
// path, without user, query and fragment.
func Address(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		shown, _, _ := strings.Cut(address, "?")
		if i := strings.LastIndex(shown, "@"); i >= 0 {
			shown = shown[i+1:]
		}
		return shown
	}
	query := ""
	if u.RawQuery != "" {
		query = "?…"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment = nil, "", false, ""
	return u.String() + query
}
