package github

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/org/shipkit/internal/githubtest"
)

// exhausted answers the first request as GitHub does when the hour's requests
// are used up until a moment
// (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api).
type exhausted struct {
	until    time.Time
	requests int
}

func (e *exhausted) RoundTrip(r *http.Request) (*http.Response, error) {
	e.requests++
	if e.requests > 1 {
		return http.DefaultTransport.RoundTrip(r)
	}
	header := http.Header{}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "0",
		"X-RateLimit-Reset": strconv.FormatInt(e.until.Unix(), 10),
	} {
		header.Set(name, value)
	}
	body := io.NopCloser(strings.NewReader(`{"message":"API rate limit exceeded for installation"}`))
	return &http.Response{StatusCode: http.StatusForbidden, Header: header, Body: body, Request: r}, nil
}

// What is over in a moment is waited for; nobody waits for most of an hour, and
// it is not called a lack of permissions.
func TestPrimaryRateLimit(t *testing.T) {
	for name, test := range map[string]struct {
		left     time.Duration
		requests int
	}{"soon over": {time.Second, 2}, "long": {50 * time.Minute, 1}} {
		t.Run(name, func(t *testing.T) {
			server := githubtest.New(t, "acme/shop")
			server.Pulls = []githubtest.Pull{{Number: 7, State: "open"}}
			limit := &exhausted{until: time.Now().Add(test.left)}
			client, err := New(&http.Client{Transport: limit}, "token", server.URL, "acme/shop")
			if err != nil {
				t.Fatal(err)
			}
			open, err := client.Open(t.Context())
			if (err == nil) != (len(open) == 1) || (err == nil) != (test.requests == 2) || limit.requests != test.requests {
				t.Errorf("%d open after %d requests, %v", len(open), limit.requests, err)
			}
			if err != nil && (!strings.Contains(err.Error(), "rate limit") || strings.Contains(err.Error(), "refuses the token")) {
				t.Errorf("error: %v", err)
			}
		})
	}
}
