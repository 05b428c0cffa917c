package buildimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/shipkit/pkg/image"
)

// sameFiles plans the previous layers under the built configuration, or
// nothing when that is the same too.
func (d *decision) sameFiles(prevIndex *image.Index) (*imagePlan, error) {
	merged, err := image.Merge(d.prev.Image, withoutBuildCache(d.built.Image), nil, deltaNote)
	if err != nil {
		return nil, fmt.Errorf("merge with the previous image: %w", err)
	}
	same, err := sameSettings(d.prev.Image, merged)
	if err != nil {
		return nil, err
	}
	if !same {
		d.because("every file is the same as in the previous image")
		return d.finish(modeConfig, merged, prevIndex, nil)
	}
	d.because("files and settings are the same as in the previous image")
	planned, err := d.finish(modeSame, d.prev.Image, prevIndex, nil)
	if err != nil {
		return nil, err
	}
	if d.prev.repo == d.target.repo {
		planned.manifest = d.prev.raw
	} else {
		planned.mode = modeConfig
	}
	return planned, nil
}

// deltaNote describes a delta in the image's history.
const deltaNote = "shipkit: files changed since the previous image"

// changedFiles writes the delta, proves it and weighs it.
func (d *decision) changedFiles(ctx context.Context, prevIndex *image.Index, changes *image.Changes) (*imagePlan, error) {
	file := filepath.Join(d.planner.work, fmt.Sprintf("delta-%d-%s", d.number, d.prev.digest.Hex))
	delta, err := d.writeDelta(ctx, changes, file)
	if err != nil {
		return nil, err
	}
	layer := delta.Layer(file)
	content, err := layer.Compressed()
	if err != nil {
		return nil, fmt.Errorf("read the delta: %w", err)
	}
	merged, err := image.Verify(ctx, prevIndex, content, d.index, d.options())
	if err := errors.Join(err, content.Close()); err != nil {
		return nil, fmt.Errorf("check the delta against the built image: %w", err)
	}
	compaction := d.planner.job.compactPolicy().Decide(merged, d.index)
	warnings := secretWarnings(compaction)
	if compaction.Compact {
		d.reasons = append(d.reasons, compaction.Reasons...)
		planned, err := d.whole(ctx, changes)
		if planned != nil {
			planned.warnings = warnings
		}
		return planned, err
	}
	img, err := image.Merge(d.prev.Image, withoutBuildCache(d.built.Image), layer, deltaNote)
	if err != nil {
		return nil, fmt.Errorf("merge with the previous image: %w", err)
	}
	d.because("the changed files alone are less than the layers that hold them")
	planned, err := d.finish(modeDelta, img, merged, changes)
	if planned != nil {
		planned.warnings = warnings
	}
	return planned, err
}

func (d *decision) writeDelta(ctx context.Context, changes *image.Changes, file string) (delta *image.Delta, err error) {
	out, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("make the delta's file: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	compression := image.Compression{Algorithm: image.Gzip, Level: d.planner.job.CompressionLevel}
	if d.zstd() {
		compression.Algorithm = image.Zstd
	}
	delta, err = image.WriteDelta(ctx, out, d.built.Image, d.index, changes, compression, d.planner.work)
	if err != nil {
		return nil, fmt.Errorf("write the changed files: %w", err)
	}
	return delta, nil
}

// zstd tells whether new layers are compressed with zstd: when the user says
// so, or the previous image shows that its runtime reads it.
func (d *decision) zstd() bool {
	if d.planner.job.Compression != "auto" || d.prev == nil {
		return d.planner.job.Compression == "zstd"
	}
	manifest, err := d.prev.Manifest()
	if err != nil {
		return false
	}
	for _, layer := range manifest.Layers {
		if layer.MediaType == types.OCILayerZStd {
			return true
		}
	}
	return false
}
