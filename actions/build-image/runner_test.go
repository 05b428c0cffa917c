package buildimage

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/shipkit/internal/registrytest"
	"github.com/org/shipkit/pkg/action/actiontest"
)

// files are what an image holds, by path.
type files map[string]string

// with returns a copy with other contents; "" removes a file.
func (f files) with(changes files) files {
	out := maps.Clone(f)
	maps.Copy(out, changes)
	maps.DeleteFunc(out, func(_, content string) bool { return content == "" })
	return out
}

// app is an image of some weight: 200 small files and a large one.
func app() files {
	f := files{"srv/large": noise(1, 3_000_000)}
	for i := range 200 {
		f[fmt.Sprintf("srv/f%03d", i)] = fmt.Sprintf("file %d\n", i)
	}
	return f
}

// noise does not compress.
func noise(seed byte, n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return string(b)
}

// archiveOf returns files as a tar archive.
func archiveOf(f files) []byte { return archiveAt(f, yesterday) }

func archiveAt(f files, at time.Time) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, path := range slices.Sorted(maps.Keys(f)) {
		_ = w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(f[path])), ModTime: at})
		_, _ = w.Write([]byte(f[path]))
	}
	_ = w.Close()
	return b.Bytes()
}

// built is an image as a builder leaves it: one uncompressed layer.
func built(t *testing.T, f files, at time.Time, architecture string) v1.Image {
	t.Helper()
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archiveAt(f, at))), nil
	}, tarball.WithCompressionLevel(0), tarball.WithMediaType(types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), mutate.Addendum{
		Layer: layer, History: v1.History{CreatedBy: "COPY . /", Created: v1.Time{Time: at}},
	})
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture, config.Created = "linux", architecture, v1.Time{Time: at}
	config.Config.Cmd = []string{"serve"}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

var yesterday = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// ociLayout writes an image, or an index of several, and returns its source.
func ociLayout(t *testing.T, images ...v1.Image) string {
	t.Helper()
	l, err := layout.Write(t.TempDir(), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if len(images) == 1 {
		err = l.AppendImage(images[0])
	} else {
		index := v1.ImageIndex(empty.Index)
		for _, img := range images {
			config, _ := img.ConfigFile()
			index = mutate.AppendManifests(index, mutate.IndexAddendum{
				Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: config.OS, Architecture: config.Architecture}},
			})
		}
		err = l.AppendIndex(index)
	}
	if err != nil {
		t.Fatal(err)
	}
	return "oci:" + string(l)
}

// runner is a machine that runs the action.
type runner struct {
	t      *testing.T
	server *registrytest.Server
	home   string
	// temp is the folder for temporary files; "" makes one.
	temp string
}

func newRunner(t *testing.T) *runner {
	return &runner{t: t, server: registrytest.Start(t), home: t.TempDir()}
}

func (r *runner) tag(repo string) string { return r.server.Host + "/team/" + repo }

// push pushes source to tag of team/app.
func (r *runner) push(source, tag string, with ...string) actiontest.Result {
	r.t.Helper()
	inputs := map[string]string{"source": source, "tags": r.tag("app:" + tag), "push": "true"}
	for i := 0; i < len(with); i += 2 {
		inputs[with[i]] = with[i+1]
	}
	temp := r.temp
	if temp == "" {
		temp = r.t.TempDir()
	}
	return actiontest.Run(r.t.Context(), r.t, actiontest.Step{
		Spec: Spec, With: inputs, Env: map[string]string{"HOME": r.home, "RUNNER_TEMP": temp},
	})
}

// ok pushes and fails the test if the push does.
func (r *runner) ok(source, tag string, with ...string) actiontest.Result {
	r.t.Helper()
	result := r.push(source, tag, with...)
	if result.ExitCode != 0 {
		r.t.Fatalf("exit code %d:\n%s", result.ExitCode, result.Log)
	}
	return result
}

// contents reads the filesystem of a pushed image with another tool's code.
func (r *runner) contents(ref string) files {
	r.t.Helper()
	parsed, err := name.ParseReference(ref)
	if err != nil {
		r.t.Fatal(err)
	}
	img, err := remote.Image(parsed)
	if err != nil {
		r.t.Fatal(err)
	}
	f := files{}
	archive := mutate.Extract(img)
	defer archive.Close()
	reader := tar.NewReader(archive)
	for {
		header, err := reader.Next()
		if err == io.EOF { //nolint:errorlint // archive/tar returns it bare
			return f
		}
		if err != nil {
			r.t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			r.t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			f[header.Name] = string(content)
		}
	}
}

func bytesOf(t *testing.T, result actiontest.Result, output string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(result.Outputs[output], 10, 64)
	if err != nil {
		t.Fatalf("output %s is %q", output, result.Outputs[output])
	}
	return n
}

// archived is the name of the images in archives.
const archived = "shipkit-build-image-test:v1"

// dockerArchive writes an image as `docker save` does, with a layer for each
// set of files, and returns its file.
func dockerArchive(t *testing.T, env string, layers ...files) string {
	t.Helper()
	img := v1.Image(empty.Image)
	for _, f := range layers {
		var err error
		if img, err = mutate.AppendLayers(img, static.NewLayer(archiveOf(f), types.DockerUncompressedLayer)); err != nil {
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
