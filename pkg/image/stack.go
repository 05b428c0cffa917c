package image

import (
	"fmt"
	"slices"
)

// NewIndex merges layers, given from the bottom up.
func NewIndex(layers []*LayerIndex) (*Index, error) {
	ix := &Index{Layers: layers}
	for i, layer := range layers {
		m := &merge{lower: ix.Nodes, layer: i, out: make([]Node, 0, len(ix.Nodes)+len(layer.Entries))}
		if err := m.run(layer.Entries); err != nil {
			return nil, fmt.Errorf("apply layer %d of %d, %s: %w", i+1, len(layers), layer.DiffID, err)
		}
		ix.Nodes = m.out
		ix.Ambiguous = append(ix.Ambiguous, m.ambiguous...)
	}
	return ix, nil
}

// Find returns the node at a path, or nil.
func (ix *Index) Find(path string) *Node { return find(ix.Nodes, path) }

func find(nodes []Node, path string) *Node {
	if i := search(nodes, path); i >= 0 {
		return &nodes[i]
	}
	return nil
}

// search returns the position of a path, or -1.
func search(nodes []Node, path string) int {
	i, ok := slices.BinarySearchFunc(nodes, path, func(n Node, p string) int { return comparePaths(n.Path, p) })
	if !ok {
		return -1
	}
	return i
}

// merge lays one layer over a merged filesystem. Both are in tree order, so
// one pass over both does it, and at any moment only one removed subtree is
// open.
type merge struct {
	lower     []Node
	next      int // the next node of lower
	layer     int
	out       []Node
	ambiguous []string
	hidden    subtree
	// blocked is the layer's last entry that is no directory; what the layer
	// has below it has no defined place.
	blocked string
}

// subtree is a part of the lower layers that the layer removes.
type subtree struct {
	open bool
	root string
	// keep the root itself: an opaque directory
	keep bool
}

func (s subtree) covers(path string) bool {
	return s.open && (below(path, s.root) || (path == s.root && !s.keep))
}

func (m *merge) run(entries []Entry) error {
	for _, e := range entries {
		m.copyLower(e.Path)
		if err := m.apply(e); err != nil {
			return err
		}
	}
	for ; m.next < len(m.lower); m.next++ {
		m.keepLower()
	}
	return nil
}

// copyLower passes on the lower nodes before a path.
func (m *merge) copyLower(path string) {
	for m.next < len(m.lower) && comparePaths(m.lower[m.next].Path, path) < 0 {
		m.keepLower()
		m.next++
	}
}

func (m *merge) keepLower() {
	if n := m.lower[m.next]; !m.hidden.covers(n.Path) {
		m.out = append(m.out, n)
	}
}

func (m *merge) apply(e Entry) error {
	switch e.Type {
	case Whiteout, Opaque:
		m.hide(e.Path, e.Type == Opaque)
		if m.underLink(e.Path) {
			m.ambiguous = append(m.ambiguous, e.Path)
		}
		return nil
	default:
	}
	replaced := m.takeLower(e.Path)
	if m.blocked != "" && below(e.Path, m.blocked) {
		m.ambiguous = append(m.ambiguous, e.Path)
	}
	node := Node{Entry: e, Layer: m.layer}
	switch e.Type {
	case Implicit:
		m.out = append(m.out, m.implicit(e, replaced))
		return nil
	case Directory:
		if replaced != nil && replaced.Type != Directory {
			m.hide(e.Path, false)
		}
	case Hardlink:
		target := find(m.lower, e.Link)
		if target == nil || target.Type == Directory {
			return fmt.Errorf("hard link %q leads to no file: %q", e.Path, e.Link)
		}
		node.File, node.Layer = target.File, target.Layer
		m.hide(e.Path, false)
		m.blocked = e.Path
	default:
		m.hide(e.Path, false)
		m.blocked = e.Path
	}
	m.out = append(m.out, node)
	return nil
}

// implicit returns the directory that an unpacker finds or makes where the
// layer has entries but no directory.
func (m *merge) implicit(e Entry, lower *Node) Node {
	if lower != nil && lower.Type == Directory {
		return *lower
	}
	if lower != nil { // a link to a directory, perhaps: engines differ
		m.ambiguous = append(m.ambiguous, e.Path)
	}
	return Node{Entry: Entry{e.Path, &File{Type: Directory, Mode: e.Mode}}, Layer: m.layer}
}

// takeLower steps over the lower node at path and returns it if the layer has
// not removed it.
func (m *merge) takeLower(path string) *Node {
	if m.next >= len(m.lower) || m.lower[m.next].Path != path {
		return nil
	}
	n := &m.lower[m.next]
	m.next++
	if m.hidden.covers(path) {
		return nil
	}
	return n
}

// hide removes what lower layers have at and below root, or only below it.
func (m *merge) hide(root string, keep bool) {
	if m.hidden.covers(root) {
		return
	}
	m.hidden = subtree{open: true, root: root, keep: keep}
}

// underLink tells whether something else than a directory stands above path.
func (m *merge) underLink(path string) bool {
	for dir := parent(path); dir != ""; dir = parent(dir) {
		if n := find(m.out, dir); n != nil && n.Type != Directory {
			return true
		}
	}
	return false
}

// Usage tells how much of a layer the merged filesystem still shows.
type Usage struct {
	// Total and Live are bytes of file content, uncompressed.
	Total, Live int64
}

// Usage returns the usage of each layer, from the bottom up. Hard links count
// once.
func (ix *Index) Usage() []Usage {
	usage := make([]Usage, len(ix.Layers))
	for i, layer := range ix.Layers {
		seen := map[*File]bool{}
		for _, e := range layer.Entries {
			if e.Type == Regular && !seen[e.File] {
				seen[e.File] = true
				usage[i].Total += e.Size
			}
		}
	}
	seen := map[*File]bool{}
	for _, n := range ix.Nodes {
		if n.Type == Regular && !seen[n.File] {
			seen[n.File] = true
			usage[n.Layer].Live += n.Size
		}
	}
	return usage
}

// ArchiveSize returns about the bytes of the layer's archive, uncompressed: a
// header for each entry, and contents.
func (l *LayerIndex) ArchiveSize() (n int64) {
	const block = 512
	seen := map[*File]bool{}
	for _, e := range l.Entries {
		n += block
		if e.Type == Regular && !seen[e.File] {
			seen[e.File] = true
			n += (e.Size + block - 1) / block * block
		}
	}
	return n
}
