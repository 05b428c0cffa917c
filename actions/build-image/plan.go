package buildimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/shipkit/pkg/build"
	"github.com/org/shipkit/pkg/image"
	"github.com/org/shipkit/pkg/markdown"
	"github.com/org/shipkit/pkg/progress"
	"github.com/org/shipkit/pkg/registry"
)

// planTask is the task of progress events before a push.
const planTask = "plan push"

// planner works out what a push would send. It reads, and writes nothing but
// files below work.
type planner struct {
	job      *job
	cache    cache
	open     func(ctx context.Context, repo name.Repository) (*registry.Repository, error)
	services func(context.Context) (services, error)
	progress progress.Func
	// work is a folder for the files of this run.
	work string
	// indexes of the built images, made once for all targets.
	indexes map[int]*image.Index
	// packed are built layers that were compressed, by diff ID.
	packed map[v1.Hash]v1.Layer
	// holders are the repositories that hold a layer, or will when their turn
	// came: where this runner pushed it last, and earlier targets.
	holders map[v1.Hash][]name.Repository
	mutex   sync.Mutex
}

func newPlanner(
	j *job, c cache, open func(context.Context, name.Repository) (*registry.Repository, error), p progress.Func, work string,
) *planner {
	return &planner{
		job: j, cache: c, open: open, services: openServices, progress: p, work: work,
		indexes: map[int]*image.Index{}, packed: map[v1.Hash]v1.Layer{}, holders: c.holders(),
	}
}

// plan is what a push will do.
type plan struct {
	targets []*targetPlan
}

// targetPlan is what a push will do in one repository.
type targetPlan struct {
	target
	repo *registry.Repository
	// expect is what each tag named when this was planned; zero for nothing.
	expect map[string]v1.Hash
	// previous is the digest that was compared with; zero for none.
	previous v1.Hash
	images   []*imagePlan
	// top is what the tags will name: the image, or the index of several.
	top registry.Manifest
	// attestations are pushed as they are.
	attestations []build.Image
	// indexBlobs are the blobs of the file indexes that apply attached.
	indexBlobs []v1.Hash
	notes      []string
	// speed is what the last push measured, in bytes a second; 0 is unknown.
	speed float64
}

func (t *targetPlan) note(text string) { t.notes = append(t.notes, text) }

// unchanged tells that every tag names the image already.
func (t *targetPlan) unchanged() bool {
	digest := t.top.Descriptor().Digest
	return !slices.ContainsFunc(t.tags, func(tag string) bool { return t.expect[tag] != digest })
}

// total returns the size of the images.
func (t *targetPlan) total() (n int64) {
	for _, i := range t.images {
		n += i.total()
	}
	return n
}

// sends returns the bytes of the blobs and manifests to send, without headers.
func (t *targetPlan) sends() (n int64) {
	if t.unchanged() {
		return 0
	}
	for _, i := range t.images {
		n += i.sends()
	}
	return n + int64(len(t.top.Raw)*len(t.tags))
}

// duration estimates the time of the push; 0 when the speed is unknown.
func (t *targetPlan) duration() time.Duration {
	if t.speed == 0 {
		return 0
	}
	return time.Duration(float64(t.sends()) / t.speed * float64(time.Second))
}

// plan works out the push of built to every target.
func (p *planner) plan(ctx context.Context, built *build.Built) (*plan, error) {
	all := &plan{}
	for _, target := range p.job.targets {
		t, err := p.target(ctx, target, built)
		if err != nil {
			return nil, fmt.Errorf("plan the push to %s: %w", target.repository, err)
		}
		all.targets = append(all.targets, t)
		p.willHold(t)
	}
	return all, nil
}

func (p *planner) target(ctx context.Context, to target, built *build.Built) (*targetPlan, error) {
	repo, err := p.open(ctx, to.repository)
	if err != nil {
		return nil, err
	}
	t := &targetPlan{
		target: to, repo: repo, expect: map[string]v1.Hash{}, attestations: built.Attestations,
		speed: p.cache.lastPush(to.repository.String()).BytesPerSecond,
	}
	for _, tag := range to.tags {
		digest, _, err := repo.Head(ctx, tag)
		if err != nil {
			return nil, err
		}
		t.expect[tag] = digest
	}
	prev, err := p.findPrevious(ctx, t)
	if err != nil {
		return nil, err
	}
	if prev != nil {
		t.previous = prev.digest
	}
	for n, img := range built.Images {
		planned, err := p.platform(ctx, t, prev, n, img)
		if err != nil {
			return nil, err
		}
		t.images = append(t.images, planned)
	}
	t.top, err = topManifest(t, prev, built)
	return t, errors.Join(err, t.checkManifests())
}

