package buildimage

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/shipkit/pkg/image"
)

// sameFiles plans the previous layers under the built configuration, or
// nothing when that is the same too; the built layers if the previous ones are
// to be compacted.
func (d *decision) sameFiles(ctx context.Context, prevIndex *image.Index) (*imagePlan, error) {
	compaction := d.compaction(prevIndex)
	if compaction.Compact && (compaction.Urgent || looser(prevIndex, d.index)) {
		return d.compact(ctx, compaction, nil)
	}
	d.noteWait(compaction, prevIndex)
	planned, err := d.sameLayers(prevIndex)
	if planned != nil {
		planned.warnings = secretWarnings(compaction)
	}
	return planned, err
}

func (d *decision) sameLayers(prevIndex *image.Index) (*imagePlan, error) {
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

// changedFiles proves the delta that layers are, and plans it.
func (d *decision) changedFiles(
	ctx context.Context, prevIndex *image.Index, changes *image.Changes, layers []v1.Layer,
) (*imagePlan, error) {
	merged, err := d.verify(ctx, prevIndex, layers)
	if err != nil {
		return nil, err
	}
	compaction := d.compaction(merged)
	if compaction.Compact {
		return d.compact(ctx, compaction, changes)
	}
	img := d.prev.Image
	for _, layer := range layers {
		if img, err = image.Merge(img, withoutBuildCache(d.built.Image), layer, deltaNote); err != nil {
			return nil, fmt.Errorf("merge with the previous image: %w", err)
		}
	}
	d.because("the changed files alone are less than the layers that hold them")
	d.noteWait(compaction, prevIndex)
	planned, err := d.finish(modeDelta, img, merged, changes)
	if planned != nil {
		planned.warnings = secretWarnings(compaction)
	}
	return planned, err
}

// verify proves that the layers, on top of the previous image, are the built
// filesystem, and returns the index of them all.
func (d *decision) verify(ctx context.Context, index *image.Index, layers []v1.Layer) (*image.Index, error) {
	for n, layer := range layers {
		content, err := layer.Compressed()
		if err != nil {
			return nil, fmt.Errorf("read the delta: %w", err)
		}
		if n < len(layers)-1 {
			index, err = image.Apply(ctx, index, content)
		} else {
			index, err = image.Verify(ctx, index, content, d.index, d.options())
		}
		if err := errors.Join(err, content.Close()); err != nil {
			return nil, fmt.Errorf("check the delta against the built image: %w", err)
		}
	}
	return index, nil
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
