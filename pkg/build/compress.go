package build

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compression is how a layer is compressed.
type Compression struct {
	// Zstd takes zstd instead of gzip.
	Zstd bool
	// Level is 1 to 9 for gzip, 1 to 22 for zstd; 0 is 6 and 9.
	Level int
}

// Compress writes an uncompressed layer to a file and returns it as the layer
// to push. The same layer gives the same bytes.
func Compress(ctx context.Context, layer v1.Layer, c Compression, file string) (v1.Layer, error) {
	diffID, err := layer.DiffID()
	if err != nil {
		return nil, fmt.Errorf("compress a layer: %w", err)
	}
	packed, err := compress(ctx, layer, c, file)
	if err != nil {
		return nil, fmt.Errorf("compress layer %s: %w", diffID, err)
	}
	packed.diffID = diffID
	return partial.CompressedToLayer(packed) //nolint:wrapcheck // it never fails
}

func compress(ctx context.Context, layer v1.Layer, c Compression, file string) (packed *packedLayer, err error) {
	in, err := layer.Uncompressed()
	if err != nil {
		return nil, fmt.Errorf("open it: %w", err)
	}
	defer in.Close()
	out, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("make its file: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	counter := &hashCounter{hash: sha256.New()}
	buffered := bufio.NewWriterSize(io.MultiWriter(out, counter), 256<<10)
	writer, err := c.writer(buffered)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(writer, ctxReader{ctx, in}); err != nil {
		return nil, fmt.Errorf("write %s: %w", file, err)
	}
	if err := errors.Join(writer.Close(), buffered.Flush()); err != nil {
		return nil, fmt.Errorf("write %s: %w", file, err)
	}
	mediaType := types.OCILayer
	if c.Zstd {
		mediaType = types.OCILayerZStd
	}
	return &packedLayer{file: file, mediaType: mediaType, digest: counter.digest(), size: counter.n}, nil
}

// writer returns a compressor whose output depends on nothing but its input.
func (c Compression) writer(w io.Writer) (io.WriteCloser, error) {
	if c.Zstd {
		level := c.Level
		if level == 0 {
			level = 9
		}
		z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("start zstd: %w", err)
		}
		return z, nil
	}
	level := c.Level
	if level == 0 {
		level = gzip.DefaultCompression
	}
	z, err := gzip.NewWriterLevel(w, level)
	if err != nil {
		return nil, fmt.Errorf("start gzip: %w", err)
	}
	return z, nil
}

type hashCounter struct {
	hash hash.Hash
	n    int64
}

// Write implements [io.Writer].
func (c *hashCounter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.hash.Write(p) //nolint:wrapcheck // a hash never fails
}

func (c *hashCounter) digest() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(c.hash.Sum(nil))}
}

// ctxReader ends a long copy when ctx is done.
type ctxReader struct {
	ctx context.Context //nolint:containedctx // io.Reader has no place for it
	r   io.Reader
}

// Read implements [io.Reader].
func (r ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err //nolint:wrapcheck // the caller names the operation
	}
	return r.r.Read(p) //nolint:wrapcheck // io.EOF must stay bare
}

// packedLayer is a compressed layer in a file.
type packedLayer struct {
	file           string
	mediaType      types.MediaType
	digest, diffID v1.Hash
	size           int64
}

// Digest implements [partial.CompressedLayer].
func (l *packedLayer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID implements [partial.WithDiffID].
func (l *packedLayer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// Size implements [partial.CompressedLayer].
func (l *packedLayer) Size() (int64, error) { return l.size, nil }

// MediaType implements [partial.CompressedLayer].
func (l *packedLayer) MediaType() (types.MediaType, error) { return l.mediaType, nil }

// Compressed implements [partial.CompressedLayer].
func (l *packedLayer) Compressed() (io.ReadCloser, error) {
	file, err := os.Open(l.file)
	if err != nil {
		return nil, fmt.Errorf("open a compressed layer: %w", err)
	}
	return file, nil
}
