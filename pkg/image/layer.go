package image

import (
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Layer returns the delta as a layer whose compressed content is in the file.
func (d *Delta) Layer(file string) v1.Layer { return &fileLayer{d, file} }

// fileLayer is a delta in a file.
type fileLayer struct {
	*Delta
	file string
}

func (l *fileLayer) Digest() (v1.Hash, error) { return l.Delta.Digest, nil }
func (l *fileLayer) DiffID() (v1.Hash, error) { return l.Delta.DiffID, nil }
func (l *fileLayer) Size() (int64, error)     { return l.Delta.Size, nil }

func (l *fileLayer) MediaType() (types.MediaType, error) {
	if l.Compression.Algorithm == Zstd {
		return types.OCILayerZStd, nil
	}
	return types.OCILayer, nil
}

func (l *fileLayer) Compressed() (io.ReadCloser, error) {
	f, err := os.Open(l.file)
	if err != nil {
		return nil, fmt.Errorf("open delta layer: %w", err)
	}
	return f, nil
}

func (l *fileLayer) Uncompressed() (io.ReadCloser, error) {
	plain, err := openLayer(l)
	if err != nil {
		return nil, err
	}
	return plain, nil
}
