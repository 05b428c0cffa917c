package image

import v1 "github.com/google/go-containerregistry/pkg/v1"

// LayerIndex lists what one layer holds.
type LayerIndex struct {
	// DiffID is the digest of the uncompressed layer.
	DiffID v1.Hash
	// Entries are in tree order: a directory, all that is below it, then its
	// next sibling.
	Entries []Entry
	// blob is the encoded form, once it is known.
	blob []byte
}

// Index is a stack of layers with the filesystem that they merge to.
type Index struct {
	// Layers from the bottom up.
	Layers []*LayerIndex
	// Nodes are the merged filesystem in tree order.
	Nodes []Node
	// Ambiguous lists paths of which container engines disagree what they
	// mean, such as an entry below a lower layer's symlink. An image that has
	// some must be pushed as it is, without a delta.
	Ambiguous []string
}
