package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Referrer returns the manifest of the given artifact type that refers to
// subject, or found false. It asks the referrers API and falls back to the
// tag scheme. OCI distribution spec, "listing referrers".
func (r *Repository) Referrer(ctx context.Context, subject v1.Hash, artifactType string) (m Manifest, found bool, err error) {
	list, err := r.referrers(ctx, subject)
	if err != nil {
		return Manifest{}, false, err
	}
	// The last that was attached is the best.
	for _, d := range slices.Backward(list.Manifests) {
		if d.ArtifactType == artifactType {
			return r.Manifest(ctx, d.Digest.String())
		}
	}
	return Manifest{}, false, nil
}

func (r *Repository) referrers(ctx context.Context, subject v1.Hash) (*v1.IndexManifest, error) {
	operation := "list what refers to " + short(subject) + " in " + r.name.String()
	var list *v1.IndexManifest
	err := r.retry(ctx, operation, func() error {
		resp, err := r.do(ctx, http.MethodGet, r.url("referrers/%s", subject), nil)
		if err != nil {
			return err
		}
		defer drain(resp)
		if temporaryStatus(resp.StatusCode) || resp.StatusCode == http.StatusUnauthorized {
			return answered(resp)
		}
		if resp.StatusCode == http.StatusOK && strings.HasPrefix(resp.Header.Get("Content-Type"), string(types.OCIImageIndex)) {
			list, err = v1.ParseIndexManifest(resp.Body)
		}
		return err //nolint:wrapcheck // explain adds the operation
	})
	if err != nil || list != nil {
		return list, explain(err, r.name.RegistryStr(), operation)
	}
	return r.taggedReferrers(ctx, subject)
}

// referrersTag is where a registry without the API keeps the list.
func referrersTag(subject v1.Hash) string { return subject.Algorithm + "-" + subject.Hex }

func (r *Repository) taggedReferrers(ctx context.Context, subject v1.Hash) (*v1.IndexManifest, error) {
	m, found, err := r.Manifest(ctx, referrersTag(subject))
	if err != nil || !found || m.MediaType != types.OCIImageIndex {
		return &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}, err
	}
	list, err := v1.ParseIndexManifest(strings.NewReader(string(m.Raw)))
	if err != nil {
		return nil, fmt.Errorf("read the list of what refers to %s: %w", short(subject), err)
	}
	return list, nil
}

// PutReferrer stores the manifest of an artifact that names subject, and lists
// it under the tag scheme when the registry does not do so by itself. The
// artifact's blobs must be in the repository by then. OCI distribution spec,
// "pushing manifests with subject".
func (r *Repository) PutReferrer(ctx context.Context, subject v1.Hash, artifactType string, m Manifest) error {
	descriptor := m.Descriptor()
	header, err := r.PutManifest(ctx, descriptor.Digest.String(), m)
	if err != nil {
		return err
	}
	if header.Get("OCI-Subject") != "" {
		return nil
	}
	list, err := r.taggedReferrers(ctx, subject)
	if err != nil {
		return err
	}
	descriptor.ArtifactType = artifactType
	for _, d := range list.Manifests {
		if d.Digest == descriptor.Digest {
			return nil
		}
	}
	list.Manifests = append(list.Manifests, descriptor)
	raw, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("list what refers to %s: %w", short(subject), err)
	}
	_, err = r.PutManifest(ctx, referrersTag(subject), Manifest{MediaType: types.OCIImageIndex, Raw: raw})
	return err
}
