package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/org/shipkit/pkg/diag"
)

// explain turns a failure at a registry into a finding that says what to do.
// operation names what was tried on which object, such as "push layer 3f2a".
func explain(err error, host, operation string) error {
	var known *diag.Diagnostic
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return &diag.Diagnostic{
		Summary: operation + ": " + cause(err),
		Try:     remedy(err, host),
		Err:     err,
	}
}

// remedy says what to do about err.
func remedy(err error, host string) string {
	var (
		status *transport.Error
		dns    *net.DNSError
		local  localError
		file   *fs.PathError
	)
	switch {
	case IsDiskFull(err) && errors.As(err, &file):
		return "free space in " + filepath.Dir(file.Path) + "; what arrived is kept, and a re-run goes on from there"
	case errors.As(err, &local):
		return "check that nothing else writes to or removes the image and `resume-dir` during the push"
	case errors.As(err, &status):
		return remedyStatus(status, host)
	case errors.As(err, &dns):
		return "check the registry's name in `tags`, and the runner's DNS"
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the registry speaks plain http: put TLS in front of it, or reach it as localhost"
	default:
		return "check that this machine reaches https://" + host + "/v2/; what arrived is kept, and a re-run with the same " +
			"`resume-dir` goes on from there"
	}
}

func remedyStatus(err *transport.Error, host string) string {
	text := strings.ToLower(err.Error())
	switch {
	case strings.Contains(text, "immutable"):
		return "push under a new tag, or make the repository's tags mutable"
	case strings.Contains(text, "blob_unknown"), strings.Contains(text, "blob unknown"):
		return "a layer that this image reuses was deleted from the registry meanwhile: run again, it is planned anew"
	case err.StatusCode == http.StatusUnauthorized, strings.Contains(text, "authorization token has expired"):
		return "log in to " + host + " before this step: docker/login-action, `docker login`, or AWS credentials for ECR"
	case err.StatusCode == http.StatusForbidden:
		return "give these credentials the right to push to this repository (ECR: see the IAM policy in the README; " +
			"GHCR: `permissions: packages: write`)"
	case err.StatusCode == http.StatusNotFound:
		return "check the name, and create the repository first: ECR creates it on a push only where a repository creation template says so"
	case err.StatusCode == http.StatusRequestEntityTooLarge:
		return "raise the limit of the proxy in front of the registry (nginx: client_max_body_size), or set `max-blob-size`"
	case err.StatusCode == http.StatusTooManyRequests:
		return "wait for the registry's rate limit, or lower `max-concurrent-uploads`"
	case err.StatusCode == http.StatusInsufficientStorage:
		return "free space in the registry"
	default:
		return "look at the registry's own log and status page; a re-run with the same `resume-dir` goes on from here"
	}
}

// cause puts the reason of a failure in plain words, without addresses that
// carry the registry's signatures.
func cause(err error) string {
	var (
		status *transport.Error
		sent   *url.Error
	)
	if errors.As(err, &status) {
		return fmt.Sprintf("the registry answered %d %s", status.StatusCode, describe(status))
	}
	if errors.Is(err, ErrStalled) {
		return "the connection stalled"
	}
	if errors.As(err, &sent) {
		return sent.Err.Error()
	}
	return err.Error()
}

// describe returns what the registry said beside the status code.
func describe(err *transport.Error) string {
	if len(err.Errors) == 0 {
		return http.StatusText(err.StatusCode)
	}
	said := make([]string, len(err.Errors))
	for i, e := range err.Errors {
		said[i] = strings.TrimSuffix(string(e.Code)+" "+e.Message, " ")
	}
	return strings.Join(said, "; ")
}
