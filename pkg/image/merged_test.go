package image

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// rawConfig is an image with a configuration as a builder wrote it.
type rawConfig struct {
	v1.Image
	config string
}

func (i rawConfig) RawConfigFile() ([]byte, error) { return []byte(i.config), nil }

func (i rawConfig) ConfigFile() (*v1.ConfigFile, error) {
	return v1.ParseConfigFile(strings.NewReader(i.config)) //nolint:wrapcheck // a test
}

// mergedPair writes a real delta between two images and merges it.
func mergedPair(t *testing.T, prev, built v1.Image, c Compression) v1.Image {
	t.Helper()
	before, err := BuildIndex(t.Context(), prev, BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	after, err := BuildIndex(t.Context(), built, BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := Diff(before, after, Options{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "delta")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	delta, err := WriteDelta(t.Context(), out, built, after, changes, c, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	img, err := Merge(prev, built, delta.Layer(file), "1 file changed")
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestMergedImageIsValid(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		algorithm            Algorithm
		prevType, want, last types.MediaType
	}{
		{Gzip, types.DockerManifestSchema2, types.DockerManifestSchema2, types.DockerLayer},
		{Gzip, types.OCIManifestSchema1, types.OCIManifestSchema1, types.OCILayer},
		{Zstd, types.DockerManifestSchema2, types.OCIManifestSchema1, types.OCILayerZStd},
		{Zstd, types.OCIManifestSchema1, types.OCIManifestSchema1, types.OCILayerZStd},
	} {
		prev := mutate.MediaType(imageOf(t, archive(t, file("a", "1")), archive(t, file("b", "1"))), tc.prevType)
		built := imageOf(t, archive(t, file("a", "1"), file("b", "2")))
		img := mergedPair(t, prev, built, Compression{Algorithm: tc.algorithm})
		var how []validate.Option
		if tc.algorithm == Zstd { // the validator unpacks gzip only
			how = append(how, validate.Fast)
		}
		if err := validate.Image(img, how...); err != nil {
			t.Errorf("%s on %s: %v", tc.algorithm, tc.prevType, err)
		}
		manifest, err := img.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		if manifest.MediaType != tc.want || manifest.Layers[2].MediaType != tc.last {
			t.Errorf("%s on %s: %s with %s", tc.algorithm, tc.prevType, manifest.MediaType, manifest.Layers[2].MediaType)
		}
		docker := strings.Contains(string(manifest.MediaType), types.DockerVendorPrefix)
		for _, d := range append(manifest.Layers, manifest.Config) {
			if strings.Contains(string(d.MediaType), types.DockerVendorPrefix) != docker {
				t.Errorf("%s on %s: %s in a manifest of type %s", tc.algorithm, tc.prevType, d.MediaType, manifest.MediaType)
			}
		}
	}
}

func TestMergedConfigurationIsTheBuilds(t *testing.T) {
	t.Parallel()
	prev := imageOf(t, archive(t, file("a", "1")), archive(t, file("b", "1")))
	built := imageOf(t, archive(t, file("a", "1"), file("b", "2")))
	ids, err := built.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config := `{"architecture":"arm64","os":"linux","variant":"v8","config":{"Env":["A=1"],"User":"7",
		"Healthcheck":{"StartInterval":5000000000}},"moby.buildkit.buildinfo.v1":"kept","large":12345678901234567890,
		"created":"2026-01-02T03:04:05Z","rootfs":{"type":"layers","diff_ids":["` + ids.RootFS.DiffIDs[0].String() + `"]},
		"history":[{"created_by":"COPY . ."},{"created_by":"USER 7","empty_layer":true}]}`
	img := mergedPair(t, prev, rawConfig{built, config}, Compression{Algorithm: Gzip})
	raw, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var got, want map[string]json.RawMessage
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(config), &want); err != nil {
		t.Fatal(err)
	}
	for key, value := range want {
		if key == "rootfs" || key == "history" {
			continue
		}
		if canonical(t, got[key]) != canonical(t, value) {
			t.Errorf("%s is %s, want %s", key, got[key], value)
		}
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var history []string
	for _, h := range file.History {
		history = append(history, h.CreatedBy)
	}
	if got := strings.Join(history, "; "); got != "layer 1; layer 2; 1 file changed; USER 7" {
		t.Errorf("history %q", got)
	}
	if len(file.RootFS.DiffIDs) != 3 {
		t.Errorf("%d diff IDs, want 3", len(file.RootFS.DiffIDs))
	}
}

func canonical(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestMergeWithoutDeltaTakesTheLayersAsTheyAre(t *testing.T) {
	t.Parallel()
	prev := imageOf(t, archive(t, file("a", "1")), archive(t, file("b", "1")))
	built := imageOf(t, archive(t, file("a", "1"), file("b", "1")))
	img, err := Merge(onlyDiffIDs{prev}, built, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	want, err := prev.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Layers {
		if got.Layers[i].Digest != want.Layers[i].Digest {
			t.Errorf("layer %d is %s, want %s", i+1, got.Layers[i].Digest, want.Layers[i].Digest)
		}
	}
}

func TestMergeFillsUpMissingHistory(t *testing.T) {
	t.Parallel()
	prev := imageOf(t, archive(t, file("a", "1")), archive(t, file("b", "1")))
	config, err := prev.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.History = nil
	bare, err := mutate.ConfigFile(prev, config)
	if err != nil {
		t.Fatal(err)
	}
	img := mergedPair(t, bare, imageOf(t, archive(t, file("a", "2"))), Compression{Algorithm: Gzip})
	merged, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if len(merged.History) != 3 || merged.History[2].CreatedBy != "1 file changed" {
		t.Errorf("history %+v", merged.History)
	}
}

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