// checkManifests refuses, before anything is sent, a manifest that the
// registry would refuse when all is there.
func (t *targetPlan) checkManifests() error {
	for _, i := range t.images {
		if err := t.repo.CheckSize(i.manifest); err != nil {
			return err
		}
	}
	return t.repo.CheckSize(t.top)
}

// platform plans the image of one platform.
func (p *planner) platform(ctx context.Context, t *targetPlan, prev *previous, n int, img build.Image) (*imagePlan, error) {
	d := &decision{planner: p, target: t, number: n, built: img}
	if prev != nil {
		var err error
		if d.prev, err = prev.platform(ctx, img); err != nil {
			return nil, err
		}
	}
	planned, err := d.decide(ctx, len(t.attestations) > 0)
	if err != nil {
		return nil, fmt.Errorf("platform %s: %w", img.Platform.String(), err)
	}
	planned.beside, err = d.indexBeside(planned)
	return planned, err
}

// topManifest returns what the tags will name.
func topManifest(t *targetPlan, prev *previous, built *build.Built) (registry.Manifest, error) {
	if built.Index == nil {
		return t.images[0].manifest, nil
	}
	index := built.Index.DeepCopy()
	if index.MediaType == "" {
		index.MediaType = types.OCIImageIndex
	}
	for i, img := range built.Images {
		d := t.images[i].manifest.Descriptor()
		for n := range index.Manifests {
			if index.Manifests[n].Digest == img.Descriptor.Digest {
				index.Manifests[n].MediaType, index.Manifests[n].Digest, index.Manifests[n].Size = d.MediaType, d.Digest, d.Size
			}
		}
	}
	if prev != nil && sameChildren(prev.manifest, index) {
		return prev.manifest, nil
	}
	raw, err := json.Marshal(index)
	if err != nil {
		return registry.Manifest{}, fmt.Errorf("make the image's index: %w", err)
	}
	return registry.Manifest{MediaType: index.MediaType, Raw: raw}, nil
}

// sameChildren tells whether a manifest is an index of the very same images.
func sameChildren(m registry.Manifest, index *v1.IndexManifest) bool {
	if !m.MediaType.IsIndex() {
		return false
	}
	old, err := v1.ParseIndexManifest(strings.NewReader(string(m.Raw)))
	if err != nil || len(old.Manifests) != len(index.Manifests) {
		return false
	}
	for i := range old.Manifests {
		if old.Manifests[i].Digest != index.Manifests[i].Digest {
			return false
		}
	}
	return true
}

// builtIndex returns the files of a built image.
func (p *planner) builtIndex(ctx context.Context, n int, img build.Image) (*image.Index, error) {
	if p.indexes[n] != nil {
		return p.indexes[n], nil
	}
	index, err := image.BuildIndex(ctx, img.Image, image.BuildOptions{Known: p.cache.layer, Progress: p.progress})
	if err != nil {
		return nil, fmt.Errorf("index the built image: %w", err)
	}
	p.indexes[n] = index
	return index, nil
}

// pack compresses a built layer, once for all targets.
func (p *planner) pack(ctx context.Context, layer v1.Layer, diffID v1.Hash, zstd bool) (v1.Layer, error) {
	p.mutex.Lock()
	packed := p.packed[diffID]
	p.mutex.Unlock()
	if packed != nil {
		return packed, nil
	}
	p.progress.Send(progress.Event{Task: planTask, Text: "compressing layer " + markdown.Digest(diffID.String())})
	file := filepath.Join(p.work, "layer-"+diffID.Hex)
	packed, err := build.Compress(ctx, layer, build.Compression{Zstd: zstd, Level: p.job.CompressionLevel}, file)
	if err != nil {
		return nil, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.packed[diffID] = packed
	return packed, nil
}
