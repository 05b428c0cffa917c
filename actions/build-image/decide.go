package buildimage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/shipkit/pkg/build"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/image"
	"github.com/org/shipkit/pkg/registry"
)

// mode is how an image is pushed.
type mode string

const (
	// modeSame: the registry holds this very image.
	modeSame mode = "unchanged"
	// modeConfig: the same files under another configuration.
	modeConfig mode = "new configuration"
	// modeDelta: the previous layers and one with the changes.
	modeDelta mode = "delta"
	// modeWhole: the built layers, without those that are there.
	modeWhole mode = "whole layers"
)

// imagePlan is the push of one platform's image.
type imagePlan struct {
	platform string
	mode     mode
	// reasons say why it is pushed in this way.
	reasons  []string
	warnings []*diag.Diagnostic
	manifest registry.Manifest
	config   []byte
	layers   []layerPlan
	// changes against the previous image; nil when they are not known.
	changes *image.Changes
	// index of the pushed image's files; nil when it has none.
	index *image.Index
	// beside is how the index goes beside the image; nil when it does not.
	beside *beside
}

// fate is what happens to a layer.
type fate string

const (
	reused  fate = "reused"
	mounted fate = "mounted"
	sent    fate = "sent"
	foreign fate = "foreign"
)

// layerPlan is one layer of the image to push.
type layerPlan struct {
	descriptor v1.Descriptor
	fate       fate
	// blob is what to send or mount.
	blob registry.Blob
}

// total returns the size of the image.
func (i *imagePlan) total() int64 {
	n := int64(len(i.config))
	for _, layer := range i.layers {
		n += layer.descriptor.Size
	}
	return n
}

// sends returns the bytes that the push of this image sends, without headers.
func (i *imagePlan) sends() int64 {
	if i.mode == modeSame {
		return 0
	}
	return int64(len(i.config)) + i.beside.size() + i.bytes(sent)
}

// bytes returns the size of the layers of a fate.
func (i *imagePlan) bytes(f fate) (n int64) {
	for _, layer := range i.layers {
		if layer.fate == f {
			n += layer.descriptor.Size
		}
	}
	return n
}

// decision finds out how to push one image.
type decision struct {
	planner *planner
	target  *targetPlan
	number  int
	built   build.Image
	prev    *previousImage
	index   *image.Index
	reasons []string
	// verbatim keeps every digest as it was built.
	verbatim bool
}

// errWhole ends the search for a delta: the reasons are noted.
var errWhole = errors.New("no delta")

// decide compares the image with the previous one and picks what sends less.
func (d *decision) decide(ctx context.Context, attested bool) (*imagePlan, error) {
	if d.planner.job.LayerDiff == "off" {
		d.because("layer-diff is off")
		return d.whole(ctx, nil)
	}
	if d.there() {
		d.verbatim = true
		d.because("the registry holds its layers")
		return d.whole(ctx, nil)
	}
	kind, err := d.unreadable()
	if err != nil {
		return nil, err
	}
	if kind != "" {
		d.because("layers of type %s cannot be read here", kind)
		return d.whole(ctx, nil)
	}
	if d.index, err = d.planner.builtIndex(ctx, d.number, d.built); err != nil {
		return nil, err
	}
	if attested {
		d.verbatim = true
		d.because("its attestations name the built image by digest")
		return d.whole(ctx, nil)
	}
	planned, changes, err := d.delta(ctx)
	if errors.Is(err, errWhole) {
		if d.planner.job.LayerDiff == "always" && d.prev != nil {
			return nil, fmt.Errorf("layer-diff is always, but no delta can be made: %s", d.reasons[len(d.reasons)-1])
		}
		return d.whole(ctx, changes)
	}
	return planned, err
}

// unreadable returns the type of a layer whose files are not at hand: a foreign
// one, which only its vendor hands out, or one that is encrypted.
func (d *decision) unreadable() (types.MediaType, error) {
	manifest, err := d.built.Manifest()
	if err != nil {
		return "", fmt.Errorf("read the built manifest: %w", err)
	}
	for _, layer := range manifest.Layers {
		if !layer.MediaType.IsDistributable() || strings.HasSuffix(string(layer.MediaType), "+encrypted") {
			return layer.MediaType, nil
		}
	}
	return "", nil
}

func (d *decision) because(format string, args ...any) {
	d.reasons = append(d.reasons, fmt.Sprintf(format, args...))
}

// delta plans the previous layers and one with the changes.
func (d *decision) delta(ctx context.Context) (*imagePlan, *image.Changes, error) {
	if d.prev == nil {
		d.because("there is no previous image for %s", d.built.Platform.String())
		return nil, nil, errWhole
	}
	fresh := d.freshBytes()
	prevIndex, err := d.planner.previousIndex(ctx, d.prev, d.index, fresh.stored/4)
	if err != nil {
		return nil, nil, err
	}
	if prevIndex == nil {
		d.because("the previous image has no file index, and reading it costs more than it saves; the next push has one")
		return nil, nil, errWhole
	}
	changes, err := image.Diff(prevIndex, d.index, d.options())
	if err != nil {
		d.because("its layers cannot be merged safely: %v", err)
		return nil, nil, errWhole
	}
	if changes.Empty() {
		planned, err := d.sameFiles(ctx, prevIndex)
		return planned, changes, err
	}
	if fresh.stored == 0 {
		d.because("the previous image holds all its layers")
		return nil, changes, errWhole
	}
	free := d.planner.job.LayerDiff == "auto" && (d.maxBlob() == 0 || fresh.largest <= d.maxBlob())
	if free && changes.Bytes >= fresh.plain*4/5 {
		d.because("the new layers are new almost throughout")
		return nil, changes, errWhole
	}
	layers, err := d.writeDelta(ctx, changes)
	if err != nil {
		return nil, nil, err
	}
	if free && sizeOf(layers) >= fresh.stored {
		d.because("the new layers are compressed to less than the changed files")
		return nil, changes, errWhole
	}
	planned, err := d.changedFiles(ctx, prevIndex, changes, layers)
	return planned, changes, err
}

func (d *decision) options() image.Options {
	return image.Options{MTime: image.MTime(d.planner.job.MTime)}
}

// finish plans an image all of whose layers but those of a delta are the previous
// image's.
func (d *decision) finish(how mode, img v1.Image, index *image.Index, changes *image.Changes) (*imagePlan, error) {
	manifest, err := registry.ManifestOf(img)
	if err != nil {
		return nil, err
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the image's config: %w", err)
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("list the image's layers: %w", err)
	}
	planned := &imagePlan{
		platform: d.built.Platform.String(), mode: how, reasons: d.reasons, manifest: manifest, config: config,
		changes: changes, index: index,
	}
	for _, layer := range layers {
		one, err := d.layer(layer)
		if err != nil {
			return nil, err
		}
		planned.layers = append(planned.layers, one)
	}
	return planned, nil
}
