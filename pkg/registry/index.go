package registry

import (
	"bytes"
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Index returns the index of a manifest in this repository. Its images are
// read when they are asked for.
func (r *Repository) Index(ctx context.Context, m Manifest) (v1.ImageIndex, error) {
	manifest, err := v1.ParseIndexManifest(bytes.NewReader(m.Raw))
	if err != nil {
		return nil, fmt.Errorf("read an index of %s: %w", r.name, err)
	}
	read := func(h v1.Hash) (Manifest, error) {
		child, found, err := r.Manifest(ctx, h.String())
		if err == nil && !found {
			err = fmt.Errorf("%s has no %s, which its index names", r.name, h)
		}
		return child, err
	}
	return &remoteIndex{
		raw: m, manifest: manifest,
		image: func(h v1.Hash) (v1.Image, error) {
			child, err := read(h)
			if err != nil {
				return nil, err
			}
			return r.Image(ctx, child)
		},
		index: func(h v1.Hash) (v1.ImageIndex, error) {
			child, err := read(h)
			if err != nil {
				return nil, err
			}
			return r.Index(ctx, child)
		},
	}, nil
}

// remoteIndex is an index in a registry.
type remoteIndex struct {
	raw      Manifest
	manifest *v1.IndexManifest
	image    func(v1.Hash) (v1.Image, error)
	index    func(v1.Hash) (v1.ImageIndex, error)
}

// MediaType implements [v1.ImageIndex].
func (i *remoteIndex) MediaType() (types.MediaType, error) { return i.raw.MediaType, nil }

// Digest implements [v1.ImageIndex].
func (i *remoteIndex) Digest() (v1.Hash, error) { return i.raw.Descriptor().Digest, nil }

// Size implements [v1.ImageIndex].
func (i *remoteIndex) Size() (int64, error) { return int64(len(i.raw.Raw)), nil }

// IndexManifest implements [v1.ImageIndex].
func (i *remoteIndex) IndexManifest() (*v1.IndexManifest, error) { return i.manifest, nil }

// RawManifest implements [v1.ImageIndex].
func (i *remoteIndex) RawManifest() ([]byte, error) { return i.raw.Raw, nil }

// Image implements [v1.ImageIndex].
func (i *remoteIndex) Image(h v1.Hash) (v1.Image, error) { return i.image(h) }

// ImageIndex implements [v1.ImageIndex].
func (i *remoteIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) { return i.index(h) }
