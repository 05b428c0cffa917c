package buildimage

import (
	"bytes"
	"context"
	"fmt"
	"math"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/shipkit/pkg/build"
	"github.com/org/shipkit/pkg/image"
	"github.com/org/shipkit/pkg/registry"
)

// previous is what a push compares with.
type previous struct {
	// repo holds it: the target's own repository, or another of its registry.
	repo     *registry.Repository
	manifest registry.Manifest
	digest   v1.Hash
}

// findPrevious returns the image to compare with, nil if there is none: the
// one that the user names, what a tag names now, what the service runs, what
// this runner pushed last.
func (p *planner) findPrevious(ctx context.Context, t *targetPlan) (*previous, error) {
	if ref := p.job.previous; ref != nil {
		return p.namedPrevious(ctx, t, ref)
	}
	references := []string{}
	for _, tag := range t.tags {
		if digest := t.expect[tag]; digest != (v1.Hash{}) {
			references = append(references, digest.String())
		}
	}
	if len(references) == 0 && p.job.service != nil {
		running, err := p.running(ctx, t)
		if err != nil {
			return nil, err
		}
		references = append(references, running...)
	}
	if last := p.cache.lastPush(t.repository.String()).Digest; last != "" && len(references) == 0 {
		if _, found, err := t.repo.Head(ctx, last); err != nil {
			return nil, err
		} else if found {
			references = append(references, last)
		}
	}
	for _, reference := range references {
		m, found, err := t.repo.Manifest(ctx, reference)
		if err != nil {
			return nil, err
		}
		if found {
			return &previous{repo: t.repo, manifest: m, digest: m.Descriptor().Digest}, nil
		}
	}
	return nil, nil
}

// running returns the image that the service runs, as the registry names it;
// nothing, and a note, when it runs none of this repository.
func (p *planner) running(ctx context.Context, t *targetPlan) ([]string, error) {
	client, err := p.services(ctx)
	if err != nil {
		return nil, err
	}
	ref, err := p.job.service.image(ctx, client, t.repository)
	if err != nil {
		return nil, err
	}
	if ref == nil {
		t.note("previous-service " + p.job.service.String() + " runs no image of " + t.repository.String())
		return nil, nil
	}
	digest, found, err := t.repo.Head(ctx, ref.Identifier())
	if err != nil {
		return nil, err
	}
	if !found {
		t.note("previous-service runs " + ref.String() + ", which the registry no longer has")
		return nil, nil
	}
	return []string{digest.String()}, nil
}

// namedPrevious reads the image that the user names. One in another registry
// helps nothing: its layers cannot be used by reference.
func (p *planner) namedPrevious(ctx context.Context, t *targetPlan, ref name.Reference) (*previous, error) {
	if ref.Context().RegistryStr() != t.repository.RegistryStr() {
		t.note("previous-image is in another registry: its layers cannot be reused in " + t.repository.RegistryStr())
		return nil, nil
	}
	repo := t.repo
	if ref.Context() != t.repository {
		var err error
		if repo, err = p.open(ctx, ref.Context()); err != nil {
			return nil, err
		}
	}
	m, found, err := repo.Manifest(ctx, ref.Identifier())
	if err != nil {
		return nil, err
	}
	if !found {
		t.note("previous-image " + ref.String() + " does not exist: pushing the whole image")
		return nil, nil
	}
	return &previous{repo: repo, manifest: m, digest: m.Descriptor().Digest}, nil
}

