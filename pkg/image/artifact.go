package image

import (
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Media types of the artifact that carries an image's index.
const (
	// ArtifactType of the manifest; it is what to filter referrers by.
	ArtifactType = "application/vnd.shipkit.image-index.v1"
	// LayerIndexType of its layers, one for each layer of the image.
	LayerIndexType types.MediaType = "application/vnd.shipkit.layer-index.v1+zstd"
)

// Artifact returns an OCI artifact that carries ix and refers to the image
// with the given descriptor. It has one layer for each layer of the image, so
// after a delta only one small blob is new.
func Artifact(ix *Index, subject v1.Descriptor) (v1.Image, error) {
	return nil, errors.New("make index artifact: not written yet")
}

// ReadArtifact returns the index that an artifact carries. It is an error if
// it does not describe exactly the layers with the given diff IDs.
func ReadArtifact(artifact v1.Image, diffIDs []v1.Hash) (*Index, error) {
	return nil, errors.New("read index artifact: not written yet")
}
