// Package github is what shipkit shows and asks on GitHub: one sticky comment,
// deployments, commit statuses, the open pull requests and a maintainer's
// consent.
//
// Sources: GitHub's REST API, https://docs.github.com/en/rest.
package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v75/github"

	"github.com/org/shipkit/pkg/diag"
)

// Client speaks for one repository.
type Client struct {
	api         *github.Client
	owner, name string
}

// New returns a client of a repository (owner/name). baseURL is GITHUB_API_URL;
// "" means github.com.
func New(httpClient *http.Client, token, baseURL, repository string) (*Client, error) {
	owner, name, ok := strings.Cut(repository, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return nil, fmt.Errorf("github: repository %q is not owner/name", repository)
	}
	api := github.NewClient(httpClient).WithAuthToken(token)
	if baseURL != "" && strings.TrimRight(baseURL, "/") != "https://api.github.com" {
		var err error
		// The library adds /api/v3/ to an enterprise's address unless it is there.
		if api, err = api.WithEnterpriseURLs(baseURL, baseURL); err != nil {
			return nil, fmt.Errorf("github: API address %q: %w", baseURL, err)
		}
	}
	return &Client{api: api, owner: owner, name: name}, nil
}

// ErrDenied says that the token may not do it, as with a fork's read-only one.
var ErrDenied = errors.New("the token has no permission for this")

// retries bounds how often a rate limit is waited for.
const retries = 4

// try runs one request and waits when GitHub asks to: for a primary or
// secondary rate limit until the moment that it names, for a 5xx a little.
func try[T any](ctx context.Context, what string, request func() (T, *github.Response, error)) (T, *github.Response, error) {
	for attempt := 0; ; attempt++ {
		result, response, err := request()
		if err == nil {
			return result, response, nil
		}
		wait, again := backoff(err, response, attempt)
		if !again || attempt == retries {
			return result, response, explain(what, response, err)
		}
		if err := sleep(ctx, wait); err != nil {
			return result, response, fmt.Errorf("%s: %w", what, err)
		}
	}
}

// longestWait bounds a wait for a rate limit: a step has other things to do.
const longestWait = 2 * time.Minute

func backoff(err error, response *github.Response, attempt int) (time.Duration, bool) {
	var primary *github.RateLimitError
	if errors.As(err, &primary) {
		wait := time.Until(primary.Rate.Reset.Time)
		return max(wait, time.Second), wait < longestWait
	}
	var secondary *github.AbuseRateLimitError
	if errors.As(err, &secondary) {
		wait := time.Minute
		if secondary.RetryAfter != nil {
			wait = *secondary.RetryAfter
		}
		return wait, wait < longestWait
	}
	return time.Second << attempt, response != nil && response.StatusCode >= 500
}

func explain(what string, response *github.Response, err error) error {
	var primary *github.RateLimitError
	var secondary *github.AbuseRateLimitError
	limited := errors.As(err, &primary) || errors.As(err, &secondary)
	if limited || response == nil || response.StatusCode != http.StatusForbidden && response.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("%s: %w", what, err)
	}
	return &diag.Diagnostic{
		Summary: what + ": GitHub refuses the token",
		Try:     "give the job the permissions that the action's README names; a fork's pull request has a read-only token",
		Err:     errors.Join(ErrDenied, err),
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
