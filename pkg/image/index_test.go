package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// paths lists an index's paths; directories end in a slash, names of one file
// after the first say so.
func paths(ix *Index) string {
	first := map[*File]bool{}
	var out []string
	for _, n := range ix.Nodes {
		switch {
		case n.Type == Directory:
			out = append(out, n.Path+"/")
		case first[n.File]:
			out = append(out, n.Path+"=")
		default:
			out = append(out, n.Path)
		}
		first[n.File] = true
	}
	return strings.Join(out, " ")
}

func TestLayersMerge(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		layers    [][]item
		want      string
		ambiguous string
	}{
		"tree order": {
			layers: [][]item{{file("a-b", ""), file("a/b", ""), file("a.c", ""), file("a/b-c", "")}},
			want:   "a/ a/b a/b-c a-b a.c",
		},
		"names are cleaned": {
			layers: [][]item{{dir("."), file("./a/../b", ""), file("/c", ""), file("d//e", "")}},
			want:   "b c d/ d/e",
		},
		"whiteout of a tree": {
			layers: [][]item{{dir("a"), file("a/b/c", ""), file("ab", "")}, {file(".wh.a", "")}},
			want:   "ab",
		},
		"whiteout and new directory in one layer": {
			layers: [][]item{{file("a/old", "")}, {dir("a"), file("a/new", ""), file(".wh.a", "")}},
			want:   "a/ a/new",
		},
		"opaque directory keeps its own layer's files, whatever their order": {
			layers: [][]item{{file("a/old", ""), file("a/b/old", "")}, {dir("a"), file("a/new", ""), file("a/.wh..wh..opq", "")}},
			want:   "a/ a/new",
		},
		"whiteout below an opaque directory": {
			layers: [][]item{
				{file("a/b/c", ""), file("a/z", "")},
				{dir("a"), file("a/.wh..wh..opq", ""), file("a/.wh.b", ""), file("a/n", "")},
			},
			want: "a/ a/n",
		},
		"opaque root": {
			layers: [][]item{{file("a/old", "")}, {file(".wh..wh..opq", ""), file("new", "")}},
			want:   "new",
		},
		"leftovers of AUFS": {
			layers: [][]item{{file(".wh..wh.plnk/1.2", ""), file(".wh..wh.aufs", ""), file("a", "")}},
			want:   "a",
		},
		"directory becomes file becomes directory": {
			layers: [][]item{{file("a/b", "")}, {file("a", "")}, {dir("a"), file("a/c", "")}},
			want:   "a/ a/c",
		},
		"directory becomes symlink": {
			layers: [][]item{{file("a/b", ""), file("c", "")}, {symlink("a", "c")}},
			want:   "a c",
		},
		"hard links share a file": {
			layers: [][]item{{file("a", "x"), hardlink("b", "a"), hardlink("c", "/b")}},
			want:   "a b= c=",
		},
		"hard link to a name that is replaced later": {
			layers: [][]item{{file("a", "1"), hardlink("b", "a"), file("a", "2")}},
			want:   "a b",
		},
		"hard link to a lower layer": {
			layers: [][]item{{file("a", "x")}, {hardlink("b", "a")}},
			want:   "a b=",
		},
		"hard link outlives its target": {
			layers: [][]item{{file("a", "x"), hardlink("b", "a")}, {file(".wh.a", "")}},
			want:   "b",
		},
		"implicit directory keeps what is there": {
			layers: [][]item{{dir("a").with(func(h *tar.Header) { h.Uid = 7 })}, {file("a/b", "")}},
			want:   "a/ a/b",
		},
		"below a symlink": {
			layers:    [][]item{{dir("usr/lib"), symlink("lib", "usr/lib")}, {file("lib/x", "")}},
			want:      "lib/ lib/x usr/ usr/lib/",
			ambiguous: "lib",
		},
		"below a symlink of the same layer": {
			layers:    [][]item{{symlink("lib", "usr/lib"), file("lib/x", "")}},
			want:      "lib lib/x",
			ambiguous: "lib/x",
		},
		"whiteout below a symlink": {
			layers:    [][]item{{dir("usr/lib"), symlink("lib", "usr/lib")}, {file("lib/.wh.x", "")}},
			want:      "lib usr/ usr/lib/",
			ambiguous: "lib/x",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var archives [][]byte
			for _, items := range tc.layers {
				archives = append(archives, archive(t, items...))
			}
			ix := indexOf(t, archives...)
			if got := paths(ix); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if got := strings.Join(ix.Ambiguous, " "); got != tc.ambiguous {
				t.Errorf("ambiguous %q, want %q", got, tc.ambiguous)
			}
		})
	}
}

