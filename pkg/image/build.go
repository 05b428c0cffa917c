package image

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/org/shipkit/pkg/progress"
)

// BuildOptions tune [BuildIndex].
type BuildOptions struct {
	// Known returns the index of a layer that need not be read again, or nil.
	Known func(diffID v1.Hash) *LayerIndex
	// Progress reports the bytes read.
	Progress progress.Func
}

// BuildIndex reads the layers of an image, two at a time, and merges them. A
// layer whose content does not have its diff ID is an error.
func BuildIndex(ctx context.Context, img v1.Image, opts BuildOptions) (*Index, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("index image: %w", err)
	}
	read := &reading{progress: opts.Progress}
	indexes := make([]*LayerIndex, len(layers))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i, layer := range layers {
		group.Go(func() (err error) {
			indexes[i], err = indexOne(ctx, layer, opts.Known, read)
			if err != nil {
				return fmt.Errorf("index layer %d of %d: %w", i+1, len(layers), err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err //nolint:wrapcheck // wrapped in the group
	}
	return NewIndex(indexes)
}

func indexOne(
	ctx context.Context, layer v1.Layer, known func(v1.Hash) *LayerIndex, read *reading,
) (*LayerIndex, error) {
	diffID, err := layer.DiffID()
	if err != nil {
		return nil, fmt.Errorf("find its diff ID: %w", err)
	}
	if known != nil {
		if index := known(diffID); index != nil {
			return index, nil
		}
	}
	content, err := openLayer(layer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", diffID, err)
	}
	defer content.Close()
	index, err := IndexLayer(ctx, io.TeeReader(content, read))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", diffID, err)
	}
	if index.DiffID != diffID {
		return nil, fmt.Errorf("the layer's content is %s, the image says %s", index.DiffID, diffID)
	}
	return index, nil
}

// reading reports the bytes that pass, of all layers together.
type reading struct {
	progress progress.Func
	bytes    atomic.Int64
}

// Write implements io.Writer.
func (r *reading) Write(p []byte) (int, error) {
	done := r.bytes.Add(int64(len(p)))
	r.progress.Send(progress.Event{Task: "index image", Text: "reading layers", Done: done, Unit: "B"})
	return len(p), nil
}
