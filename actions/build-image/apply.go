package buildimage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/shipkit/pkg/build"
	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/image"
	"github.com/org/shipkit/pkg/markdown"
	"github.com/org/shipkit/pkg/progress"
	"github.com/org/shipkit/pkg/registry"
)

// checkSize refuses a push of more than max bytes; 0 allows any.
func (p *plan) checkSize(limit int64) error {
	var sends int64
	var largest []image.Change
	for _, t := range p.targets {
		sends += t.sends()
		for _, i := range t.images {
			if i.changes != nil && largest == nil {
				largest = i.changes.Largest(10)
			}
		}
	}
	if limit == 0 {
		return nil
	}
	if sends <= limit {
		p.holdToMounts(limit - sends)
		return nil
	}
	var detail bytes.Buffer
	for _, change := range largest {
		fmt.Fprintf(&detail, "%s %s, %s\n", change.Kind, change.Path, markdown.Bytes(change.Bytes))
	}
	return &diag.Diagnostic{
		Summary: fmt.Sprintf("the push would send %s, max-upload allows %s", markdown.Bytes(sends), markdown.Bytes(limit)),
		Detail:  detail.String(),
		Try:     "leave the largest files out of the image (.dockerignore, a smaller stage), or raise `max-upload`",
	}
}

// holdToMounts lets layers that are to be mounted fail instead of being sent
// where they are more than max bytes together.
func (p *plan) holdToMounts(limit int64) {
	var all []*layerPlan
	for _, t := range p.targets {
		for _, i := range t.images {
			for n := range i.layers {
				if layer := &i.layers[n]; layer.fate == mounted {
					all, limit = append(all, layer), limit-layer.descriptor.Size
				}
			}
		}
	}
	for _, layer := range all {
		layer.blob.MountOnly = limit < 0
	}
}

// pusher carries a plan out.
type pusher struct {
	job      *job
	cache    cache
	link     *registry.Link
	progress progress.Func
}

// apply pushes what the plan says, one target after the other: blobs first,
// then manifests, children before their index, tags last.
func (p *pusher) apply(ctx context.Context, all *plan) error {
	for _, t := range all.targets {
		started, before := time.Now(), p.link.Sent()
		if err := p.push(ctx, t); err != nil {
			return err
		}
		p.remember(t, p.link.Sent()-before, time.Since(started))
	}
	return nil
}

func (p *pusher) push(ctx context.Context, t *targetPlan) error {
	if t.unchanged() {
		p.progress.Milestone(t.repository.String(), "every tag names this image already: nothing to send")
		return nil
	}
	var blobs []registry.Blob
	for _, i := range t.images {
		blobs = append(blobs, i.blobs()...)
	}
	attached, err := attestationBlobs(t.attestations)
	if err != nil {
		return err
	}
	outcomes, err := t.repo.Push(ctx, distinct(append(blobs, attached...)))
	t.correct(outcomes)
	if err != nil {
		return err
	}
	if err := p.children(ctx, t); err != nil {
		return err
	}
	for _, tag := range t.tags {
		if err := t.repo.MoveTag(ctx, tag, t.expect[tag], t.top, p.job.Force); err != nil {
			return err
		}
		p.progress.Milestone(t.repository.String()+":"+tag, "is now "+markdown.Digest(t.top.Descriptor().Digest.String()))
	}
	for _, i := range t.images {
		if err := p.pushBeside(ctx, t, i); err != nil {
			p.progress.Warn("push file index", err.Error()+"; the next push compares with this runner's cache, or sends more")
		}
	}
	return ctx.Err() //nolint:wrapcheck // the runtime knows why
}

// correct notes the layers that the registry would not mount, so that they were
// sent.
func (t *targetPlan) correct(outcomes map[string]registry.Outcome) {
	for _, i := range t.images {
		for n, layer := range i.layers {
			if layer.fate == mounted && outcomes[layer.descriptor.Digest.String()] == registry.Uploaded {
				i.layers[n].fate = sent
			}
		}
	}
}

// children puts the manifests that an index names.
func (p *pusher) children(ctx context.Context, t *targetPlan) error {
	if !t.top.MediaType.IsIndex() {
		return nil
	}
	for _, i := range t.images {
		if i.mode == modeSame {
			continue
		}
		if _, err := t.repo.PutManifest(ctx, i.manifest.Descriptor().Digest.String(), i.manifest); err != nil {
			return err
		}
	}
	for _, a := range t.attestations {
		m, err := registry.ManifestOf(a.Image)
		if err != nil {
			return err
		}
		if _, err := t.repo.PutManifest(ctx, m.Descriptor().Digest.String(), m); err != nil {
			return err
		}
	}
	return nil
}

// pushBeside attaches the file index of an image, for the next push.
func (p *pusher) pushBeside(ctx context.Context, t *targetPlan, i *imagePlan) error {
	if i.beside == nil {
		return nil
	}
	if _, err := t.repo.Push(ctx, i.beside.fresh); err != nil {
		return err
	}
	subject := i.manifest.Descriptor().Digest
	if err := t.repo.PutReferrer(ctx, subject, image.ArtifactType, i.beside.manifest); err != nil {
		return err
	}
	for _, blob := range i.beside.blobs {
		t.indexBlobs = append(t.indexBlobs, blob.Digest)
	}
	return nil
}

// remember keeps what the next push wants to know. A cache that cannot be
// written costs the next push bytes, not this one its success.
func (p *pusher) remember(t *targetPlan, sent int64, took time.Duration) {
	last := pushed{
		Repository: t.repository.String(), Digest: t.top.Descriptor().Digest.String(),
		BytesPerSecond: t.speed, IndexBlobs: t.indexBlobs,
	}
	// Less than this says more of the latency than of the speed.
	if const256k := int64(256 << 10); sent > const256k {
		last.BytesPerSecond = float64(sent) / took.Seconds()
	}
	errs := []error{p.cache.keepPush(last)}
	for _, i := range t.images {
		p.cache.Store(registry.BytesBlob(i.config).Digest, i.config)
		if i.index != nil {
			errs = append(errs, p.cache.keepIndex(i.index))
		}
	}
	if err := errors.Join(errs...); err != nil {
		p.progress.Warn("cache", err.Error())
	}
}

// blobs returns what to send or mount for an image.
func (i *imagePlan) blobs() []registry.Blob {
	if i.mode == modeSame {
		return nil
	}
	blobs := []registry.Blob{}
	for _, layer := range i.layers {
		if layer.fate == sent || layer.fate == mounted {
			blobs = append(blobs, layer.blob)
		}
	}
	return append(blobs, registry.BytesBlob(i.config))
}

func attestationBlobs(attestations []build.Image) ([]registry.Blob, error) {
	var blobs []registry.Blob
	for _, a := range attestations {
		layers, err := a.Layers()
		if err != nil {
			return nil, fmt.Errorf("list the parts of an attestation: %w", err)
		}
		for _, layer := range layers {
			blob, err := registry.LayerBlob(layer)
			if err != nil {
				return nil, err
			}
			blobs = append(blobs, blob)
		}
		config, err := a.RawConfigFile()
		if err != nil {
			return nil, fmt.Errorf("read an attestation: %w", err)
		}
		blobs = append(blobs, registry.BytesBlob(config))
	}
	return blobs, nil
}

// distinct drops blobs that are there already.
func distinct(blobs []registry.Blob) []registry.Blob {
	seen := map[v1.Hash]bool{}
	var out []registry.Blob
	for _, blob := range blobs {
		if !seen[blob.Digest] {
			seen[blob.Digest] = true
			out = append(out, blob)
		}
	}
	return out
}
