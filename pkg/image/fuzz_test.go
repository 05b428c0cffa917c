package image

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// Whatever the archive, an index of it has valid paths in order, comes back
// from its encoding, and merges with itself without harm.
func FuzzIndexLayer(f *testing.F) {
	f.Add(archive(f, dir("a"), file("a/b", "1"), hardlink("a/c", "a/b"), symlink("d", "a/b")))
	f.Add(archive(f, file("a/.wh.b", ""), dir("a"), file("a/.wh..wh..opq", ""), file(".wh..wh.plnk/x", "")))
	f.Add(archive(f, file("a", pycFile(1, "x")).with(xattr("\x00")), file("m.pyc", pycFile(1, "x"))))
	f.Add(archive(f, file("../a", "")))
	f.Add(archive(f, symlink("l", "/"), file("l/x", "1")))
	f.Fuzz(func(t *testing.T, content []byte) {
		layer, err := IndexLayer(t.Context(), bytes.NewReader(content))
		if err != nil {
			return
		}
		for _, e := range layer.Entries {
			if !validPath(e.Path) && e.Type != Opaque {
				t.Fatalf("path %q", e.Path)
			}
		}
		if !slices.IsSortedFunc(layer.Entries, compareEntries) {
			t.Fatal("entries are out of order")
		}
		blob, err := layer.Blob()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadLayerIndex(blob); err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		mergeTwice(t, layer)
	})
}

// mergeTwice merges a layer with itself and compares what comes out with
// itself.
func mergeTwice(t *testing.T, layer *LayerIndex) {
	t.Helper()
	ix, err := NewIndex([]*LayerIndex{layer, layer})
	if err != nil || len(ix.Ambiguous) > 0 {
		return
	}
	changes, err := Diff(ix, ix, Options{MTime: MTimeExact})
	if err != nil || !changes.Empty() {
		t.Fatalf("an index differs from itself: %v %+v", err, changes)
	}
	nothing, err := NewIndex(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Diff(nothing, ix, Options{}); err != nil {
		t.Fatal(err)
	}
}

// Whatever the bytes, a decoded index is one that can be encoded and merged.
func FuzzReadLayerIndex(f *testing.F) {
	f.Add(blobOf(f, dir("a"), file("a/b", "1"), hardlink("a/c", "a/b"), symlink("d", "a/b")))
	f.Add(blobOf(f, file("a/.wh.b", ""), dir("a"), file("a/.wh..wh..opq", "")))
	f.Add(blobOf(f, file("m.pyc", pycFile(1, "x")).with(xattr("\x00")), hardlink("z", "m.pyc")))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, blob []byte) {
		layer, err := ReadLayerIndex(blob)
		if err != nil {
			return
		}
		checkDecoded(t, layer)
	})
}

// The same behind the compression, which random bytes seldom get through.
func FuzzDecodeLayer(f *testing.F) {
	for _, items := range [][]item{
		{dir("a"), file("a/b", "1"), hardlink("a/c", "a/b"), symlink("d", "a/b")},
		{file("a/.wh.b", ""), dir("a"), file("a/.wh..wh..opq", "")},
		{file("m.pyc", pycFile(1, "x")).with(xattr("\x00")), hardlink("z", "m.pyc")},
	} {
		codec, err := sharedCodec()
		if err != nil {
			f.Fatal(err)
		}
		plain, err := codec.decoder.DecodeAll(blobOf(f, items...)[len(magic):], nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(plain)
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		layer, err := decodeLayer(plain)
		if err != nil {
			return
		}
		checkDecoded(t, layer)
	})
}

func checkDecoded(t *testing.T, layer *LayerIndex) {
	t.Helper()
	layer.blob = nil
	blob, err := layer.Blob()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ReadLayerIndex(blob)
	if err != nil {
		t.Fatalf("decode what was encoded: %v", err)
	}
	if !slices.EqualFunc(back.Entries, layer.Entries, sameEntry) {
		t.Fatalf("got %+v, want %+v", back.Entries, layer.Entries)
	}
	mergeTwice(t, layer)
}

// Whatever the name, it is refused or leads to a path inside the root, and a
// whiteout removes a path inside its own directory.
func FuzzWhiteout(f *testing.F) {
	for _, name := range []string{"a", "/a/../b", "..", ".wh.a", "a/.wh..wh..opq", ".wh...", "a/.wh..", ".wh..wh.plnk", "a/b/.wh.c"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		p, err := cleanPath(name)
		if err != nil || p == "" {
			return
		}
		if !validPath(p) || strings.HasPrefix(p, "/") || slices.Contains(strings.Split(p, "/"), "..") {
			t.Fatalf("%q is taken for %q", name, p)
		}
		target, kind, skip, err := parseWhiteout(p)
		if err != nil || skip || kind == 0 {
			return
		}
		if kind == Whiteout && (parent(target) != parent(p) || !validPath(target) || whiteoutName(target) != p) {
			t.Fatalf("%q removes %q", p, target)
		}
		if kind == Opaque && target != parent(p) {
			t.Fatalf("%q is opaque for %q", p, target)
		}
	})
}

// Two paths compare as their lists of names do.
func FuzzComparePaths(f *testing.F) {
	f.Add("a/b", "a-b")
	f.Add("a", "a/b")
	f.Add("é", "e/")
	f.Fuzz(func(t *testing.T, a, b string) {
		want := slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
		if got := comparePaths(a, b); sign(got) != want {
			t.Fatalf("%q and %q compare %d, want %d", a, b, got, want)
		}
		if below(b, a) && a != "" && comparePaths(a, b) >= 0 {
			t.Fatalf("%q is below %q and comes first", b, a)
		}
	})
}

func sign(n int) int { return n / max(1, n, -n) }
