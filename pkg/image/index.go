package image

import (
	"context"
	"errors"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/shipkit/pkg/progress"
)

// LayerIndex lists what one layer holds.
type LayerIndex struct {
	// DiffID is the digest of the uncompressed layer.
	DiffID v1.Hash
	// Entries are in tree order: a directory, all that is below it, then its
	// next sibling.
	Entries []Entry
}

// Index is a stack of layers with the filesystem that they merge to.
type Index struct {
	// Layers from the bottom up.
	Layers []*LayerIndex
	// Nodes are the merged filesystem in tree order.
	Nodes []Node
	// Ambiguous lists paths of which container engines disagree what they
	// mean, such as an entry below a lower layer's symlink. An image that has
	// some must be pushed as it is, without a delta.
	Ambiguous []string
}

// IndexLayer reads a layer (a tar archive; plain, gzip or zstd) to its end.
// A broken archive, or a path that leads out of the root, is an error.
func IndexLayer(ctx context.Context, r io.Reader) (*LayerIndex, error) {
	return nil, errors.New("index layer: not written yet")
}

// NewIndex merges layers, given from the bottom up.
func NewIndex(layers []*LayerIndex) (*Index, error) {
	return nil, errors.New("merge layers: not written yet")
}

// BuildOptions tune [BuildIndex].
type BuildOptions struct {
	// Known returns the index of a layer that need not be read again, or nil.
	Known func(diffID v1.Hash) *LayerIndex
	// Progress reports the bytes read.
	Progress progress.Func
}

// BuildIndex reads the layers of an image, two at a time, and merges them. A
// layer whose content does not have its diff ID is an error.
func BuildIndex(ctx context.Context, img v1.Image, opts BuildOptions) (*Index, error) {
	return nil, errors.New("index image: not written yet")
}

// Usage tells how much of a layer the merged filesystem still shows.
type Usage struct {
	// Total and Live are bytes of file content, uncompressed.
	Total, Live int64
}

// Usage returns the usage of each layer, from the bottom up.
func (ix *Index) Usage() []Usage { return nil }

// Blob returns the layer index encoded, as it is stored in a registry. Of an
// index that [ReadLayerIndex] returned these are the very bytes read.
func (l *LayerIndex) Blob() ([]byte, error) {
	return nil, errors.New("encode layer index: not written yet")
}

// ReadLayerIndex decodes what Blob returned. Whatever the bytes are, it
// returns an index with valid paths in order, or an error.
func ReadLayerIndex(blob []byte) (*LayerIndex, error) {
	return nil, errors.New("decode layer index: not written yet")
}
