package image

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
	// Why tells what differs: "content", "mode", "owner", "type", "link",
	// "xattrs", "device", "time", "hard link", "source time". It is empty for
	// additions and removals.
	Why string
}

// Changes are all differences between two filesystems.
type Changes struct {
	// All changes in tree order. A removed directory stands for all below it.
	All []Change
	// Bytes of content that a delta carries, uncompressed.
	Bytes int64
	// delta holds the entries of the layer: changes, parents, whiteouts.
	delta []Node
}

// Empty tells that the filesystems are the same.
func (c *Changes) Empty() bool { return len(c.All) == 0 }

// Count returns how many paths were added, modified and removed.
func (c *Changes) Count() (added, modified, removed int) { return 0, 0, 0 }

// Largest returns the n changes that carry most bytes, largest first.
func (c *Changes) Largest(n int) []Change { return nil }

// Diff compares two filesystems. It returns an error if either is ambiguous.
func Diff(prev, built *Index, opts Options) (*Changes, error) { return nil, nil }
