// Package registry sends blobs and manifests to container registries over
// links that are slow, lossy and paid by the byte.
//
// A [Link] is the way out: it counts every byte, keeps to a bandwidth limit
// and cuts a connection that stalls. A [Repository] is one repository on that
// link. An upload goes up in pieces; after a drop, or in a new process, the
// registry is asked where it stands and the upload goes on from there.
//
// The protocol is the OCI distribution specification v1.1,
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md.
// Registries differ from it and from each other: see [Profile].
package registry

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/org/shipkit/pkg/progress"
)

// Options tune a [Repository]. The zero value works.
type Options struct {
	// Keychain finds the credentials; nil means anonymous.
	Keychain authn.Keychain
	// Profile overrides the profile chosen by the registry's host name.
	Profile *Profile
	// ResumeDir keeps the journals of unfinished uploads; "" keeps none, and
	// an upload then survives drops but not the end of the process.
	ResumeDir string
	// Patience is how long the registry may take no byte before an upload or
	// a request fails; 0 means 10 minutes.
	Patience time.Duration
	// Documents keeps manifests and configs between runs; nil keeps none.
	Documents Documents
	// BlobDir keeps the blobs that are read, so that none is read twice; ""
	// keeps none.
	BlobDir string
	// ReadOnly asks for no right to push.
	ReadOnly bool
	// Progress receives what the uploads do; nil drops it.
	Progress progress.Func
}

// Documents is a store of small immutable files by digest. What it returns is
// checked against the digest.
type Documents interface {
	// Load returns a document, nil if there is none.
	Load(digest v1.Hash) []byte
	// Store keeps a document, if it can.
	Store(digest v1.Hash, content []byte)
}

const defaultPatience = 10 * time.Minute

// Repository is one repository of a registry, ready to push to.
type Repository struct {
	name    name.Repository
	link    *Link
	client  *http.Client
	options Options
	profile Profile
	backoff backoff
}

// Open authenticates to repo's registry over link. Reaching the registry is
// tried again until the patience of o is over.
func Open(ctx context.Context, link *Link, repo name.Repository, o Options) (*Repository, error) {
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Keychain == nil {
		o.Keychain = authn.NewMultiKeychain()
	}
	r := &Repository{name: repo, link: link, options: o, profile: profileOf(repo.RegistryStr()), backoff: defaultBackoff}
	if o.Profile != nil {
		r.profile = *o.Profile
	}
	auth, err := authn.Resolve(ctx, o.Keychain, repo)
	if err != nil {
		return nil, fmt.Errorf("find credentials for %s: %w", repo.RegistryStr(), err)
	}
	scope := transport.PushScope
	if o.ReadOnly {
		scope = transport.PullScope
	}
	err = r.retry(ctx, "reach "+repo.RegistryStr(), func() error {
		authenticated, err := transport.NewWithContext(ctx, repo.Registry, auth,
			transport.NewUserAgent(link, "shipkit"), []string{repo.Scope(scope)})
		if err != nil {
			return err //nolint:wrapcheck // explained by explain
		}
		r.client = &http.Client{Transport: authenticated}
		return nil
	})
	if err != nil {
		return nil, explain(err, repo.RegistryStr(), "open "+repo.String())
	}
	return r, nil
}

// Name returns the repository's name, registry included.
func (r *Repository) Name() name.Repository { return r.name }

// Profile returns how this registry is spoken to.
func (r *Repository) Profile() Profile { return r.profile }

// url returns the address of an API path below /v2/<name>/.
func (r *Repository) url(format string, args ...any) *url.URL {
	return &url.URL{
		Scheme: r.name.Scheme(), Host: r.name.RegistryStr(),
		Path: "/v2/" + r.name.RepositoryStr() + "/" + fmt.Sprintf(format, args...),
	}
}

// kept returns a document that was kept, nil if there is none.
func (r *Repository) kept(digest v1.Hash) []byte {
	if r.options.Documents == nil {
		return nil
	}
	content := r.options.Documents.Load(digest)
	if got, _, _ := v1.SHA256(bytes.NewReader(content)); got != digest { // reading memory does not fail
		return nil
	}
	return content
}

func (r *Repository) keep(digest v1.Hash, content []byte) {
	if r.options.Documents != nil {
		r.options.Documents.Store(digest, content)
	}
}

// location resolves the Location of resp, where the upload goes on. A registry
// may hand an upload over to a storage host, but not from https to http.
func location(resp *http.Response) (*url.URL, error) {
	raw := resp.Header.Get("Location")
	if raw == "" {
		return nil, fmt.Errorf("%s %s answered without a Location", resp.Request.Method, resp.Request.URL.Path)
	}
	next, err := resp.Request.URL.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("read the Location of an upload: %w", err)
	}
	if next.Scheme == "http" && resp.Request.URL.Scheme == "https" {
		next.Scheme = "https"
	}
	return next, nil
}

// Short returns the first 12 digits of a digest, for lines on screen.
func short(h v1.Hash) string {
	return strings.TrimPrefix(h.Hex[:min(12, len(h.Hex))], ":")
}
