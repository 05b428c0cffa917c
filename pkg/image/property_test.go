package image

import (
	"archive/tar"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The names are few, so that layers meet each other's paths; "a-" sorts
// between "a" and "a/b" byte by byte, "é" takes a PAX header.
var names = rapid.SampledFrom([]string{"a", "b", "a-", "c.py", "c.pyc", "é"})

func drawPath(t *rapid.T) string {
	p := names.Draw(t, "name")
	for range rapid.IntRange(0, 2).Draw(t, "depth") {
		p = path.Join(names.Draw(t, "dir"), p)
	}
	return p
}

// layerDraw draws a layer that engines agree on: each entry's parents are
// directories of the same layer, and hard links lead to files of it.
type layerDraw struct {
	t     *rapid.T
	kinds map[string]byte
	items []item
	lower tree
}

func drawLayer(t *rapid.T, lower tree) []byte {
	d := &layerDraw{t: t, kinds: map[string]byte{}, lower: lower}
	for range rapid.IntRange(0, 8).Draw(t, "entries") {
		p := drawPath(t)
		if rapid.IntRange(0, 4).Draw(t, "remove") == 0 {
			d.whiteout(p)
		} else if d.kinds[p] == 0 && d.parents(p) {
			d.entry(p)
		}
	}
	return archive(t, d.items...)
}

// parents adds the directories above p, and tells whether all of them are.
func (d *layerDraw) parents(p string) bool {
	dir := path.Dir(p)
	if dir == "." {
		return true
	}
	if !d.parents(dir) {
		return false
	}
	if d.kinds[dir] == 0 {
		d.add(dir, tar.TypeDir, item{})
	}
	return d.kinds[dir] == tar.TypeDir
}

func (d *layerDraw) add(p string, kind byte, it item) {
	d.kinds[p] = kind
	it.Name, it.Typeflag = p, kind
	if kind == tar.TypeDir {
		it.Name += "/"
	}
	it.Mode = rapid.SampledFrom([]int64{0o644, 0o755, 0o4755}).Draw(d.t, "mode")
	it.Uid = rapid.SampledFrom([]int{0, 1000, 3_000_000}).Draw(d.t, "uid")
	it.ModTime = time.Unix(rapid.Int64Range(0, 2).Draw(d.t, "mtime"), 0)
	if rapid.IntRange(0, 5).Draw(d.t, "capability") == 0 {
		it.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02\xff\n"}
	}
	d.items = append(d.items, it)
}

func (d *layerDraw) entry(p string) {
	switch rapid.IntRange(0, 7).Draw(d.t, "kind") {
	case 0:
		d.add(p, tar.TypeDir, item{})
	case 1:
		d.add(p, tar.TypeSymlink, item{Header: tar.Header{Linkname: drawPath(d.t)}})
	case 2:
		d.add(p, tar.TypeChar, item{Header: tar.Header{Devmajor: 1, Devminor: 3}})
	case 3, 4:
		for _, other := range d.items {
			if other.Typeflag == tar.TypeReg && d.kinds[other.Name] == tar.TypeReg {
				d.kinds[p] = tar.TypeLink
				d.items = append(d.items, hardlink(p, other.Name))
				return
			}
		}
		fallthrough
	default:
		content := rapid.SampledFrom([]string{"", "one", "two", pycFile(1, "x"), pycFile(2, "x"), pycFile(1, "y")})
		d.add(p, tar.TypeReg, item{content: content.Draw(d.t, "content")})
	}
}

// whiteout removes a path that the lower layers have, or opens a directory
// anew.
func (d *layerDraw) whiteout(p string) {
	switch below := d.lower[p]; {
	case below == nil:
	case below.header.Typeflag == tar.TypeDir && d.kinds[p] == tar.TypeDir:
		d.items = append(d.items, file(p+"/.wh..wh..opq", ""))
	case d.kinds[p] == 0 && d.parents(p):
		d.items = append(d.items, file(whiteoutName(p), ""))
	}
}

func drawImage(t *rapid.T) [][]byte {
	var archives [][]byte
	for range rapid.IntRange(1, 3).Draw(t, "layers") {
		archives = append(archives, drawLayer(t, unpack(t, archives...)))
	}
	return archives
}

func pycFile(mtime byte, code string) string {
	return "\xcb\x0d\x0d\x0a\x00\x00\x00\x00" + string([]byte{mtime, 0, 0, 0}) + "\x04\x00\x00\x00" + code
}

// Any layer index comes back from its encoding as it was.
func TestLayerIndexComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, layer := range indexOf(t, drawImage(t)...).Layers {
			blob, err := layer.Blob()
			if err != nil {
				t.Fatalf("encode: %v", err)
			}
			back, err := ReadLayerIndex(blob)
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			if back.DiffID != layer.DiffID || !slices.EqualFunc(back.Entries, layer.Entries, sameEntry) {
				t.Fatalf("got %+v\nwant %+v", back, layer)
			}
			if sharing(back) != sharing(layer) {
				t.Fatalf("got hard links %s, want %s", sharing(back), sharing(layer))
			}
		}
	})
}

