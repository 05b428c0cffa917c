package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Chunks are what travels between the goroutine that reads, decompresses and
// hashes the archive and the one that hashes its files.
const (
	chunkSize  = 128 << 10
	chunkCount = 8
)

// openLayer returns the plain content of a layer. It starts from what the
// layer calls compressed, which of stored layers is what is stored, so that
// the faster decoders decode it; a plain file can be sought in.
func openLayer(layer v1.Layer) (*decoded, error) {
	stored, err := layer.Compressed()
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	plain, err := decompress(stored)
	if err != nil {
		return nil, errors.Join(err, stored.Close())
	}
	return &decoded{plain, stored}, nil
}

// decoded closes a decoder with its source.
type decoded struct {
	io.ReadCloser
	source io.Closer
}

// Close implements io.Closer.
func (d *decoded) Close() error { return errors.Join(d.ReadCloser.Close(), d.source.Close()) }

// archive returns a reader of the layer's entries. It skips contents by
// seeking where it can.
func (d *decoded) archive() *tar.Reader {
	if plain, ok := d.ReadCloser.(seekable); ok {
		return tar.NewReader(plain.ReadSeeker)
	}
	return tar.NewReader(d.ReadCloser)
}

// seekable is a plain layer that needs no closing of its own.
type seekable struct{ io.ReadSeeker }

// Close implements io.Closer.
func (seekable) Close() error { return nil }

// decompress returns the plain content of r: gzip, zstd or neither. The
// reader's Close frees the decoder; it does not close r.
func decompress(r io.Reader) (io.ReadCloser, error) {
	file, start := seeker(r)
	buffered := bufio.NewReaderSize(r, 64<<10)
	magic, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read layer: %w", err)
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		gz, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("read gzip layer: %w", err)
		}
		return gz, nil
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		zr, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, fmt.Errorf("read zstd layer: %w", err)
		}
		return zr.IOReadCloser(), nil
	}
	if file != nil {
		if _, err := file.Seek(start, io.SeekStart); err != nil {
			return nil, fmt.Errorf("read layer: %w", err)
		}
		return seekable{file}, nil
	}
	return io.NopCloser(buffered), nil
}

// seeker returns r with its position if it can seek: a pipe only looks so.
func seeker(r io.Reader) (io.ReadSeeker, int64) {
	file, ok := r.(io.ReadSeeker)
	if !ok {
		return nil, 0
	}
	start, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, 0
	}
	return file, start
}

// aheadReader reads a source in a goroutine of its own, which hashes what
// passes, so that the reader's own hashing runs on another core.
type aheadReader struct {
	full, free chan []byte
	stop       context.CancelFunc
	current    []byte // what is left of the chunk
	chunk      []byte // the chunk, to give back
	size       int64
	// Set by the goroutine before it closes full.
	err  error
	hash hash.Hash
}

// readAhead starts to read r until ctx ends or Close is called.
func readAhead(ctx context.Context, r io.Reader) *aheadReader {
	ctx, stop := context.WithCancel(ctx)
	a := &aheadReader{
		full: make(chan []byte, chunkCount), free: make(chan []byte, chunkCount),
		stop: stop, hash: sha256.New(),
	}
	for range chunkCount {
		a.free <- make([]byte, chunkSize)
	}
	go a.fill(ctx, r)
	return a
}

func (a *aheadReader) fill(ctx context.Context, r io.Reader) {
	defer close(a.full)
	for {
		var chunk []byte
		select {
		case chunk = <-a.free:
		case <-ctx.Done():
			a.err = ctx.Err()
			return
		}
		n, err := readChunk(r, chunk[:chunkSize])
		a.hash.Write(chunk[:n])
		select {
		case a.full <- chunk[:n]:
		case <-ctx.Done():
			a.err = ctx.Err()
			return
		}
		if err != nil {
			a.err = err
			return
		}
	}
}

// readChunk fills p. Unlike io.ReadFull it passes the source's own error on,
// so that a cut-off source is told from one that ends.
func readChunk(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err //nolint:wrapcheck // io.EOF must stay itself
}

// Read implements io.Reader.
func (a *aheadReader) Read(p []byte) (int, error) {
	if len(a.current) == 0 {
		if a.chunk != nil {
			a.free <- a.chunk
			a.chunk = nil
		}
		chunk, ok := <-a.full
		if !ok {
			return 0, a.err
		}
		a.chunk, a.current = chunk, chunk
	}
	n := copy(p, a.current)
	a.current = a.current[n:]
	a.size += int64(n)
	return n, nil
}

// Finish reads the source to its end and returns its digest.
func (a *aheadReader) Finish() (v1.Hash, error) {
	if _, err := io.Copy(io.Discard, a); err != nil {
		return v1.Hash{}, fmt.Errorf("read layer: %w", err)
	}
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(a.hash.Sum(nil))}, nil
}

// Close stops the goroutine and waits for it, so that the source may be
// closed after it.
func (a *aheadReader) Close() {
	a.stop()
	for range a.full { //nolint:revive // waits for the goroutine's end
	}
}
