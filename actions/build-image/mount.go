package buildimage

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/shipkit/pkg/registry"
)

// source returns the repository that the image comes from, if it is in the
// target's registry: its layers need not be sent.
func (d *decision) source() (repo name.Repository, ok bool) {
	source := d.planner.job.source
	if source == nil || source.Kind != "registry" {
		return repo, false
	}
	ref, err := name.ParseReference(source.Name)
	if err != nil || ref.Context().RegistryStr() != d.target.repository.RegistryStr() {
		return repo, false
	}
	return ref.Context(), true
}

// there tells that the registry is known to take all of the image from where
// it holds it.
func (d *decision) there() bool {
	source, ok := d.source()
	return ok && (source == d.target.repository || d.target.repo.Profile().Mounts)
}

// holders returns repositories of the target's registry that should hold a
// layer.
func (d *decision) holders(layer v1.Hash) (found []name.Repository) {
	if source, ok := d.source(); ok && source != d.target.repository {
		found = append(found, source)
	}
	for _, repo := range d.planner.holders[layer] {
		if repo != d.target.repository && repo.RegistryStr() == d.target.repository.RegistryStr() {
			found = append(found, repo)
		}
	}
	return found
}

// willHold notes that later targets can mount the layers of t.
func (p *planner) willHold(t *targetPlan) {
	for _, i := range t.images {
		for _, layer := range i.layers {
			p.holders[layer.descriptor.Digest] = append(p.holders[layer.descriptor.Digest], t.repository)
		}
	}
}

// holders returns, by layer, the repositories where this runner pushed it last.
func (c cache) holders() map[v1.Hash][]name.Repository {
	found := map[v1.Hash][]name.Repository{}
	files, _ := filepath.Glob(c.path("pushes", "*")) // a fixed pattern
	for _, file := range files {
		var last pushed
		content, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(content, &last) != nil {
			continue
		}
		repo, err := name.NewRepository(last.Repository)
		if err != nil {
			continue
		}
		for _, layer := range c.layersOf(last.Digest) {
			found[layer] = append(found[layer], repo)
		}
	}
	return found
}

// layersOf returns the layers of a manifest among the documents, of an index
// those of all its images.
func (c cache) layersOf(digest string) (layers []v1.Hash) {
	hash, err := v1.NewHash(digest)
	if err != nil {
		return nil
	}
	raw := c.Load(hash)
	if registry.BytesBlob(raw).Digest != hash {
		return nil
	}
	if index, err := v1.ParseIndexManifest(bytes.NewReader(raw)); err == nil && len(index.Manifests) > 0 {
		for _, child := range index.Manifests {
			if child.MediaType.IsImage() {
				layers = append(layers, c.layersOf(child.Digest.String())...)
			}
		}
		return layers
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil
	}
	for _, layer := range manifest.Layers {
		layers = append(layers, layer.Digest)
	}
	return layers
}
