package registry

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	digest "github.com/opencontainers/go-digest"
)

// front puts credentials, the control plane's policy and the profile's quirks before the registry itself.
func front(o Options, app http.Handler, host string) http.Handler {
	next := o.Profile.wrap(app)
	next = withPolicy(o.Policy, app, next)
	if o.Auth == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bearer, ok := o.Auth.(Bearer); ok && r.URL.Path == tokenPath {
			bearer.serveToken(w, r)
			return
		}
		if !o.Auth.Allow(r) {
			w.Header().Set("WWW-Authenticate", o.Auth.Challenge(host, r))
			w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
			writeError(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// withPolicy refuses what the control plane forbids, in ECR's words.
func withPolicy(policy Policy, app, next http.Handler) http.Handler {
	if policy == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		repository := repositoryOf(r.URL.Path)
		if repository != "" && !policy.Exists(repository) {
			writeError(w, http.StatusNotFound, "NAME_UNKNOWN",
				fmt.Sprintf("The repository with name '%s' does not exist in the registry with id '%s'", repository, "000000000000"))
			return
		}
		if tag, ok := pushedTag(r); ok && policy.Immutable(repository, tag) && moves(app, w, r) {
			writeError(w, http.StatusBadRequest, "TAG_INVALID", fmt.Sprintf("The image tag '%s' already exists in the '%s' "+
				"repository and cannot be overwritten because the tag is immutable.", tag, repository))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// pushedTag is the tag that a manifest PUT names.
func pushedTag(r *http.Request) (string, bool) {
	if r.Method != http.MethodPut {
		return "", false
	}
	_, reference, ok := strings.Cut(r.URL.Path, "/manifests/")
	return reference, ok && !strings.Contains(reference, ":")
}

// moves reports whether the pushed tag exists and names another manifest. It reads the body and puts it back.
func moves(app http.Handler, w http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	if err != nil {
		return false // the registry itself refuses a manifest of this size
	}
	head, err := http.NewRequestWithContext(r.Context(), http.MethodHead, "http://"+r.Host+r.URL.Path, http.NoBody)
	if err != nil {
		return false
	}
	head.Header.Set("Accept", "*/*")
	for _, t := range manifestTypes {
		head.Header.Add("Accept", t)
	}
	resp, err := handlerTransport{app}.RoundTrip(head)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	have := resp.Header.Get("Docker-Content-Digest")
	return resp.StatusCode == http.StatusOK && have != digest.FromBytes(body).String()
}

// manifestTypes are the media types under which distribution hands out manifests.
var manifestTypes = []string{
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
}

// writeError answers with the distribution API's error body.
func writeError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	type entry struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	_ = json.NewEncoder(w).Encode(map[string][]entry{"errors": {{Code: code, Message: message}}})
}
