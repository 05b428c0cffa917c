package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/shipkit/pkg/diag"
)

// Manifest is the text of a manifest or index.
type Manifest struct {
	MediaType types.MediaType
	Raw       []byte
}

// Describer is an image or an index of images.
type Describer interface {
	MediaType() (types.MediaType, error)
	RawManifest() ([]byte, error)
}

// ManifestOf returns the manifest of an image or an index.
func ManifestOf(d Describer) (Manifest, error) {
	mediaType, err := d.MediaType()
	if err != nil {
		return Manifest{}, fmt.Errorf("find the type of a manifest: %w", err)
	}
	raw, err := d.RawManifest()
	if err != nil {
		return Manifest{}, fmt.Errorf("make a manifest: %w", err)
	}
	return Manifest{MediaType: mediaType, Raw: raw}, nil
}

// Descriptor returns the manifest's type, digest and size.
func (m Manifest) Descriptor() v1.Descriptor {
	digest, size, _ := v1.SHA256(bytes.NewReader(m.Raw)) // reading memory does not fail
	return v1.Descriptor{MediaType: m.MediaType, Digest: digest, Size: size}
}

// manifestTypes are what a tag may name.
var manifestTypes = strings.Join([]string{
	string(types.OCIManifestSchema1), string(types.OCIImageIndex),
	string(types.DockerManifestSchema2), string(types.DockerManifestList),
}, ", ")

// maxManifest bounds what is read of a manifest.
const maxManifest = 16 * mib

// Manifest reads the manifest of a tag or digest. It returns found false when
// the repository or the reference does not exist. A digest is looked up among
// the documents first: ask Head whether the repository still has it.
func (r *Repository) Manifest(ctx context.Context, reference string) (m Manifest, found bool, err error) {
	digest, byDigest := parseDigest(reference)
	if raw := r.kept(digest); byDigest && raw != nil {
		if mediaType := mediaTypeOf(raw); mediaType != "" {
			return Manifest{MediaType: mediaType, Raw: raw}, true, nil
		}
	}
	operation := "read manifest " + reference + " of " + r.name.String()
	err = r.retry(ctx, operation, func() error {
		resp, err := r.manifestRequest(ctx, http.MethodGet, reference, nil)
		if err != nil {
			return err
		}
		defer drain(resp)
		if err := answered(resp, http.StatusOK, http.StatusNotFound); err != nil || resp.StatusCode == http.StatusNotFound {
			return err
		}
		if m.Raw, err = io.ReadAll(io.LimitReader(resp.Body, maxManifest)); err != nil {
			return fmt.Errorf("read a manifest: %w", err)
		}
		m.MediaType, found = mediaTypeOf(m.Raw), true
		if m.MediaType == "" { // optional in OCI
			header, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
			m.MediaType = types.MediaType(header)
		}
		return nil
	})
	if err != nil {
		return Manifest{}, false, explain(err, r.name.RegistryStr(), operation)
	}
	if byDigest && found && m.Descriptor().Digest != digest {
		return Manifest{}, false, fmt.Errorf("%s: the registry sent other content", operation)
	}
	if found {
		r.keep(m.Descriptor().Digest, m.Raw)
	}
	return m, found, nil
}

func parseDigest(reference string) (v1.Hash, bool) {
	digest, err := v1.NewHash(reference)
	return digest, err == nil
}

// mediaTypeOf returns what a manifest says that it is, "" if it does not.
func mediaTypeOf(raw []byte) types.MediaType {
	var m struct {
		MediaType types.MediaType `json:"mediaType"`
	}
	_ = json.Unmarshal(raw, &m) // no type then
	return m.MediaType
}

