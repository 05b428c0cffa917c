package buildimage

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/shipkit/pkg/image"
	"github.com/org/shipkit/pkg/markdown"
	"github.com/org/shipkit/pkg/registry"
)

// beside is the file index that is pushed beside an image, for the next push.
type beside struct {
	manifest registry.Manifest
	// blobs are its parts, fresh those that the repository does not have.
	blobs, fresh []registry.Blob
}

// size returns the bytes of what is sent, without headers.
func (b *beside) size() int64 {
	if b == nil {
		return 0
	}
	n := int64(len(b.manifest.Raw))
	for _, blob := range b.fresh {
		n += blob.Size
	}
	return n
}

// requestBytes is what a request takes on the wire beside its content: headers
// and a token.
const requestBytes = 1000

// cost returns the bytes on the wire: two requests a blob, one for the
// manifest, two for the list where the registry keeps none.
func (b *beside) cost() int64 {
	return b.size() + requestBytes*int64(2*len(b.fresh)+3)
}

// indexBeside returns the index to push beside an image. It must pay: where it is
// more than one percent of what a plain push would send, it stays on this
// runner. A new configuration alone takes along an index whose parts are there:
// it is a manifest, without which another runner would push everything.
func (d *decision) indexBeside(i *imagePlan) (*beside, error) {
	if i.index == nil || i.mode == modeSame {
		return nil, nil
	}
	b, err := d.newBeside(i)
	if err != nil || i.mode == modeConfig && len(b.fresh) == 0 {
		return b, err
	}
	sends := i.sends()
	plain := sends + i.bytes(mounted) // which a plain push sends
	if i.mode == modeDelta {
		plain = d.wholeBytes(i.index)
	}
	if b.cost()+sends > plain+plain/100 {
		d.target.note(fmt.Sprintf("the file index, %s, is too much for a push of this size: it stays in resume-dir",
			markdown.Bytes(b.size())))
		return nil, nil
	}
	return b, nil
}

func (d *decision) newBeside(i *imagePlan) (*beside, error) {
	artifact, err := image.Artifact(i.index, i.manifest.Descriptor())
	if err != nil {
		return nil, err
	}
	layers, err := artifact.Layers()
	if err != nil {
		return nil, fmt.Errorf("list the index's parts: %w", err)
	}
	config, err := artifact.RawConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the index's config: %w", err)
	}
	blobs := []registry.Blob{registry.BytesBlob(config)}
	for _, layer := range layers {
		blob, err := registry.LayerBlob(layer)
		if err != nil {
			return nil, err
		}
		blobs = append(blobs, blob)
	}
	b := &beside{blobs: distinct(blobs)}
	for _, blob := range b.blobs {
		if !d.holdsIndex(blob.Digest) {
			b.fresh = append(b.fresh, blob)
		}
	}
	b.manifest, err = registry.ManifestOf(artifact)
	return b, err
}

// holdsIndex tells whether the repository has a part of an index, as part of
// the previous image's.
func (d *decision) holdsIndex(blob v1.Hash) bool {
	return d.prev != nil && d.prev.repo == d.target.repo && d.prev.indexBlobs[blob]
}
