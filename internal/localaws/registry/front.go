package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	digest "github.com/opencontainers/go-digest"
)

// front puts credentials, the control plane's policy and the profile's quirks before the registry itself.
func front(o Options, app http.Handler, host string) http.Handler {
	refuse := func() bool { return o.Profile.RefuseMount && (o.Policy == nil || !o.Policy.Mountable()) }
	next := o.Profile.wrap(app, refuse)
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
		reference, isPush := pushed(r)
		if !isPush {
			next.ServeHTTP(w, r)
			return
		}
		manifest, tag := readManifest(w, r), ""
		if !strings.Contains(reference, ":") {
			tag = reference
		}
		if tag != "" && policy.Immutable(repository, tag) && moves(app, r, manifest.Digest) {
			writeError(w, http.StatusBadRequest, "TAG_INVALID", fmt.Sprintf("The image tag '%s' already exists in the '%s' "+
				"repository and cannot be overwritten because the tag is immutable.", tag, repository))
			return
		}
		status := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(status, r)
		if status.code == http.StatusCreated {
			policy.Pushed(repository, tag, manifest)
		}
	})
}

// pushed is the tag or digest that a manifest PUT names.
func pushed(r *http.Request) (reference string, ok bool) {
	if r.Method != http.MethodPut {
		return "", false
	}
	_, reference, ok = strings.Cut(r.URL.Path, "/manifests/")
	return reference, ok
}

// readManifest reads the body of a push and puts it back. A body over 4 MiB is cut: the registry refuses it anyway.
func readManifest(w http.ResponseWriter, r *http.Request) Manifest {
	body, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
	r.Body = io.NopCloser(bytes.NewReader(body))
	return Manifest{Digest: digest.FromBytes(body).String(), MediaType: r.Header.Get("Content-Type"), Body: body}
}

// moves reports whether the pushed tag exists and names another manifest.
func moves(app http.Handler, r *http.Request, pushed string) bool {
	head, err := http.NewRequestWithContext(r.Context(), http.MethodHead, "http://"+r.Host+r.URL.Path, http.NoBody)
	if err != nil {
		return false
	}
	for _, t := range ManifestTypes {
		head.Header.Add("Accept", t)
	}
	resp, err := handlerTransport{app}.RoundTrip(head)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode == http.StatusOK && resp.Header.Get("Docker-Content-Digest") != pushed
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.code == 0 {
		w.code = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// ManifestTypes are the media types under which distribution hands out manifests.
var ManifestTypes = []string{
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
