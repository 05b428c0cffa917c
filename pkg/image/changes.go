package image

import "slices"

// changes returns what the comparison found, for people and for the layer.
func (d *diff) changes() *Changes {
	c := &Changes{}
	carried := map[*File]bool{}
	for i := range d.built {
		if d.why[i] == "" {
			continue
		}
		n := &d.built[i]
		change := Change{Kind: Modified, Path: n.Path, New: n.File, Why: d.why[i]}
		if old := d.old[i]; old != nil {
			change.Old = old.File
		} else {
			change.Kind, change.Why = Added, ""
		}
		if n.Type == Regular && !carried[n.File] {
			carried[n.File] = true
			change.Bytes = n.Size
		}
		c.Bytes += change.Bytes
		c.All = append(c.All, change)
	}
	for _, n := range d.removed {
		c.All = append(c.All, Change{Kind: Removed, Path: n.Path, Old: n.File})
	}
	slices.SortFunc(c.All, func(a, b Change) int { return comparePaths(a.Path, b.Path) })
	c.delta = deltaEntries(d.built, c.All)
	return c
}

// Split cuts changes into pieces of at most limit bytes of content each, for a
// registry that cannot resume a large blob. A file, and all its hard links,
// stays in one piece, however large. Each piece is a delta of its own: write
// them, and apply, verify and merge them one on top of the other.
func (c *Changes) Split(limit int64) []*Changes {
	if c.Bytes <= limit {
		return []*Changes{c}
	}
	carried := map[*File]int64{}
	for _, change := range c.All {
		carried[change.New] += change.Bytes
	}
	piece := map[*File]int{} // by file, so that its names stay together
	pieces := []*Changes{{}}
	for _, change := range c.All {
		last := pieces[len(pieces)-1]
		at, ok := piece[change.New]
		if !ok || change.New == nil {
			size := carried[change.New]
			if change.New != nil && last.Bytes > 0 && last.Bytes+size > limit {
				last = &Changes{}
				pieces = append(pieces, last)
			}
			at = len(pieces) - 1
			piece[change.New] = at
		}
		pieces[at].All = append(pieces[at].All, change)
		pieces[at].Bytes += change.Bytes
	}
	for _, p := range pieces {
		p.delta = deltaEntries(c.delta, p.All)
	}
	return pieces
}

// deltaEntries returns the entries of the delta layer for the changes. Every
// directory above a change is among them: unpacking a layer by itself, Docker
// would make up its mode and owner.
func deltaEntries(built []Node, changes []Change) []Node {
	var out []Node
	var parents []Node // the directories above the last entry
	add := func(path string) {
		for len(parents) > 0 && !below(path, parents[len(parents)-1].Path) {
			parents = parents[:len(parents)-1]
		}
		above := ""
		if len(parents) > 0 {
			above = parents[len(parents)-1].Path
		}
		for _, dir := range between(above, path) {
			n := *find(built, dir)
			out, parents = append(out, n), append(parents, n)
		}
	}
	for _, change := range changes {
		add(change.Path)
		if change.Kind == Removed {
			out = append(out, Node{Entry: Entry{change.Path, &File{Type: Whiteout}}})
			continue
		}
		n := *find(built, change.Path)
		out = append(out, n)
		if n.Type == Directory {
			parents = append(parents, n)
		}
	}
	return out
}

// between returns the directories below above and above path, from the top.
func between(above, path string) []string {
	var out []string
	for dir := parent(path); dir != above; dir = parent(dir) {
		out = append(out, dir)
	}
	slices.Reverse(out)
	return out
}
