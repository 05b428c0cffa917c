package build

import (
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// storedImage is an image whose parts are files of a store.
type storedImage struct {
	store     store
	mediaType types.MediaType
	manifest  []byte
	config    []byte
	layers    map[v1.Hash]storedLayer
}

// RawConfigFile implements [partial.ImageCore].
func (i *storedImage) RawConfigFile() ([]byte, error) { return i.config, nil }

// MediaType implements [partial.ImageCore].
func (i *storedImage) MediaType() (types.MediaType, error) { return i.mediaType, nil }

// RawManifest implements [partial.CompressedImageCore].
func (i *storedImage) RawManifest() ([]byte, error) { return i.manifest, nil }

// LayerByDigest implements [partial.CompressedImageCore].
func (i *storedImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	layer, ok := i.layers[h]
	if !ok {
		return nil, fmt.Errorf("the image has no layer %s", h)
	}
	return layer, nil
}

// storedLayer is a layer as it lies in a store, compressed or not.
type storedLayer struct {
	store      store
	name       string
	descriptor v1.Descriptor
	diffID     v1.Hash
}

// Digest implements [partial.CompressedLayer].
func (l storedLayer) Digest() (v1.Hash, error) { return l.descriptor.Digest, nil }

// DiffID implements [partial.WithDiffID].
func (l storedLayer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// Size implements [partial.CompressedLayer].
func (l storedLayer) Size() (int64, error) { return l.descriptor.Size, nil }

// MediaType implements [partial.CompressedLayer].
func (l storedLayer) MediaType() (types.MediaType, error) { return l.descriptor.MediaType, nil }

// Descriptor implements [partial.Descriptor]: a foreign layer keeps its URLs.
func (l storedLayer) Descriptor() (*v1.Descriptor, error) { return &l.descriptor, nil }

// Compressed implements [partial.CompressedLayer]. It returns the file as it is.
func (l storedLayer) Compressed() (io.ReadCloser, error) {
	content, size, err := l.store.open(l.name)
	if err != nil {
		return nil, err
	}
	if size != l.descriptor.Size {
		_ = content.Close()
		return nil, fmt.Errorf("layer %s is %d bytes long, its manifest says %d", l.name, size, l.descriptor.Size)
	}
	return content, nil
}

// image returns the stored image as a [v1.Image], once its manifest and config
// fit each other.
func (i *storedImage) image(manifest *v1.Manifest, name func(v1.Hash) string) (v1.Image, error) {
	i.layers = map[v1.Hash]storedLayer{}
	extended, err := partial.CompressedToImage(i)
	if err != nil {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	config, err := extended.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the image's config: %w", err)
	}
	if len(config.RootFS.DiffIDs) != len(manifest.Layers) {
		return nil, fmt.Errorf("the image's manifest lists %d layers, its config %d", len(manifest.Layers), len(config.RootFS.DiffIDs))
	}
	for n, descriptor := range manifest.Layers {
		i.layers[descriptor.Digest] = storedLayer{
			store: i.store, name: name(descriptor.Digest), descriptor: descriptor, diffID: config.RootFS.DiffIDs[n],
		}
	}
	return extended, nil
}

// Platform returns what an image's config says that it runs on.
func platformOf(image v1.Image) (v1.Platform, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return v1.Platform{}, fmt.Errorf("read the image's config: %w", err)
	}
	return v1.Platform{
		OS: config.OS, Architecture: config.Architecture, Variant: config.Variant, OSVersion: config.OSVersion,
	}, nil
}
