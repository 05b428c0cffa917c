package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Media types of the artifact that carries an image's index.
const (
	// ArtifactType of the manifest; it is what to filter referrers by.
	ArtifactType = "application/vnd.shipkit.image-index.v1"
	// LayerIndexType of its layers, one for each layer of the image.
	LayerIndexType types.MediaType = "application/vnd.shipkit.layer-index.v1+zstd"
)

// emptyConfig is the configuration of an artifact that needs none:
// https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidance-for-an-empty-descriptor
var emptyConfig = []byte("{}")

// Artifact returns an OCI artifact that carries ix and refers to the image
// with the given descriptor. It has one layer for each layer of the image, so
// after a delta only one small blob is new.
func Artifact(ix *Index, subject v1.Descriptor) (v1.Image, error) {
	a := &artifact{blobs: map[v1.Hash]v1.Layer{}}
	config, err := a.add(emptyConfig, types.OCIEmptyJSON)
	if err != nil {
		return nil, err
	}
	manifest := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: ArtifactType,
		Config:  *config,
		Layers:  make([]v1.Descriptor, len(ix.Layers)),
		Subject: &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
	}
	for i, layer := range ix.Layers {
		blob, err := layer.Blob()
		if err != nil {
			return nil, fmt.Errorf("make index artifact: %w", err)
		}
		descriptor, err := a.add(blob, LayerIndexType)
		if err != nil {
			return nil, err
		}
		manifest.Layers[i] = *descriptor
	}
	if a.raw, err = json.Marshal(manifest); err != nil {
		return nil, fmt.Errorf("make index artifact: %w", err)
	}
	img, err := partial.CompressedToImage(a)
	if err != nil {
		return nil, fmt.Errorf("make index artifact: %w", err)
	}
	return img, nil
}

// ReadArtifact returns the index that an artifact carries. It is an error if
// it does not describe exactly the layers with the given diff IDs. The parts of
// layers that known returns an index of are not read; it may be nil.
func ReadArtifact(img v1.Image, diffIDs []v1.Hash, known func(diffID v1.Hash) *LayerIndex) (*Index, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("read index artifact: %w", err)
	}
	if len(layers) != len(diffIDs) {
		return nil, fmt.Errorf("read index artifact: it describes %d layers, the image has %d", len(layers), len(diffIDs))
	}
	indexes := make([]*LayerIndex, len(layers))
	for i, layer := range layers {
		if known != nil {
			indexes[i] = known(diffIDs[i])
		}
		if indexes[i] != nil {
			continue
		}
		if indexes[i], err = readBlob(layer); err != nil {
			return nil, fmt.Errorf("read index artifact: layer %d: %w", i+1, err)
		}
		if indexes[i].DiffID != diffIDs[i] {
			return nil, fmt.Errorf("read index artifact: layer %d is %s, the image has %s", i+1, indexes[i].DiffID, diffIDs[i])
		}
	}
	return NewIndex(indexes)
}

func readBlob(layer v1.Layer) (_ *LayerIndex, err error) {
	rc, err := layer.Compressed()
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	blob, err := io.ReadAll(io.LimitReader(rc, MaxBlob+1))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return ReadLayerIndex(blob)
}

// artifact is an image whose blobs are in memory.
type artifact struct {
	raw   []byte
	blobs map[v1.Hash]v1.Layer
}

func (a *artifact) add(blob []byte, mediaType types.MediaType) (*v1.Descriptor, error) {
	layer := static.NewLayer(blob, mediaType)
	digest, size, err := v1.SHA256(bytes.NewReader(blob))
	if err != nil {
		return nil, fmt.Errorf("make index artifact: %w", err)
	}
	a.blobs[digest] = layer
	return &v1.Descriptor{MediaType: mediaType, Digest: digest, Size: size}, nil
}

// RawConfigFile implements partial.CompressedImageCore.
func (a *artifact) RawConfigFile() ([]byte, error) { return emptyConfig, nil }

// MediaType implements partial.CompressedImageCore.
func (a *artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// RawManifest implements partial.CompressedImageCore.
func (a *artifact) RawManifest() ([]byte, error) { return a.raw, nil }

// LayerByDigest implements partial.CompressedImageCore.
func (a *artifact) LayerByDigest(digest v1.Hash) (partial.CompressedLayer, error) {
	layer, ok := a.blobs[digest]
	if !ok {
		return nil, fmt.Errorf("the artifact has no blob %s", digest)
	}
	return layer, nil
}
