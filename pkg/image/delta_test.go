package image

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestDeltaIsTheSameBytesHoweverTheImageIsLayered(t *testing.T) {
	t.Parallel()
	prev := [][]byte{archive(t, file("a", "1"))}
	one := [][]byte{archive(t, file("c", "3"), dir("d"), file("d/b", "2"))}
	two := [][]byte{archive(t, dir("d"), file("d/b", "2"), file("x", "")), archive(t, file(".wh.x", ""), file("c", "3"))}
	for _, c := range []Compression{{Gzip, 0}, {Gzip, 1}, {Zstd, 0}, {Zstd, 3}, {Zstd, 19}} {
		_, a, _ := deltaOf(t, prev, one, Options{}, c)
		_, b, _ := deltaOf(t, prev, two, Options{}, c)
		if *a != *b {
			t.Errorf("%+v: %+v and %+v", c, a, b)
		}
	}
}

// Layers that lie as plain files are sought in, not read through.
func TestDeltaSeeksInPlainLayers(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("not needed ", 200_000)
	content := archive(t, file("a", large), file("b", "new"), file("c", large))
	built := indexOf(t, content)
	changes, err := Diff(indexOf(t, archive(t, file("a", large), file("b", "old"), file("c", large))), built, Options{})
	if err != nil {
		t.Fatal(err)
	}
	layer := &plainLayer{content: content}
	var blob bytes.Buffer
	if _, err := WriteDelta(t.Context(), &blob, layersOf{layer: layer}, built, changes, Compression{Algorithm: Gzip}, ""); err != nil {
		t.Fatal(err)
	}
	index, err := IndexLayer(t.Context(), &blob)
	if err != nil {
		t.Fatal(err)
	}
	if len(index.Entries) != 1 || index.Entries[0].Sum != built.Find("b").Sum {
		t.Errorf("delta %+v", index.Entries)
	}
	if layer.read > len(large)/2 {
		t.Errorf("read %d bytes of the layer", layer.read)
	}
}

// layersOf is an image of one layer.
type layersOf struct {
	v1.Image
	layer v1.Layer
}

func (l layersOf) Layers() ([]v1.Layer, error) { return []v1.Layer{l.layer}, nil }

// plainLayer lies as a plain file; it counts the bytes that are read.
type plainLayer struct {
	v1.Layer
	content []byte
	read    int
}

func (l *plainLayer) Compressed() (io.ReadCloser, error) {
	return &countingFile{bytes.NewReader(l.content), l}, nil
}

type countingFile struct {
	io.ReadSeeker
	layer *plainLayer
}

func (f *countingFile) Read(p []byte) (int, error) {
	n, err := f.ReadSeeker.Read(p)
	f.layer.read += n
	return n, err //nolint:wrapcheck // a test
}

func (f *countingFile) Close() error { return nil }

// Another version of a compressor may write other bytes. They would still be
// right, but a delta that is sent again would be sent in full: change these
// digests only with a new release of the compressor.
func TestDeltaBytesArePinned(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("The quick brown fox jumps over the lazy dog.\n", 1000)
	built := [][]byte{archive(t, file("a", text), symlink("b", "a"), file("c", "3").with(xattr("\x01\xff")))}
	for _, tc := range []struct {
		c    Compression
		want string
	}{
		{Compression{Gzip, 0}, "42f898f305e3"},
		{Compression{Zstd, 0}, "f7da584f92f9"},
	} {
		_, delta, _ := deltaOf(t, [][]byte{archive(t)}, built, Options{}, tc.c)
		if got := delta.Digest.Hex[:12]; got != tc.want {
			t.Errorf("%s: digest %s, want %s", tc.c.Algorithm, got, tc.want)
		}
	}
}

func TestCompressionIsChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []Compression{{"lz4", 0}, {Gzip, 10}, {Gzip, -1}, {Zstd, 23}, {Zstd, -1}} {
		if _, err := c.atLevel(0).writer(io.Discard); err == nil {
			t.Errorf("%+v is allowed", c)
		}
	}
}

func TestVerifyNamesTheFirstDifference(t *testing.T) {
	t.Parallel()
	prev := indexOf(t, archive(t, file("a", "1"), file("k", "1")))
	for name, tc := range map[string]struct {
		delta, built []item
		want         string
	}{
		"content":      {[]item{file("a", "2")}, []item{file("a", "3"), file("k", "1")}, `"a" differs in its content`},
		"missing":      {nil, []item{file("a", "1"), file("b", "1"), file("k", "1")}, `"b" is missing`},
		"too much":     {[]item{file("z", "")}, []item{file("a", "1"), file("k", "1")}, `"z" should not be there`},
		"other path":   {[]item{file("b", "")}, []item{file("a", "1"), file("c", ""), file("k", "1")}, `"b" should not be there`},
		"parted names": {nil, []item{file("a", "1"), hardlink("k", "a")}, `"k" is a hard link of other paths`},
		"linked names": {[]item{file("a", "1"), hardlink("k", "a")}, []item{file("a", "1"), file("k", "1")}, `"k" is a hard link of other paths`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Verify(t.Context(), prev, bytes.NewReader(archive(t, tc.delta...)),
				indexOf(t, archive(t, tc.built...)), Options{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %s", err, tc.want)
			}
		})
	}
}

func TestWriteDeltaNoticesAnotherImage(t *testing.T) {
	t.Parallel()
	prev, built := indexOf(t, archive(t)), indexOf(t, archive(t, file("a", "1")))
	changes, err := Diff(prev, built, Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err = WriteDelta(t.Context(), io.Discard, imageOf(t, archive(t, file("a", "2"))), built, changes,
		Compression{Algorithm: Gzip}, dir)
	if err == nil || !strings.Contains(err.Error(), `the content of "a" is not in it`) {
		t.Errorf("error %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
