package image

import (
	"context"
	"errors"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Algorithm compresses a layer.
type Algorithm string

// The compression algorithms of layers.
const (
	Gzip Algorithm = "gzip"
	Zstd Algorithm = "zstd"
)

// Compression of a new layer.
type Compression struct {
	Algorithm Algorithm
	// Level is the algorithm's own: 1 to 9 for gzip, 1 to 22 for zstd; 0 is
	// the default.
	Level int
}

// Delta describes a layer that [WriteDelta] wrote.
type Delta struct {
	Digest, DiffID v1.Hash
	// Size in bytes, compressed.
	Size        int64
	Compression Compression
}

// Layer returns the delta as a layer whose compressed content is in the file.
func (d *Delta) Layer(file string) v1.Layer { return nil }

// WriteDelta writes the changes as one compressed layer: the changed files
// with their parent directories, and a whiteout for each removed path. The
// same changes give the same bytes. Contents come from the layers of the
// built image and are checked against its index; they pass through a
// temporary file in dir ("" for the system's) of the size of the changes.
func WriteDelta(
	ctx context.Context, w io.Writer, img v1.Image, built *Index, changes *Changes, c Compression, dir string,
) (*Delta, error) {
	return nil, errors.New("write delta layer: not written yet")
}

// Verify proves that the previous layers with the delta on top are the built
// filesystem, path by path, and returns the index of that image. The delta is
// read in full, compressed or not.
func Verify(ctx context.Context, prev *Index, delta io.Reader, built *Index, opts Options) (*Index, error) {
	return nil, errors.New("verify delta layer: not written yet")
}

// Merge returns the image with the layers of prev, then the delta (nil if the
// filesystems are the same), and the configuration of the built image. The
// layers of prev are named, never read. The note describes the delta in the
// image's history.
func Merge(prev, built v1.Image, delta v1.Layer, note string) (v1.Image, error) {
	return nil, errors.New("merge image: not written yet")
}
