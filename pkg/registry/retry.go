package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// firstContact is the patience with a registry that was never reached: it is
// more likely a typo than a bad line.
const firstContact = time.Minute

// backoff spaces attempts: the wait doubles from first to most, of which a
// random half is cut off so that many runners do not come back together.
type backoff struct{ first, most time.Duration }

var defaultBackoff = backoff{first: 500 * time.Millisecond, most: 30 * time.Second}

func (b backoff) wait(attempt int) time.Duration {
	wait := min(b.first<<min(attempt, 20), b.most)
	return wait/2 + rand.N(wait/2+1)
}

// effort is a run of attempts at one thing. It ends when nothing has moved for
// the repository's patience.
type effort struct {
	repo     *Repository
	task     string
	attempts int
	since    time.Time
}

func (r *Repository) begin(task string) *effort {
	return &effort{repo: r, task: task, since: time.Now()}
}

// moved tells that something was achieved: patience and waits start anew.
func (e *effort) moved() { e.attempts, e.since = 0, time.Now() }

// failed waits before the next attempt. It returns an error when there should
// be none: err is permanent, patience is over or ctx is done.
func (e *effort) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", e.task, ctx.Err())
	}
	if !temporary(err, e.repo.link.Received() > 0) {
		return err
	}
	patience := e.repo.options.Patience
	if e.repo.link.Received() == 0 {
		patience = min(patience, firstContact)
	}
	wait := max(e.repo.backoff.wait(e.attempts), time.Until(e.repo.link.pause()))
	if time.Since(e.since)+wait > patience {
		return fmt.Errorf("%s: nothing moved for %s: %w", e.task, time.Since(e.since).Round(time.Second), err)
	}
	e.attempts++
	e.repo.options.Progress.Warn(e.task, fmt.Sprintf("%s; attempt %d in %s", cause(err), e.attempts+1, wait.Round(100*time.Millisecond)))
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", e.task, ctx.Err())
	}
}

// retry repeats fn until it succeeds or fails for good.
func (r *Repository) retry(ctx context.Context, task string, fn func() error) error {
	e := r.begin(task)
	for {
		err := fn()
		if err == nil {
			return nil
		}
		if err := e.failed(ctx, err); err != nil {
			return err
		}
	}
}

// localError is a failure on this side of the link: another attempt would meet
// it again.
type localError struct{ error }

func (e localError) Unwrap() error { return e.error }

// temporary tells whether another attempt may succeed. Once a registry has
// been reached, a name that does not resolve is a matter of the line.
func temporary(err error, reached bool) bool {
	var (
		local     localError
		status    *transport.Error
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		verify    *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &local), errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &verify),
		errors.Is(err, http.ErrSchemeMismatch), errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, errSessionLost), errors.Is(err, errOutOfStep), errors.Is(err, io.ErrUnexpectedEOF):
		return true
	case errors.As(err, &status):
		return temporaryStatus(status.StatusCode) && !slices.ContainsFunc(status.Errors, func(d transport.Diagnostic) bool {
			return d.Code == transport.ManifestBlobUnknownErrorCode // distribution adds it to a 500
		})
	case errors.As(err, &dns):
		return reached || !dns.IsNotFound
	default:
		var network net.Error
		return errors.As(err, &network)
	}
}

func temporaryStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// heed notes the Retry-After of a response: no attempt on this link starts
// before. RFC 9110, section 10.2.3.
func (l *Link) heed(resp *http.Response) {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return
	}
	value := resp.Header.Get("Retry-After")
	until, err := http.ParseTime(value)
	if seconds, numeric := strconv.Atoi(value); numeric == nil && seconds >= 0 {
		until, err = time.Now().Add(time.Duration(seconds)*time.Second), nil
	}
	if err == nil {
		l.notBefore.Store(until.UnixNano())
	}
}

// pause returns the time before which the registry wants no further attempt.
func (l *Link) pause() time.Time { return time.Unix(0, l.notBefore.Load()) }
