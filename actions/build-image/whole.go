package buildimage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/org/shipkit/pkg/image"
	"github.com/org/shipkit/pkg/registry"
)

// whole plans the built layers. Those of the previous image are reused under
// its digests, so that they need not be compressed; the others are compressed
// if they are not yet, two at a time.
func (d *decision) whole(ctx context.Context, changes *image.Changes) (*imagePlan, error) {
	layers, err := d.built.Layers()
	if err != nil {
		return nil, fmt.Errorf("list the built layers: %w", err)
	}
	planned := &imagePlan{
		platform: d.built.Platform.String(), mode: modeWhole, reasons: d.reasons, changes: changes, index: d.index,
		layers: make([]layerPlan, len(layers)),
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for n, layer := range layers {
		group.Go(func() (err error) {
			planned.layers[n], err = d.wholeLayer(ctx, layer)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("look at the built layers: %w", err)
	}
	if planned.config, err = d.built.RawConfigFile(); err != nil {
		return nil, fmt.Errorf("read the built config: %w", err)
	}
	planned.manifest, err = d.manifest(planned.layers)
	return planned, err
}

// wholeLayer finds a layer in the repository or makes it ready to send.
func (d *decision) wholeLayer(ctx context.Context, layer v1.Layer) (layerPlan, error) {
	diffID, err := layer.DiffID()
	if err != nil {
		return layerPlan{}, fmt.Errorf("find a layer's diff ID: %w", err)
	}
	if old := d.prevLayer(diffID); old != nil {
		return d.layer(old)
	}
	mediaType, err := layer.MediaType()
	if err != nil {
		return layerPlan{}, fmt.Errorf("find a layer's type: %w", err)
	}
	if !mediaType.IsDistributable() {
		return d.layer(layer)
	}
	if isPlain(mediaType) {
		if layer, err = d.planner.pack(ctx, layer, diffID, d.zstd()); err != nil {
			return layerPlan{}, err
		}
	}
	planned, err := d.layer(layer)
	if err != nil {
		return layerPlan{}, err
	}
	exists, err := d.target.repo.Exists(ctx, planned.descriptor.Digest)
	if err != nil {
		return layerPlan{}, err
	}
	planned.blob.Missing = !exists
	if exists {
		planned.fate = reused
	}
	return planned, nil
}

// isPlain tells that a layer is not compressed yet.
func isPlain(mediaType types.MediaType) bool {
	return mediaType == types.OCIUncompressedLayer || mediaType == types.DockerUncompressedLayer
}

// layer plans a layer without asking the registry: the previous image's are
// there, others are mounted if another repository should have them, or sent.
func (d *decision) layer(layer v1.Layer) (layerPlan, error) {
	descriptor, err := partial.Descriptor(layer)
	if err != nil {
		return layerPlan{}, fmt.Errorf("describe a layer: %w", err)
	}
	planned := layerPlan{descriptor: *descriptor, fate: sent}
	if !descriptor.MediaType.IsDistributable() {
		planned.fate = foreign
		return planned, nil
	}
	if planned.blob, err = registry.LayerBlob(layer); err != nil {
		return layerPlan{}, err
	}
	inPrevious, err := d.inPrevious(descriptor.Digest)
	if err != nil {
		return layerPlan{}, err
	}
	if inPrevious && d.prev.repo == d.target.repo {
		planned.fate = reused
		return planned, nil
	}
	if inPrevious {
		planned.blob.From = []name.Repository{d.prev.repo.Name()}
	}
	planned.blob.From = append(planned.blob.From, d.holders(descriptor.Digest)...)
	if len(planned.blob.From) > 0 {
		planned.fate = mounted
	}
	return planned, nil
}

// inPrevious tells whether the previous image has a layer.
func (d *decision) inPrevious(digest v1.Hash) (bool, error) {
	if d.prev == nil {
		return false, nil
	}
	manifest, err := d.prev.Manifest()
	if err != nil {
		return false, fmt.Errorf("read the previous image's manifest: %w", err)
	}
	return slices.ContainsFunc(manifest.Layers, func(old v1.Descriptor) bool { return old.Digest == digest }), nil
}

// prevLayer returns the previous image's layer of a diff ID, to use under its
// digest; nil if it has none.
func (d *decision) prevLayer(diffID v1.Hash) v1.Layer {
	if d.prev == nil || d.verbatim {
		return nil
	}
	layers, err := d.prev.Layers()
	if err != nil {
		return nil
	}
	for n, old := range d.prev.diffIDs {
		if old == diffID && n < len(layers) {
			return layers[n]
		}
	}
	return nil
}

// manifest returns the built manifest with the digests under which the layers
// are pushed; the very same bytes if no layer differs.
func (d *decision) manifest(layers []layerPlan) (registry.Manifest, error) {
	original, err := registry.ManifestOf(d.built.Image)
	if err != nil {
		return registry.Manifest{}, err
	}
	parsed, err := d.built.Manifest()
	if err != nil {
		return registry.Manifest{}, fmt.Errorf("read the built manifest: %w", err)
	}
	changed := parsed.DeepCopy()
	same := true
	for n, layer := range layers {
		if layer.descriptor.Digest == parsed.Layers[n].Digest {
			continue
		}
		same = false
		descriptor := layer.descriptor
		descriptor.MediaType = mediaTypeIn(original.MediaType, descriptor.MediaType)
		changed.Layers[n] = descriptor
	}
	if same {
		return original, nil
	}
	raw, err := json.Marshal(changed)
	if err != nil {
		return registry.Manifest{}, fmt.Errorf("make the manifest: %w", err)
	}
	return registry.Manifest{MediaType: original.MediaType, Raw: raw}, nil
}

// mediaTypeIn returns a layer's type as the kind of manifest wants it.
func mediaTypeIn(manifest, layer types.MediaType) types.MediaType {
	switch {
	case manifest == types.OCIManifestSchema1 && layer == types.DockerLayer:
		return types.OCILayer
	case manifest == types.DockerManifestSchema2 && layer == types.OCILayer:
		return types.DockerLayer
	default:
		return layer
	}
}
