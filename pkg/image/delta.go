package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
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
	// Level is the algorithm's own: 1 to 9 for gzip, 1 to 22 for zstd. 0 is
	// the smallest output; of gzip, which gains 3 % for four times the time,
	// only up to smallDelta.
	Level int
}

// smallDelta is the size of content, in bytes, that gzip -9 takes a second or
// two for.
const smallDelta = 32 << 20

// Delta describes a layer that [WriteDelta] wrote.
type Delta struct {
	Digest, DiffID v1.Hash
	// Size in bytes, compressed.
	Size        int64
	Compression Compression
}

// WriteDelta writes the changes as one compressed layer: the changed files
// with their parent directories, and a whiteout for each removed path. The
// same changes give the same bytes. Contents come from the layers of the
// built image and are checked against its index; they pass through a
// temporary file in dir ("" for the system's) of the size of the changes.
func WriteDelta(
	ctx context.Context, w io.Writer, img v1.Image, built *Index, changes *Changes, c Compression, dir string,
) (*Delta, error) {
	contents, err := collect(ctx, img, built, changes.delta, dir)
	if err != nil {
		return nil, fmt.Errorf("collect changed files: %w", err)
	}
	defer contents.Close()

	blob := &digester{w: w, hash: sha256.New()}
	compressor, err := c.atLevel(changes.Bytes).writer(blob)
	if err != nil {
		return nil, err
	}
	plain := &digester{w: compressor, hash: sha256.New()}
	if err := writeArchive(ctx, plain, changes.delta, contents); err != nil {
		return nil, fmt.Errorf("write delta layer: %w", errors.Join(err, compressor.Close()))
	}
	if err := compressor.Close(); err != nil {
		return nil, fmt.Errorf("write delta layer: %w", err)
	}
	return &Delta{Digest: blob.digest(), DiffID: plain.digest(), Size: blob.size, Compression: c}, nil
}

// digester hashes and counts what passes to w.
type digester struct {
	w    io.Writer
	hash hash.Hash
	size int64
}

// Write implements io.Writer.
func (d *digester) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	d.hash.Write(p[:n])
	d.size += int64(n)
	return n, err //nolint:wrapcheck // an io.Writer passes the error on
}

func (d *digester) digest() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(d.hash.Sum(nil))}
}

// atLevel returns c with the default level for a content of that size.
func (c Compression) atLevel(size int64) Compression {
	switch {
	case c.Level != 0:
	case c.Algorithm == Zstd:
		c.Level = 22
	case size <= smallDelta:
		c.Level = gzip.BestCompression
	default:
		c.Level = 6
	}
	return c
}

// writer returns the compressor. Its version and settings decide the bytes of
// a layer: one goroutine, a window that every decoder accepts.
func (c Compression) writer(w io.Writer) (io.WriteCloser, error) {
	switch c.Algorithm {
	case Gzip:
		gz, err := gzip.NewWriterLevel(w, c.Level)
		if err != nil || c.Level < 1 {
			return nil, fmt.Errorf("gzip level %d is not allowed: 1 to 9 are", c.Level)
		}
		return gz, nil
	case Zstd:
		if c.Level < 1 || c.Level > 22 {
			return nil, fmt.Errorf("zstd level %d is not allowed: 1 to 22 are", c.Level)
		}
		zw, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(c.Level)),
			zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20))
		if err != nil {
			return nil, fmt.Errorf("start zstd: %w", err)
		}
		return zw, nil
	default:
		return nil, fmt.Errorf("compression %q is not known: gzip and zstd are", c.Algorithm)
	}
}

// writeArchive writes the entries as a tar archive that depends on nothing
// but them: no user names, no access times, whole seconds.
func writeArchive(ctx context.Context, w io.Writer, entries []Node, contents *spool) error {
	archive := tar.NewWriter(w)
	names := map[*File]string{} // the first path of each file
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err //nolint:wrapcheck // the caller's own
		}
		header := tarHeader(e.Entry)
		if first, ok := names[e.File]; ok {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
		} else if e.Type != Directory {
			names[e.File] = e.Path
		}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("entry %q: %w", e.Path, err)
		}
		if header.Size == 0 {
			continue
		}
		if _, err := io.Copy(archive, contents.open(e.File)); err != nil {
			return fmt.Errorf("content of %q: %w", e.Path, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("end of archive: %w", err)
	}
	return nil
}

// tarHeader returns the header of an entry.
func tarHeader(e Entry) *tar.Header {
	h := &tar.Header{
		Name: e.Path, Mode: int64(e.Mode), Uid: int(e.UID), Gid: int(e.GID), ModTime: time.Unix(e.MTime, 0),
	}
	for _, x := range e.Xattrs {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[xattrRecord+x.Name] = x.Value
	}
	switch e.Type {
	case Directory:
		h.Typeflag, h.Name = tar.TypeDir, e.Path+"/"
	case Symlink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.Link
	case Char, Block:
		h.Typeflag = tar.TypeChar
		if e.Type == Block {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(e.Major), int64(e.Minor)
	case FIFO:
		h.Typeflag = tar.TypeFifo
	case Whiteout:
		h.Typeflag, h.Name = tar.TypeReg, whiteoutName(e.Path)
	default:
		h.Typeflag, h.Size = tar.TypeReg, e.Size
	}
	return h
}
