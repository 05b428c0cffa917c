package build

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// layerType returns the type of a layer by how its content begins.
func layerType(content io.Reader) (types.MediaType, error) {
	var magic [4]byte
	n, err := io.ReadFull(content, magic[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", fmt.Errorf("read its beginning: %w", err)
	}
	switch begins := string(magic[:n]); {
	case strings.HasPrefix(begins, "\x1f\x8b"):
		return types.OCILayer, nil
	case begins == "\x28\xb5\x2f\xfd":
		return types.OCILayerZStd, nil
	default:
		return types.OCIUncompressedLayer, nil
	}
}

// plain returns a file as it is or, if it is compressed, a nameless file in dir
// with its content, and closes it.
func plain(ctx context.Context, file *os.File, dir string) (_ *os.File, err error) {
	kind, err := layerType(io.NewSectionReader(file, 0, 4))
	if err != nil || kind == types.OCIUncompressedLayer {
		return file, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	content, err := unpacker(kind, bufio.NewReaderSize(ctxReader{ctx, file}, 256<<10))
	if err != nil {
		return nil, err
	}
	defer content.Close()
	out, err := os.CreateTemp(dir, "image-")
	if err != nil {
		return nil, fmt.Errorf("make a file for its content: %w", err)
	}
	// Without a name it vanishes with the process, however that ends.
	_, err = io.Copy(out, content)
	if err = errors.Join(err, os.Remove(out.Name())); err == nil {
		_, err = out.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", out.Name(), errors.Join(err, out.Close()))
	}
	return out, nil
}

// unpacker decompresses r.
func unpacker(kind types.MediaType, r io.Reader) (io.ReadCloser, error) {
	if kind == types.OCILayer {
		content, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("read gzip: %w", err)
		}
		return content, nil
	}
	content, err := zstd.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("read zstd: %w", err)
	}
	return content.IOReadCloser(), nil
}
