package image

import (
	"cmp"
	"fmt"
	"slices"
)

// MTime tells whether modification times count as content.
type MTime string

// The ways to treat modification times.
const (
	// MTimeIgnore skips files of which only the time differs, and compiled
	// Python files that differ only in their source's time.
	MTimeIgnore MTime = "ignore"
	// MTimeExact sends every file with another time, to the second.
	MTimeExact MTime = "exact"
)

// Options tune [Diff] and [Verify].
type Options struct {
	// MTime is MTimeIgnore if empty.
	MTime MTime
}

// Kind is what happened to a path.
type Kind string

// The kinds of changes.
const (
	Added    Kind = "added"
	Modified Kind = "modified"
	Removed  Kind = "removed"
)

// Change is one difference between two filesystems.
type Change struct {
	Kind Kind
	Path string
	// Old and New are the file before and after; nil if there is none.
	Old, New *File
	// Bytes of content that a delta carries for this path, uncompressed.
	Bytes int64
	// Why tells what differs, such as "content" or "owner". It is empty for
	// additions and removals.
	Why string
}

// Changes are all differences between two filesystems.
type Changes struct {
	// All changes in tree order. A removed directory stands for all below it.
	All []Change
	// Bytes of content that a delta carries, uncompressed.
	Bytes int64
	// delta holds the entries of the layer in tree order: what changed, its
	// parent directories, whiteouts.
	delta []Node
}

// Empty tells that the filesystems are the same.
func (c *Changes) Empty() bool { return len(c.All) == 0 }

// Count returns how many paths were added, modified and removed.
func (c *Changes) Count() (added, modified, removed int) {
	for _, change := range c.All {
		switch change.Kind {
		case Added:
			added++
		case Modified:
			modified++
		case Removed:
			removed++
		}
	}
	return added, modified, removed
}

// Largest returns the n changes that carry most bytes, largest first; those
// that carry none are left out.
func (c *Changes) Largest(n int) []Change {
	var carrying []Change
	for _, change := range c.All {
		if change.Bytes > 0 {
			carrying = append(carrying, change)
		}
	}
	slices.SortStableFunc(carrying, func(a, b Change) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return carrying[:min(n, len(carrying))]
}

// Diff compares two filesystems. It returns an error if either is ambiguous:
// an engine might then see another filesystem than we do.
func Diff(prev, built *Index, opts Options) (*Changes, error) {
	for _, ix := range []*Index{prev, built} {
		if len(ix.Ambiguous) > 0 {
			return nil, fmt.Errorf("compare images: engines differ in where %q is, and %d more paths",
				ix.Ambiguous[0], len(ix.Ambiguous)-1)
		}
	}
	if opts.MTime == "" {
		opts.MTime = MTimeIgnore
	}
	d := &diff{exact: opts.MTime == MTimeExact, prev: prev.Nodes, built: built.Nodes}
	d.compare()
	for again := true; again; {
		again = d.sendSources()
		again = d.sendLinks() || again
	}
	return d.changes(), nil
}

// Why a path is sent.
const (
	whyType    = "type"
	whyContent = "content"
	whyLink    = "link"
	whyDevice  = "device"
	whyMode    = "mode"
	whyOwner   = "owner"
	whyXattrs  = "xattrs"
	whyTime    = "time"
	whySource  = "source time"
	whyName    = "hard link"
)

// differ returns the first way in which two files differ, "" if in none.
func differ(a, b *File, exact bool) string {
	switch {
	case a.Type != b.Type:
		return whyType
	case a.Size != b.Size || a.Sum != b.Sum:
		if !exact && a.PycSum != (Sum{}) && a.PycSum == b.PycSum && a.attributesDiffer(b) == "" {
			return whySource
		}
		return whyContent
	case a.Link != b.Link:
		return whyLink
	case a.Major != b.Major || a.Minor != b.Minor:
		return whyDevice
	}
	if why := a.attributesDiffer(b); why != "" {
		return why
	}
	if exact && a.MTime != b.MTime {
		return whyTime
	}
	return ""
}

// attributesDiffer returns the first attribute in which two files differ,
// "" if in none.
func (f *File) attributesDiffer(g *File) string {
	switch {
	case f.Mode != g.Mode && f.Type != Symlink: // Linux gives symlinks none
		return whyMode
	case f.UID != g.UID || f.GID != g.GID:
		return whyOwner
	case !slices.Equal(f.Xattrs, g.Xattrs):
		return whyXattrs
	}
	return ""
}