func sameEntry(a, b Entry) bool { return a.Path == b.Path && reflect.DeepEqual(a.File, b.File) }

// sharing tells which entries share a file.
func sharing(l *LayerIndex) string {
	first, out := map[*File]int{}, ""
	for i, e := range l.Entries {
		if _, ok := first[e.File]; !ok {
			first[e.File] = i
		}
		out += fmt.Sprint(first[e.File], " ")
	}
	return out
}

// The index of any image is what a plain unpacker makes of it.
func TestIndexIsWhatAnUnpackerMakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		archives := drawImage(t)
		got, want := indexText(indexOf(t, archives...)), indexText(indexOfTree(t, unpack(t, archives...)))
		if got != want {
			t.Fatalf("index:\n%s\nunpacked:\n%s", got, want)
		}
	})
}

// For any two images, the layers of the first with the delta on top unpack to
// the second.
func TestDeltaTurnsOneImageIntoTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prev, built := drawImage(t), drawImage(t)
		if rapid.Bool().Draw(t, "related") {
			built = append(append([][]byte{}, prev...), drawLayer(t, unpack(t, prev...)))
		}
		opts := Options{MTime: rapid.SampledFrom([]MTime{MTimeIgnore, MTimeExact}).Draw(t, "mtime")}
		c := Compression{Algorithm: rapid.SampledFrom([]Algorithm{Gzip, Zstd}).Draw(t, "compression"), Level: 1}
		delta, _, changes := deltaOf(t, prev, built, opts, c)
		got, want := unpack(t, append(append([][]byte{}, prev...), delta)...), unpack(t, built...)
		exact := opts.MTime == MTimeExact
		if !exact {
			forgetPycTimes(got)
			forgetPycTimes(want)
		}
		if got.text(exact) != want.text(exact) {
			t.Fatalf("changes %+v\ngot:\n%s\nwant:\n%s", changes.All, got.text(exact), want.text(exact))
		}
	})
}

// Deltas pile up: each leads from what was pushed to the next build.
func TestDeltasPileUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pushed := drawImage(t)
		for range rapid.IntRange(2, 3).Draw(t, "deltas") {
			built := drawImage(t)
			delta, _, _ := deltaOf(t, pushed, built, Options{MTime: MTimeExact}, Compression{Algorithm: Gzip, Level: 1})
			pushed = append(pushed, delta)
			if got, want := unpack(t, pushed...).text(true), unpack(t, built...).text(true); got != want {
				t.Fatalf("after %d layers got:\n%s\nwant:\n%s", len(pushed), got, want)
			}
		}
	})
}

// forgetPycTimes takes the source's time out of compiled Python files.
func forgetPycTimes(files tree) {
	for p, f := range files {
		if isPyc(p) && len(f.content) >= pycHeader {
			f.content = string(withoutTime([]byte(f.content[:pycHeader]))) + f.content[pycHeader:]
		}
	}
}

// indexOfTree indexes a tree as one layer.
func indexOfTree(t fataler, files tree) *Index {
	s := newScan()
	for p, f := range files {
		link := f.header
		if link.Typeflag == tar.TypeLink {
			t.Fatalf("%q is still a link", p)
		}
		described, err := describe(p, &link)
		if err != nil {
			t.Fatalf("describe %q: %v", p, err)
		}
		s.files[p] = described
	}
	return &Index{Nodes: nodesOf(t, s, files)}
}

func nodesOf(t fataler, s *scan, files tree) []Node {
	shared := map[*thing]*File{}
	var nodes []Node
	for _, e := range s.entries() {
		f := files[e.Path]
		if known := shared[f]; known != nil && known.Type != Directory {
			e.File = known
		} else {
			shared[f] = e.File
			if e.Type == Regular {
				e.Size = int64(len(f.content))
				if err := s.hash.read(e.Path, e.File, strings.NewReader(f.content)); err != nil {
					t.Fatalf("hash %q: %v", e.Path, err)
				}
			}
		}
		nodes = append(nodes, Node{Entry: e})
	}
	return nodes
}

// indexText describes an index, a line for each path. It leaves out PycSum:
// whether a hard link has one depends on which of its names comes first.
func indexText(ix *Index) string {
	first := map[*File]string{}
	out := ""
	for _, n := range ix.Nodes {
		if link, ok := first[n.File]; ok && n.Type != Directory {
			out += fmt.Sprintf("%s = %s\n", n.Path, link)
			continue
		}
		first[n.File] = n.Path
		f := *n.File
		f.PycSum = Sum{}
		out += fmt.Sprintf("%s %+v\n", n.Path, f)
	}
	return out
}
