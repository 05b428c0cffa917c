package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Auth answers a request without valid credentials and says which credentials are valid.
type Auth interface {
	// Allow reports whether the request may pass.
	Allow(r *http.Request) bool
	// Challenge is the value of WWW-Authenticate; host is the registry's host:port.
	Challenge(host string, r *http.Request) string
}

// A Basic guards a registry as ECR does: HTTP basic authentication, with a password that expires.
type Basic struct {
	// Check reports whether the password is good at this moment.
	Check func(ctx context.Context, user, password string) bool
}

// Allow implements Auth.
func (b Basic) Allow(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	return ok && b.Check(r.Context(), user, password)
}

// Challenge implements Auth.
func (Basic) Challenge(host string, _ *http.Request) string {
	return fmt.Sprintf("Basic realm=%q,service=%q", "http://"+host+"/", "ecr.amazonaws.com")
}

// A Bearer guards a registry as GHCR does: a token endpoint exchanges basic credentials for a bearer token.
type Bearer struct {
	// Check reports whether the credentials are good.
	Check func(user, password string) bool
	// Token is what the token endpoint hands out.
	Token string
	// Lifetime is what the token endpoint announces; 300 s when zero.
	Lifetime time.Duration
}

// Allow implements Auth.
func (b Bearer) Allow(r *http.Request) bool {
	return r.Header.Get("Authorization") == "Bearer "+b.Token
}

// Challenge implements Auth. See https://distribution.github.io/distribution/spec/auth/token/.
func (b Bearer) Challenge(host string, r *http.Request) string {
	actions := "pull"
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		actions = "pull,push"
	}
	c := fmt.Sprintf("Bearer realm=%q,service=%q", "http://"+host+tokenPath, host)
	if repository := repositoryOf(r.URL.Path); repository != "" {
		c += fmt.Sprintf(",scope=%q", "repository:"+repository+":"+actions)
	}
	return c
}

const tokenPath = "/token"

// serveToken is the token endpoint.
func (b Bearer) serveToken(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if !b.Check(user, password) {
		writeError(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return
	}
	lifetime := b.Lifetime
	if lifetime == 0 {
		lifetime = 300 * time.Second
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"token": b.Token, "expires_in": int(lifetime.Seconds())})
}

// repositoryOf is the repository that a path of the distribution API names, or empty.
func repositoryOf(path string) string {
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return ""
	}
	end := -1 // the last mark counts: a repository may be called a/manifests/b
	for _, mark := range []string{"/manifests/", "/blobs/", "/tags/", "/referrers/"} {
		end = max(end, strings.LastIndex(rest, mark))
	}
	if end < 0 {
		return ""
	}
	return rest[:end]
}
