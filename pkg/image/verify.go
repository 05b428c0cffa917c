package image

import (
	"context"
	"fmt"
	"io"
	"slices"
)

// Verify proves that the previous layers with the delta on top are the built
// filesystem, path by path, and returns the index of that image. The delta is
// read in full, compressed or not.
func Verify(ctx context.Context, prev *Index, delta io.Reader, built *Index, opts Options) (*Index, error) {
	pushed, err := Apply(ctx, prev, delta)
	if err != nil {
		return nil, fmt.Errorf("verify delta: %w", err)
	}
	if err := same(pushed, built, opts); err != nil {
		return nil, fmt.Errorf("verify delta: the previous image with the delta is not the built image: %w", err)
	}
	return pushed, nil
}

// Apply returns the index of the previous layers with the delta on top. It is
// for all but the last piece of a delta, which Verify takes.
func Apply(ctx context.Context, prev *Index, delta io.Reader) (*Index, error) {
	layer, err := IndexLayer(ctx, delta)
	if err != nil {
		return nil, err
	}
	return NewIndex(append(slices.Clip(prev.Layers), layer))
}

// same returns an error that names the first path in which two filesystems
// differ. It shares nothing with Diff but how two files compare.
func same(pushed, built *Index, opts Options) error {
	if len(pushed.Ambiguous) > 0 {
		return fmt.Errorf("engines differ in where %q is", pushed.Ambiguous[0])
	}
	if len(pushed.Nodes) != len(built.Nodes) {
		return fmt.Errorf("%d paths instead of %d: %w", len(pushed.Nodes), len(built.Nodes), firstExtra(pushed, built))
	}
	links, back := map[*File]*File{}, map[*File]*File{}
	for i := range built.Nodes {
		a, b := pushed.Nodes[i], built.Nodes[i]
		if a.Path != b.Path {
			return firstExtra(pushed, built)
		}
		if why := differ(a.File, b.File, opts.MTime == MTimeExact); why != "" && why != whySource {
			return fmt.Errorf("%q differs in its %s", b.Path, why)
		}
		if b.Type == Directory {
			continue
		}
		if old, ok := links[a.File]; ok && old != b.File {
			return fmt.Errorf("%q is a hard link of other paths than it should be", b.Path)
		}
		if old, ok := back[b.File]; ok && old != a.File {
			return fmt.Errorf("%q is a hard link of other paths than it should be", b.Path)
		}
		links[a.File], back[b.File] = b.File, a.File
	}
	return nil
}

// firstExtra names a path that only one of two filesystems has.
func firstExtra(pushed, built *Index) error {
	for i := range min(len(pushed.Nodes), len(built.Nodes)) {
		p, b := pushed.Nodes[i].Path, built.Nodes[i].Path
		switch c := comparePaths(p, b); {
		case c < 0:
			return fmt.Errorf("%q should not be there", p)
		case c > 0:
			return fmt.Errorf("%q is missing", b)
		}
	}
	if len(pushed.Nodes) > len(built.Nodes) {
		return fmt.Errorf("%q should not be there", pushed.Nodes[len(built.Nodes)].Path)
	}
	return fmt.Errorf("%q is missing", built.Nodes[len(pushed.Nodes)].Path)
}
