package buildimage

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// lookups is what questions to the registry may take on the wire, in bytes.
const lookups = 2000

// No push sends more than crane's and one percent, not even of images for
// which a delta or a file index does not pay.
func TestNeverMoreThanCrane(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2))
	for _, size := range []struct {
		files, bytes int
		content      func(*rand.Rand, int) string
	}{
		{1, 100, words}, {100, 100, noiseOf}, {1000, 50, words}, {300, 2000, words}, {20, 40_000, noiseOf},
	} {
		for _, share := range []float64{0.1, 0.8} {
			base, old := files{}, files{}
			for n := range size.files {
				base[fmt.Sprintf("lib/%d/%d", n%7, n)] = size.content(random, size.bytes)
				old[fmt.Sprintf("srv/%d/%d", n%17, n)] = size.content(random, size.bytes)
			}
			changed := old.with(nil)
			for _, path := range slices.Sorted(maps.Keys(old)) {
				if random.Float64() < share {
					changed[path] = size.content(random, size.bytes)
				}
			}
			t.Run(fmt.Sprintf("%d files of %d bytes, %.0f %% changed", size.files, size.bytes, share*100), func(t *testing.T) {
				c := comparison{newRunner(t)}
				c.push("first", dockerArchive(t, "A=1", base, old))
				c.push("second", dockerArchive(t, "A=1", base, changed))
				c.push("new configuration", dockerArchive(t, "A=2", base, changed))
				c.home = t.TempDir()
				c.push("another runner", dockerArchive(t, "A=2", base, old))
			})
		}
	}
}

// comparison pushes to two repositories of one registry.
type comparison struct{ *runner }

func (c comparison) push(what, archive string) {
	c.t.Helper()
	before := c.server.Line.Upstream()
	c.ok("docker-archive:"+archive, "latest")
	ours := c.server.Line.Upstream() - before
	img, err := crane.Load(archive)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := crane.Push(img, c.tag("crane:latest"), crane.Insecure, crane.WithContext(c.t.Context())); err != nil {
		c.t.Fatal(err)
	}
	theirs := c.server.Line.Upstream() - before - ours
	if ours > theirs+theirs/100+lookups {
		c.t.Errorf("%s: sent %d bytes, crane sends %d", what, ours, theirs)
	}
}

func noiseOf(random *rand.Rand, size int) string {
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	return string(content)
}

func words(random *rand.Rand, size int) string {
	var b strings.Builder
	for b.Len() < size {
		fmt.Fprintf(&b, "word%d ", random.IntN(300))
	}
	return b.String()[:size]
}

// archived is the name of the images in archives.
const archived = "shipkit-build-image-test:v1"

// dockerArchive writes an image as `docker save` does, with a layer for each
// set of files, and returns its file.
func dockerArchive(t *testing.T, env string, layers ...files) string {
	t.Helper()
	img := v1.Image(empty.Image)
	for _, f := range layers {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, path := range slices.Sorted(maps.Keys(f)) {
			_ = w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(f[path])), ModTime: yesterday})
			_, _ = w.Write([]byte(f[path]))
		}
		_ = w.Close()
		var err error
		if img, err = mutate.AppendLayers(img, static.NewLayer(b.Bytes(), types.DockerUncompressedLayer)); err != nil {
			t.Fatal(err)
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture, config.Config.Env = "linux", "amd64", []string{env}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(archived)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := tarball.WriteToFile(file, tag, img); err != nil {
		t.Fatal(err)
	}
	return file
}
