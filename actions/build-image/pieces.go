package buildimage

import (
	"context"
	"errors"
	"fmt"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/shipkit/pkg/image"
)

// writeDelta writes the changes as one layer; as several, from the bottom up,
// if one is larger than the registry should get at once.
func (d *decision) writeDelta(ctx context.Context, changes *image.Changes) ([]v1.Layer, error) {
	delta, file, err := d.writeLayer(ctx, changes)
	if err != nil {
		return nil, err
	}
	limit := d.maxBlob()
	if limit == 0 || delta.Size <= limit {
		return []v1.Layer{delta.Layer(file)}, nil
	}
	// Content that is to compress to the limit, as the whole did, with a tenth
	// to spare: not all files compress alike. What is still too large is cut
	// once more.
	pieces := changes.Split(max(1, int64(float64(changes.Bytes)*float64(limit)/float64(delta.Size)*0.9)))
	if len(pieces) == 1 {
		d.noteLarge(changes)
		return []v1.Layer{delta.Layer(file)}, nil
	}
	if err := os.Remove(file); err != nil {
		return nil, fmt.Errorf("make room for the pieces of the delta: %w", err)
	}
	var layers []v1.Layer
	for _, piece := range pieces {
		more, err := d.writeDelta(ctx, piece)
		if err != nil {
			return nil, err
		}
		layers = append(layers, more...)
	}
	return layers, nil
}

// noteLarge says why a layer is larger than it should be.
func (d *decision) noteLarge(changes *image.Changes) {
	for _, change := range changes.Largest(1) {
		d.target.note(fmt.Sprintf("%s alone is more than max-blob-size, and a file stays in one layer", change.Path))
	}
}

// maxBlob returns the most bytes that a layer of the delta should have; 0 is
// any.
func (d *decision) maxBlob() int64 {
	if limit := int64(d.planner.job.MaxBlobSize); limit > 0 {
		return limit
	}
	return d.target.repo.Profile().CutAt
}

// writeLayer writes changes as a layer to a file.
func (d *decision) writeLayer(ctx context.Context, changes *image.Changes) (delta *image.Delta, file string, err error) {
	out, err := os.CreateTemp(d.planner.work, "delta-")
	if err != nil {
		return nil, "", fmt.Errorf("make the delta's file: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	compression := image.Compression{Algorithm: image.Gzip, Level: d.planner.job.CompressionLevel}
	if d.zstd() {
		compression.Algorithm = image.Zstd
	}
	delta, err = image.WriteDelta(ctx, out, d.built.Image, d.index, changes, compression, d.planner.work)
	if err != nil {
		return nil, "", fmt.Errorf("write the changed files: %w", err)
	}
	return delta, out.Name(), nil
}