// Head returns the digest that a tag names now, or found false. It moves a few
// hundred bytes.
func (r *Repository) Head(ctx context.Context, reference string) (digest v1.Hash, found bool, err error) {
	operation := "look up " + r.name.String() + ":" + reference
	absent := false
	err = r.retry(ctx, operation, func() error {
		resp, err := r.manifestRequest(ctx, http.MethodHead, reference, nil)
		if err != nil {
			return err
		}
		defer drain(resp)
		absent = resp.StatusCode == http.StatusNotFound
		if err := answered(resp, http.StatusOK, http.StatusNotFound); err != nil || absent {
			return err
		}
		digest, err = v1.NewHash(resp.Header.Get("Docker-Content-Digest"))
		found = err == nil
		return nil
	})
	if err != nil || found || absent {
		return digest, found, explain(err, r.name.RegistryStr(), operation)
	}
	// A registry that answers without a digest: read the manifest.
	m, found, err := r.Manifest(ctx, reference)
	if err != nil || !found {
		return v1.Hash{}, false, err
	}
	return m.Descriptor().Digest, true, nil
}

// CheckSize refuses a manifest that is larger than the registry takes.
func (r *Repository) CheckSize(m Manifest) error {
	limit := r.profile.MaxManifest
	if limit == 0 || int64(len(m.Raw)) <= limit {
		return nil
	}
	return &diag.Diagnostic{
		Summary: fmt.Sprintf("push a manifest to %s: its %d bytes are more than the %d that %s takes", r.name, len(m.Raw), limit, r.profile.Name),
		Try:     "lower the number of platforms, annotations or layers of this image",
	}
}

// PutManifest stores m under its digest or a tag. Everything it names must be
// in the repository by then.
func (r *Repository) PutManifest(ctx context.Context, reference string, m Manifest) (http.Header, error) {
	if err := r.CheckSize(m); err != nil {
		return nil, err
	}
	operation := "push manifest " + reference + " to " + r.name.String()
	var header http.Header
	err := r.retry(ctx, operation, func() error {
		resp, err := r.manifestRequest(ctx, http.MethodPut, reference, &m)
		if err != nil {
			return err
		}
		defer drain(resp)
		header = resp.Header
		return answered(resp, http.StatusCreated, http.StatusOK, http.StatusAccepted)
	})
	if err == nil {
		r.keep(m.Descriptor().Digest, m.Raw)
	}
	return header, explain(err, r.name.RegistryStr(), operation)
}

func (r *Repository) manifestRequest(ctx context.Context, method, reference string, m *Manifest) (*http.Response, error) {
	var body io.Reader
	if m != nil {
		body = bytes.NewReader(m.Raw)
	}
	target := r.url("manifests/%s", reference)
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("make a request to %s: %w", target.Host, err)
	}
	if m != nil {
		req.Header.Set("Content-Type", string(m.MediaType))
	} else {
		req.Header.Set("Accept", manifestTypes)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the registry: %w", err)
	}
	return resp, nil
}

// ErrTagMoved tells that somebody else pushed to a tag meanwhile.
var ErrTagMoved = errors.New("the tag was moved meanwhile")

// MoveTag makes tag name the manifest m. Without force, the tag must still name
// expect (the zero hash: nothing), or m already.
func (r *Repository) MoveTag(ctx context.Context, tag string, expect v1.Hash, m Manifest, force bool) error {
	now, found, err := r.Head(ctx, tag)
	if err != nil {
		return err
	}
	if found && now == m.Descriptor().Digest {
		return nil
	}
	if now != expect && !force {
		was := "did not exist"
		if expect != (v1.Hash{}) {
			was = "named " + short(expect)
		}
		happened := "removed it"
		if found {
			happened = "moved it to " + short(now)
		}
		return &diag.Diagnostic{
			Summary: fmt.Sprintf("move tag %s:%s: somebody else %s; it %s when this push was planned", r.name, tag, happened, was),
			Try:     "look at what was pushed, then run again to plan anew, or set `force: true` to overwrite it",
			Err:     ErrTagMoved,
		}
	}
	_, err = r.PutManifest(ctx, tag, m)
	return err
}