func TestBrokenArchivesAreRefused(t *testing.T) {
	t.Parallel()
	whole := archive(t, file("a", strings.Repeat("x", 5000)))
	for name, tc := range map[string]struct {
		archive []byte
		want    string
	}{
		"traversal":          {archive(t, file("../../etc/passwd", "")), `path "../../etc/passwd" leads out of the image`},
		"hidden traversal":   {archive(t, file("a/../../b", "")), `leads out of the image`},
		"rooted traversal":   {archive(t, file("/../b", "")), `leads out of the image`},
		"hard link out":      {archive(t, hardlink("a", "../shadow")), `hard link "a": path "../shadow" leads out of the image`},
		"hard link to self":  {archive(t, hardlink("a", "a")), `hard link "a" leads to no file`},
		"whiteout of parent": {archive(t, file("a/.wh...", "")), `whiteout "a/.wh..." names no file`},
		"whiteout of itself": {archive(t, file("a/.wh..", "")), `names no file`},
		"whiteout of none":   {archive(t, file("a/.wh.", "")), `names no file`},
		"long path":          {archive(t, file(strings.Repeat("a/", 3000)+"a", "")), "at most 4096 are allowed"},
		"cut off in content": {whole[:3000], "cut off after 3000 bytes"},
		"cut off in header":  {whole[:200], "cut off after 200 bytes"},
		"cut off in gzip":    {gzipped(t, whole)[:60], "cut off after"},
		"cut off in zstd":    {zstded(t, whole)[:30], "cut off after"},
		"not an archive":     {bytes.Repeat([]byte("not a tar archive "), 100), "invalid tar header"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := IndexLayer(t.Context(), bytes.NewReader(tc.archive))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstded(t *testing.T, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

func TestMissingHardLinkTargetIsAnError(t *testing.T) {
	t.Parallel()
	layer, err := IndexLayer(t.Context(), bytes.NewReader(archive(t, hardlink("b", "gone"))))
	if err != nil {
		t.Fatal(err)
	}
	_, err = NewIndex([]*LayerIndex{layer})
	if err == nil || !strings.Contains(err.Error(), `hard link "b" leads to no file: "gone"`) {
		t.Errorf("error %v", err)
	}
}

func TestCompressionDoesNotChangeTheIndex(t *testing.T) {
	t.Parallel()
	plain := archive(t, file("a", "x"), symlink("b", "a"))
	want, err := IndexLayer(t.Context(), bytes.NewReader(plain))
	if err != nil {
		t.Fatal(err)
	}
	half := len(plain) / 2
	for name, packed := range map[string][]byte{
		"gzip": gzipped(t, plain), "zstd": zstded(t, plain),
		"gzip members and a footer, as of eStargz": slices.Concat(gzipped(t, plain[:half]), gzipped(t, plain[half:]), gzipped(t, nil)),
		"zstd frames and one to skip, as of zstd:chunked": slices.Concat(zstded(t, plain[:half]), zstded(t, plain[half:]),
			[]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00TOC!")),
	} {
		got, err := IndexLayer(t.Context(), bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		if got.DiffID != want.DiffID {
			t.Errorf("%s: diff ID %s, want %s", name, got.DiffID, want.DiffID)
		}
	}
}

func TestIndexingStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := IndexLayer(ctx, bytes.NewReader(archive(t, file("a", strings.Repeat("x", 10*chunkSize)))))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestUsageCountsHardLinksOnce(t *testing.T) {
	t.Parallel()
	ix := indexOf(t,
		archive(t, file("a", "12345678"), hardlink("b", "a"), file("c", "1234")),
		archive(t, file(".wh.a", ""), file("c", "12")))
	usage := ix.Usage()
	if want := (Usage{Total: 12, Live: 8}); usage[0] != want {
		t.Errorf("layer 1: %+v, want %+v", usage[0], want)
	}
	if want := (Usage{Total: 2, Live: 2}); usage[1] != want {
		t.Errorf("layer 2: %+v, want %+v", usage[1], want)
	}
	if got, want := ix.DeadShare(), 4.0/14; got != want {
		t.Errorf("dead share %v, want %v", got, want)
	}
}
