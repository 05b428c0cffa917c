package image

// diff is a comparison under way.
type diff struct {
	exact       bool
	prev, built []Node
	// old[i] is the previous node at the path of built[i], or nil.
	old []*Node
	// why[i] is the reason to send built[i]; "" if it stays as it is.
	why []string
	// pyc lists the built nodes that differ in their source's time only.
	pyc []int
	// removed lists the previous nodes to remove, without what is below them.
	removed []*Node
}

// whyNew marks additions in diff.why; users see no reason for them.
const whyNew = "new"

// compare walks both filesystems once.
func (d *diff) compare() {
	d.old = make([]*Node, len(d.built))
	d.why = make([]string, len(d.built))
	gone := "" // the last path that takes all below it along
	next := 0
	skip := func(before string, all bool) {
		for ; next < len(d.prev) && (all || comparePaths(d.prev[next].Path, before) < 0); next++ {
			n := &d.prev[next]
			if gone == "" || !below(n.Path, gone) {
				d.removed = append(d.removed, n)
				gone = n.Path
			}
		}
	}
	for i := range d.built {
		n := &d.built[i]
		skip(n.Path, false)
		if next == len(d.prev) || d.prev[next].Path != n.Path {
			d.why[i] = whyNew
			continue
		}
		d.old[i] = &d.prev[next]
		next++
		if d.why[i] = differ(d.old[i].File, n.File, d.exact); d.why[i] == whySource {
			d.why[i] = ""
			d.pyc = append(d.pyc, i)
		}
		if d.old[i].Type == Directory && n.Type != Directory {
			gone = n.Path
		}
	}
	skip("", true)
}

// sendSources keeps compiled Python files and their sources together: the
// time in the one must be the time of the other, or Python compiles again. It
// tells whether it chose more to send.
func (d *diff) sendSources() (more bool) {
	if d.exact {
		return false
	}
	for i := range d.built {
		n := &d.built[i]
		if d.why[i] == "" || n.PycSum == (Sum{}) {
			continue
		}
		src := search(d.built, pySource(n.Path))
		if src >= 0 && d.why[src] == "" && d.old[src].MTime != d.built[src].MTime {
			d.why[src], more = whySource, true
		}
	}
	for _, i := range d.pyc {
		src := search(d.built, pySource(d.built[i].Path))
		if src >= 0 && d.why[src] != "" && d.why[i] == "" {
			d.why[i], more = whySource, true
		}
	}
	return more
}

// sendLinks chooses whole groups of hard links whenever a part of a group
// must be sent, or when other paths are linked than before. It tells whether
// it chose more to send.
func (d *diff) sendLinks() (more bool) {
	groups := map[*File][]int{} // built nodes by file
	kept := map[*File][]int{}   // built nodes that stay, by previous file
	for i := range d.built {
		if d.built[i].Type == Directory {
			continue
		}
		groups[d.built[i].File] = append(groups[d.built[i].File], i)
		if d.why[i] == "" {
			kept[d.old[i].File] = append(kept[d.old[i].File], i)
		}
	}
	send := func(group []int) {
		for _, i := range group {
			if d.why[i] == "" {
				d.why[i], more = whyName, true
			}
		}
	}
	for i := range d.built {
		if group := groups[d.built[i].File]; len(group) > 1 && group[0] == i && !d.intact(group) {
			send(group)
		}
	}
	for _, linked := range kept {
		for _, j := range linked[1:] {
			if d.built[j].File != d.built[linked[0]].File {
				send(groups[d.built[linked[0]].File])
				send(groups[d.built[j].File])
			}
		}
	}
	return more
}

// intact tells whether nothing of a group of hard links is sent and all of it
// was linked before.
func (d *diff) intact(group []int) bool {
	for _, i := range group {
		if d.why[i] != "" || d.old[i].File != d.old[group[0]].File {
			return false
		}
	}
	return true
}
