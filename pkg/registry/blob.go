package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/org/shipkit/pkg/diag"
)

// Blob is content to have in a repository.
type Blob struct {
	Digest v1.Hash
	// Size in bytes.
	Size int64
	// Open returns the content from offset on. It may be called again for
	// every attempt, and must give the same bytes.
	Open func(offset int64) (io.ReadCloser, error)
	// Missing tells that the repository was asked for it already, and has it not.
	Missing bool
	// From are repositories of the same registry that may hold the blob, to
	// mount it from there.
	From []name.Repository
	// MountOnly makes it an error that the blob cannot be mounted.
	MountOnly bool
}

// LayerBlob returns a layer's compressed content as a blob. An offset is
// reached by reading up to it.
func LayerBlob(layer v1.Layer) (Blob, error) {
	digest, err := layer.Digest()
	if err != nil {
		return Blob{}, fmt.Errorf("find the digest of a layer: %w", err)
	}
	size, err := layer.Size()
	if err != nil {
		return Blob{}, fmt.Errorf("find the size of layer %s: %w", short(digest), err)
	}
	open := func(offset int64) (io.ReadCloser, error) {
		content, err := layer.Compressed()
		if err != nil {
			return nil, fmt.Errorf("open layer %s: %w", short(digest), err)
		}
		if err := skip(content, offset); err != nil {
			return nil, errors.Join(fmt.Errorf("open layer %s at %d: %w", short(digest), offset, err), content.Close())
		}
		return content, nil
	}
	return Blob{Digest: digest, Size: size, Open: open}, nil
}

// skip moves content on by n bytes.
func skip(content io.Reader, n int64) error {
	if seeker, ok := content.(io.Seeker); ok {
		if _, err := seeker.Seek(n, io.SeekStart); err == nil {
			return nil
		}
	}
	if _, err := io.CopyN(io.Discard, content, n); err != nil {
		return fmt.Errorf("skip %d bytes: %w", n, err)
	}
	return nil
}

// Exists tells whether the repository holds a blob.
func (r *Repository) Exists(ctx context.Context, blob v1.Hash) (bool, error) {
	found := false
	err := r.retry(ctx, "look for layer "+short(blob), func() error {
		resp, err := r.do(ctx, http.MethodHead, r.url("blobs/%s", blob), nil)
		if err != nil {
			return err
		}
		defer drain(resp)
		found = resp.StatusCode == http.StatusOK
		return answered(resp, http.StatusOK, http.StatusNotFound)
	})
	return found, explain(err, r.name.RegistryStr(), "look for layer "+short(blob)+" in "+r.name.String())
}

// start opens an upload, or mounts the blob from another repository. It
// returns a nil address when the blob is mounted: nothing is left to send.
func (r *Repository) start(ctx context.Context, blob Blob) (*url.URL, error) {
	for _, from := range blob.From {
		if from.RegistryStr() != r.name.RegistryStr() || from.RepositoryStr() == r.name.RepositoryStr() {
			continue
		}
		at, mounted, err := r.post(ctx, url.Values{"mount": {blob.Digest.String()}, "from": {from.RepositoryStr()}})
		if err == nil && (mounted || !blob.MountOnly) {
			return at, nil
		}
		// A mount that is refused costs one request. Only the line's failures
		// count as failures.
		var refused *transport.Error
		if err != nil && !errors.As(err, &refused) {
			return nil, err
		}
	}
	if blob.MountOnly {
		return nil, errNotMounted(blob)
	}
	at, _, err := r.post(ctx, nil)
	return at, err
}

// errNotMounted says that a blob would have to be sent.
func errNotMounted(blob Blob) error {
	return &diag.Diagnostic{
		Summary: fmt.Sprintf("mount layer %s: the registry wants its %.1f MB sent", short(blob.Digest), mb(blob.Size)),
		Try:     "turn on mounting (ECR: account setting BLOB_MOUNTING), or raise `max-upload`",
	}
}

// post opens an upload session. OCI distribution spec, "POST then PUT" and
// "mounting a blob from another repository".
func (r *Repository) post(ctx context.Context, query url.Values) (at *url.URL, mounted bool, err error) {
	target := r.url("blobs/uploads/")
	target.RawQuery = query.Encode()
	resp, err := r.do(ctx, http.MethodPost, target, nil)
	if err != nil {
		return nil, false, err
	}
	defer drain(resp)
	if err := answered(resp, http.StatusCreated, http.StatusAccepted); err != nil {
		return nil, false, err
	}
	if resp.StatusCode == http.StatusCreated {
		return nil, true, nil
	}
	at, err = location(resp)
	return at, false, err
}

// do sends a request without a body, or with the given piece of a blob.
func (r *Repository) do(ctx context.Context, method string, target *url.URL, body *piece) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("make a request to %s: %w", target.Host, err)
	}
	if body != nil {
		req = body.attach(req, r.link)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the registry: %w", err)
	}
	return resp, nil
}

// answered returns an error unless the status of resp is one of the codes.
func answered(resp *http.Response, codes ...int) error {
	if err := transport.CheckError(resp, codes...); err != nil {
		return fmt.Errorf("read the registry's answer: %w", err)
	}
	return nil
}

// drain makes the connection of resp free for the next request.
func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64*kib)
	_ = resp.Body.Close()
}

// BytesBlob returns content in memory as a blob.
func BytesBlob(content []byte) Blob {
	digest, size, _ := v1.SHA256(bytes.NewReader(content)) // reading memory does not fail
	return Blob{Digest: digest, Size: size, Open: func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content[offset:])), nil
	}}
}
