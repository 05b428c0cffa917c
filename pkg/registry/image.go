package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image returns the image of a manifest in this repository. Its config and
// layers are read when they are asked for.
func (r *Repository) Image(ctx context.Context, m Manifest) (v1.Image, error) {
	manifest, err := v1.ParseManifest(bytes.NewReader(m.Raw))
	if err != nil {
		return nil, fmt.Errorf("read a manifest of %s: %w", r.name, err)
	}
	core := &remoteImage{repo: r, raw: m, manifest: manifest}
	core.config = sync.OnceValues(func() ([]byte, error) {
		return r.ReadBlob(ctx, manifest.Config.Digest, manifest.Config.Size)
	})
	core.layer = func(h v1.Hash) (io.ReadCloser, error) { return r.OpenBlob(ctx, h) }
	return partial.CompressedToImage(core) //nolint:wrapcheck // it never fails
}

// remoteImage is an image in a registry.
type remoteImage struct {
	repo     *Repository
	raw      Manifest
	manifest *v1.Manifest
	config   func() ([]byte, error)
	layer    func(v1.Hash) (io.ReadCloser, error)
}

// RawConfigFile implements [partial.ImageCore].
func (i *remoteImage) RawConfigFile() ([]byte, error) { return i.config() }

// MediaType implements [partial.ImageCore].
func (i *remoteImage) MediaType() (types.MediaType, error) { return i.raw.MediaType, nil }

// RawManifest implements [partial.CompressedImageCore].
func (i *remoteImage) RawManifest() ([]byte, error) { return i.raw.Raw, nil }

// LayerByDigest implements [partial.CompressedImageCore].
func (i *remoteImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for n, descriptor := range i.manifest.Layers {
		if descriptor.Digest == h {
			return &remoteLayer{image: i, position: n, descriptor: descriptor}, nil
		}
	}
	return nil, fmt.Errorf("the image has no layer %s", h)
}

// remoteLayer is a layer of a remoteImage.
type remoteLayer struct {
	image      *remoteImage
	position   int
	descriptor v1.Descriptor
}

// Digest implements [partial.CompressedLayer].
func (l *remoteLayer) Digest() (v1.Hash, error) { return l.descriptor.Digest, nil }

// Size implements [partial.CompressedLayer].
func (l *remoteLayer) Size() (int64, error) { return l.descriptor.Size, nil }

// MediaType implements [partial.CompressedLayer].
func (l *remoteLayer) MediaType() (types.MediaType, error) { return l.descriptor.MediaType, nil }

// Descriptor keeps what the manifest says of the layer.
func (l *remoteLayer) Descriptor() (*v1.Descriptor, error) { return &l.descriptor, nil }

// Compressed implements [partial.CompressedLayer].
func (l *remoteLayer) Compressed() (io.ReadCloser, error) {
	return l.image.layer(l.descriptor.Digest)
}

// DiffID implements [partial.WithDiffID]: the config tells it, so that the
// layer need not be read.
func (l *remoteLayer) DiffID() (v1.Hash, error) {
	raw, err := l.image.RawConfigFile()
	if err != nil {
		return v1.Hash{}, err
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return v1.Hash{}, fmt.Errorf("read an image's config: %w", err)
	}
	if l.position >= len(config.RootFS.DiffIDs) {
		return v1.Hash{}, fmt.Errorf("the image's config names %d layers, its manifest more", len(config.RootFS.DiffIDs))
	}
	return config.RootFS.DiffIDs[l.position], nil
}
