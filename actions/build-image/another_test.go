package buildimage

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Another runner, without a cache, finds the file index in the registry.
func TestAnotherRunnerPushesADelta(t *testing.T) {
	r := newRunner(t)
	r.ok(ociLayout(t, built(t, app(), yesterday, "amd64")), "latest")
	r.home = t.TempDir()
	result := r.ok(ociLayout(t, built(t, app().with(files{"srv/f001": "x"}), yesterday, "amd64")), "latest")
	if result.Outputs["delta-files"] != "1" || bytesOf(t, result, "bytes-sent") > 20_000 {
		t.Errorf("outputs %v", result.Outputs)
	}
}

// Of the file index in the registry, another runner reads only what it cannot
// know: not what the layers have in common with those of its own build.
func TestAnotherRunnerReadsLittle(t *testing.T) {
	r := newRunner(t)
	base := files{"lib/large": noise(1, 12_000_000)}
	for n := range 3000 {
		base[fmt.Sprintf("lib/%d", n)] = fmt.Sprint(n)
	}
	app := files{"srv/app": noise(2, 500_000), "srv/version": "1"}
	r.ok("docker-archive:"+dockerArchive(t, "A=1", base, app), "latest")
	r.home = t.TempDir()
	result := r.ok("docker-archive:"+dockerArchive(t, "A=1", base, app.with(files{"srv/version": "2"})), "latest")
	if result.Outputs["delta-files"] != "1" || bytesOf(t, result, "bytes-received") > 10_000 {
		t.Errorf("outputs %v", result.Outputs)
	}
}

// Of layers that the builder compressed, a change of much text is less than its
// size on disk says.
func TestCompressedLayersAreNoMeasure(t *testing.T) {
	r, random := newRunner(t), rand.New(rand.NewPCG(4, 2))
	old := files{}
	for n := range 300 {
		old[fmt.Sprintf("srv/%d", n)] = words(random, 20_000)
	}
	changed := old.with(nil)
	for n := range 100 {
		changed[fmt.Sprintf("srv/%d", n)] = words(random, 20_000)
	}
	r.ok(ociLayout(t, compressed(t, old)), "latest")
	next := compressed(t, changed)
	result := r.ok(ociLayout(t, next), "latest")
	manifest, err := next.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if sent, whole := bytesOf(t, result, "bytes-sent"), manifest.Layers[0].Size; result.Outputs["delta-files"] != "100" || sent > whole*2/5 {
		t.Errorf("sent %d bytes where the whole layer has %d, outputs %v", sent, whole, result.Outputs)
	}
}

// compressed is an image of one layer with gzip.
func compressed(t *testing.T, f files) v1.Image {
	t.Helper()
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archiveOf(f))), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), layer)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
