package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Doer sends HTTP requests. *http.Client is one.
type Doer interface {
	Do(r *http.Request) (*http.Response, error)
}

var _ Doer = (*http.Client)(nil)

// NewClient returns a client that follows no redirects: the address of a
// webhook is a secret that no other host may learn.
func NewClient() *http.Client {
	return &http.Client{
		Timeout: 15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// post sends JSON to a webhook. Its errors name the host only: the rest of the
// address of a webhook is a secret.
func post(ctx context.Context, client Doer, address string, payload any, sign func(*http.Request, []byte)) error {
	host := "the webhook"
	if u, err := url.Parse(address); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("post to %s: %w", host, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post to %s: the address is not valid", host)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "shipkit-notify")
	if sign != nil {
		sign(request, body)
	}
	response, err := client.Do(request)
	if err != nil {
		return &TemporaryError{Err: fmt.Errorf("post to %s: %w", host, bare(err))}
	}
	defer func() { _ = response.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 200))
	if response.StatusCode < 300 {
		return nil
	}
	err = fmt.Errorf("post to %s: status %d %s", host, response.StatusCode, printable(hide(string(answer), address)))
	if response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500 {
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return &TemporaryError{Err: err, After: time.Duration(max(seconds, 0)) * time.Second}
	}
	return err
}

// bare returns an error of an HTTP client without the address in it.
func bare(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		return outer.Err
	}
	return err
}

// hide takes the secret parts of an address out of what a server echoes.
func hide(text, address string) string {
	text = strings.ReplaceAll(text, address, "***")
	u, err := url.Parse(address)
	if err != nil {
		return text
	}
	for _, part := range []string{u.RequestURI(), u.Path, u.RawQuery} {
		if len(part) > 3 {
			text = strings.ReplaceAll(text, part, "***")
		}
	}
	return text
}

// printable returns a text as one line without control characters.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
}

// clip cuts a text to a number of runes.
func clip(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	return string(runes[:limit-1]) + "…"
}
