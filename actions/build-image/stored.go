package buildimage

import (
	"context"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/shipkit/pkg/build"
	"github.com/org/shipkit/pkg/image"
	"github.com/org/shipkit/pkg/progress"
)

// storedIndex indexes the previous image from the local Docker engine, which
// costs no byte on the wire; nil if the engine does not hold it.
func (p *planner) storedIndex(ctx context.Context, prev *previousImage, known func(v1.Hash) *image.LayerIndex) *image.Index {
	manifest, err := prev.Manifest()
	if err != nil {
		return nil
	}
	// Engines call an image by the digest of its config, or of its manifest.
	engine := build.Engine{}
	for _, id := range []v1.Hash{manifest.Config.Digest, prev.digest} {
		if !engine.Holds(ctx, id.String()) {
			continue
		}
		p.progress.Send(progress.Event{Task: planTask, Text: "reading the previous image from the local engine"})
		index, err := p.readStored(ctx, engine, id, prev, known)
		if err == nil {
			return index
		}
		p.progress.Warn(planTask, "read the previous image from the local engine: "+err.Error()+"; going on without it")
	}
	return nil
}

func (p *planner) readStored(
	ctx context.Context, engine build.Engine, id v1.Hash, prev *previousImage, known func(v1.Hash) *image.LayerIndex,
) (*image.Index, error) {
	stored, err := engine.Open(ctx, build.Source{Kind: "docker", Name: id.String()}, p.work)
	if err != nil {
		return nil, err
	}
	defer stored.Close()
	// BuildIndex checks each layer against the diff ID that the config names.
	index, err := image.BuildIndex(ctx, stored.Images[0], image.BuildOptions{Known: known, Progress: p.progress})
	if err != nil {
		return nil, err
	}
	if !slices.EqualFunc(index.Layers, prev.diffIDs, func(l *image.LayerIndex, want v1.Hash) bool { return l.DiffID == want }) {
		return nil, nil // another image under this name
	}
	return index, nil
}