// platform returns the image for a platform, nil if there is none.
func (p *previous) platform(ctx context.Context, want build.Image) (*previousImage, error) {
	m := p.manifest
	if m.MediaType.IsIndex() {
		index, err := v1.ParseIndexManifest(bytes.NewReader(m.Raw))
		if err != nil {
			return nil, fmt.Errorf("read the previous image's index: %w", err)
		}
		child := childFor(index, want)
		if child == nil {
			return nil, nil
		}
		var found bool
		if m, found, err = p.repo.Manifest(ctx, child.Digest.String()); err != nil || !found {
			return nil, err
		}
	}
	img, err := p.repo.Image(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("read the previous image: %w", err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the previous image's config: %w", err)
	}
	if config.OS != want.Platform.OS || config.Architecture != want.Platform.Architecture {
		return nil, nil
	}
	return &previousImage{Image: img, repo: p.repo, raw: m, digest: m.Descriptor().Digest, diffIDs: config.RootFS.DiffIDs}, nil
}

func childFor(index *v1.IndexManifest, want build.Image) *v1.Descriptor {
	for i, child := range index.Manifests {
		p := child.Platform
		if child.MediaType.IsImage() && p != nil && p.OS == want.Platform.OS && p.Architecture == want.Platform.Architecture &&
			(p.Variant == "" || want.Platform.Variant == "" || p.Variant == want.Platform.Variant) {
			return &index.Manifests[i]
		}
	}
	return nil
}

// previousImage is the previous image of one platform.
type previousImage struct {
	v1.Image
	repo    *registry.Repository
	raw     registry.Manifest
	digest  v1.Hash
	diffIDs []v1.Hash
	// indexBlobs are the blobs of its index artifact, which need not be sent.
	indexBlobs map[v1.Hash]bool
}

// previousIndex returns the previous image's files without pulling the image:
// from the runner's cache, the artifact beside the image, or the local engine.
// Else the layers that are not known are read from the registry, if that costs
// at most affordable bytes. It returns nil when nothing is known.
func (p *planner) previousIndex(ctx context.Context, prev *previousImage, built *image.Index, affordable int64) (*image.Index, error) {
	if index := p.cache.index(prev.diffIDs); index != nil {
		prev.indexBlobs = map[v1.Hash]bool{}
		if last := p.cache.lastPush(prev.repo.Name().String()); last.Digest == prev.digest.String() {
			for _, blob := range last.IndexBlobs {
				prev.indexBlobs[blob] = true
			}
		}
		return index, nil
	}
	known := p.known(built)
	index, err := readIndexArtifact(ctx, prev, known)
	if err != nil {
		p.progress.Warn(planTask, err.Error()+"; going on without it")
	}
	if index != nil {
		return index, nil
	}
	cost := prev.unknown(known)
	if cost > 0 {
		if index := p.storedIndex(ctx, prev, known); index != nil {
			return index, nil
		}
	}
	if p.job.LayerDiff != "always" && cost > affordable {
		return nil, nil
	}
	index, err = image.BuildIndex(ctx, prev.Image, image.BuildOptions{Known: known, Progress: p.progress})
	if err != nil && (ctx.Err() != nil || p.job.LayerDiff == "always") {
		return nil, fmt.Errorf("index the previous image %s: %w", prev.digest, err)
	}
	if err != nil {
		p.progress.Warn(planTask, "read the previous image: "+err.Error()+"; going on without it")
	}
	return index, nil
}

// known finds the index of a layer in the cache or in an index at hand.
func (p *planner) known(more *image.Index) func(v1.Hash) *image.LayerIndex {
	layers := map[v1.Hash]*image.LayerIndex{}
	if more != nil {
		for _, layer := range more.Layers {
			layers[layer.DiffID] = layer
		}
	}
	return func(diffID v1.Hash) *image.LayerIndex {
		if layer := layers[diffID]; layer != nil {
			return layer
		}
		return p.cache.layer(diffID)
	}
}

// unknown returns the bytes of the layers whose files are not known.
func (p *previousImage) unknown(known func(v1.Hash) *image.LayerIndex) (n int64) {
	manifest, err := p.Manifest()
	if err != nil || len(manifest.Layers) != len(p.diffIDs) {
		return math.MaxInt64
	}
	for i, diffID := range p.diffIDs {
		if known(diffID) == nil {
			n += manifest.Layers[i].Size
		}
	}
	return n
}

// readIndexArtifact reads the index that lies beside the previous image, nil if
// there is none: of it only what is not known.
func readIndexArtifact(ctx context.Context, prev *previousImage, known func(v1.Hash) *image.LayerIndex) (*image.Index, error) {
	m, found, err := prev.repo.Referrer(ctx, prev.digest, image.ArtifactType)
	if err != nil || !found {
		return nil, err
	}
	artifact, err := prev.repo.Image(ctx, m)
	if err != nil {
		return nil, err
	}
	index, err := image.ReadArtifact(artifact, prev.diffIDs, known)
	if err != nil {
		return nil, fmt.Errorf("read the file index of the previous image: %w", err)
	}
	manifest, err := artifact.Manifest()
	if err != nil {
		return nil, fmt.Errorf("read the file index of the previous image: %w", err)
	}
	prev.indexBlobs = map[v1.Hash]bool{manifest.Config.Digest: true}
	for _, layer := range manifest.Layers {
		prev.indexBlobs[layer.Digest] = true
	}
	return index, nil
}
