package buildimage

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/registry"
)

// pull returns how `source: registry:…` is read: over the link, which counts
// it and survives its drops, and each layer once, into a folder below work.
func (c *clients) pull(work string) func(context.Context, name.Reference) (v1.Image, v1.ImageIndex, error) {
	options := c.options
	options.BlobDir, options.ReadOnly = filepath.Join(work, "source"), true
	return func(ctx context.Context, ref name.Reference) (v1.Image, v1.ImageIndex, error) {
		repo, err := registry.Open(ctx, c.link, ref.Context(), options)
		if err != nil {
			return nil, nil, err
		}
		m, found, err := repo.Manifest(ctx, ref.Identifier())
		if err != nil {
			return nil, nil, err
		}
		if !found {
			return nil, nil, &diag.Diagnostic{
				Summary: fmt.Sprintf("input source: the registry has no %s", ref), Try: "check its name and tag, and that it was pushed",
			}
		}
		if m.MediaType.IsIndex() {
			index, err := repo.Index(ctx, m)
			return nil, index, err
		}
		img, err := repo.Image(ctx, m)
		return img, nil, err
	}
}
