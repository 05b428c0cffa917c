package image

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"
)

// An encoded layer index is this magic, then a zstd frame of: the diff ID (32
// bytes), the number of entries, and column after column, each with its
// length. Columns compress to about half of rows. What remains are mostly the
// sums, 16 bytes for each file.
const magic = "shipkit-layer-index-1\n"

// Bounds of what a hostile index can make us hold.
const (
	// MaxBlob is the most bytes of an encoded layer index.
	MaxBlob  = 64 << 20
	maxPlain = 128 << 20
)

// Blob returns the layer index encoded, as it is stored in a registry. Of an
// index that [ReadLayerIndex] returned these are the very bytes read. The first
// call keeps them: calls must not run at the same time.
func (l *LayerIndex) Blob() ([]byte, error) {
	if l.blob != nil {
		return l.blob, nil
	}
	id, err := hex.DecodeString(l.DiffID.Hex)
	if err != nil || len(id) != 32 {
		return nil, fmt.Errorf("encode layer index: diff ID %q is no SHA-256", l.DiffID)
	}
	c := &coder{writing: true, total: len(l.Entries)}
	c.entries(&l.Entries)
	plain := binary.AppendUvarint(id, uint64(len(l.Entries)))
	for _, column := range c.columns {
		plain = binary.AppendUvarint(plain, uint64(len(column)))
		plain = append(plain, column...)
	}
	codec, err := sharedCodec()
	if err != nil {
		return nil, fmt.Errorf("encode layer index: %w", err)
	}
	l.blob = codec.encoder.EncodeAll(plain, []byte(magic))
	return l.blob, nil
}

// ReadLayerIndex decodes what Blob returned. Whatever the bytes are, it
// returns an index with valid paths in order, or an error.
func ReadLayerIndex(blob []byte) (*LayerIndex, error) {
	packed, ok := bytes.CutPrefix(blob, []byte(magic))
	switch {
	case len(blob) > MaxBlob:
		return nil, fmt.Errorf("read layer index: it is %d bytes long, at most %d are allowed", len(blob), MaxBlob)
	case !ok:
		return nil, errors.New("read layer index: this is none, or one of another version")
	}
	codec, err := sharedCodec()
	if err != nil {
		return nil, fmt.Errorf("read layer index: %w", err)
	}
	plain, err := codec.decoder.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("read layer index: %w", err)
	}
	l, err := decodeLayer(plain)
	if err != nil {
		return nil, fmt.Errorf("read layer index: %w", err)
	}
	l.blob = slices.Clone(blob)
	return l, nil
}

func decodeLayer(plain []byte) (*LayerIndex, error) {
	if len(plain) < 32 {
		return nil, errShort
	}
	l := &LayerIndex{DiffID: v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(plain[:32])}}
	plain = plain[32:]
	count, n := binary.Uvarint(plain)
	if n <= 0 || count > maxEntries || count > uint64(len(plain)) {
		return nil, errShort
	}
	plain = plain[n:]
	c := &coder{total: int(count)}
	for i := range c.columns {
		length, n := binary.Uvarint(plain)
		if n <= 0 || length > uint64(len(plain)-n) {
			return nil, errShort
		}
		c.columns[i] = plain[n : n+int(length)]
		plain = plain[n+int(length):]
	}
	c.entries(&l.Entries)
	if c.err != nil {
		return nil, c.err
	}
	for _, rest := range append(c.columns[:], plain) {
		if len(rest) > 0 {
			return nil, errors.New("it holds more than its entries")
		}
	}
	return l, nil
}

var errShort = errors.New("it is cut off")

// zstdPair compresses indexes; both halves serve any number of goroutines.
type zstdPair struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

var sharedCodec = sync.OnceValues(func() (c zstdPair, err error) {
	c.encoder, err = zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return c, fmt.Errorf("start zstd: %w", err)
	}
	c.decoder, err = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxPlain), zstd.WithDecoderConcurrency(0))
	if err != nil {
		return c, fmt.Errorf("start zstd: %w", err)
	}
	return c, nil
})
