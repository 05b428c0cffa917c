package build

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/org/shipkit/internal/registrytest"
)

func randomImage(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(4000, 3)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture = "linux", "amd64"
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

// sameImage compares config and contents, which survive every way of storing.
func sameImage(t *testing.T, got, want v1.Image) {
	t.Helper()
	gotConfig, err := got.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if wantConfig, _ := want.ConfigName(); gotConfig != wantConfig {
		t.Errorf("config %s, want %s", gotConfig, wantConfig)
	}
	layers, err := got.Layers()
	if err != nil {
		t.Fatal(err)
	}
	wanted, _ := want.Layers()
	if len(layers) != len(wanted) {
		t.Fatalf("%d layers, want %d", len(layers), len(wanted))
	}
	for i, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		digest, _, err := v1.SHA256(content)
		_ = content.Close()
		diffID, _ := wanted[i].DiffID()
		if err != nil || digest != diffID {
			t.Errorf("layer %d holds %s, %v; want %s", i, digest, err, diffID)
		}
		if own, err := layer.DiffID(); err != nil || own != diffID {
			t.Errorf("layer %d says diff ID %s, %v; want %s", i, own, err, diffID)
		}
	}
}

func TestOpenSources(t *testing.T) {
	img := randomImage(t)
	dir := t.TempDir()
	tag, err := name.NewTag("app:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(filepath.Join(dir, "docker.tar"), tag, img); err != nil {
		t.Fatal(err)
	}
	l, err := layout.Write(filepath.Join(dir, "oci"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	tarFolder(t, filepath.Join(dir, "oci"), filepath.Join(dir, "oci.tar"))

	pack(t, filepath.Join(dir, "docker.tar"), func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, ".gz")
	pack(t, filepath.Join(dir, "oci.tar"), func(w io.Writer) io.WriteCloser {
		z, _ := zstd.NewWriter(w)
		return z
	}, ".zst")
	for _, source := range []string{
		"docker-archive:docker.tar", "oci:oci", "oci-archive:oci.tar", "docker-archive:docker.tar.gz", "oci-archive:oci.tar.zst",
	} {
		t.Run(source, func(t *testing.T) {
			kind, file, _ := strings.Cut(source, ":")
			built, err := Engine{}.Open(t.Context(), Source{kind, filepath.Join(dir, file)}, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			sameImage(t, built.Images[0].Image, img)
			if got := built.Images[0].Platform.String(); got != "linux/amd64" {
				t.Errorf("platform %s", got)
			}
			if err := built.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("cut off", func(t *testing.T) {
		whole, err := os.ReadFile(filepath.Join(dir, "oci.tar"))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "half.tar")
		if err := os.WriteFile(file, whole[:len(whole)*2/3], 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = Engine{}.Open(t.Context(), Source{"oci-archive", file}, t.TempDir())
		if err == nil || !strings.Contains(err.Error(), "cut off") {
			t.Errorf("error %v, want cut off", err)
		}
	})
}

// pack compresses a file, under its name with an ending.
func pack(t *testing.T, file string, writer func(io.Writer) io.WriteCloser, ending string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := writer(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), os.WriteFile(file+ending, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// tarFolder writes a folder as a tar file.
func tarFolder(t *testing.T, dir, file string) {
	t.Helper()
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(out)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenMultiPlatform(t *testing.T) {
	dir := t.TempDir()
	index := v1.ImageIndex(mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: randomImage(t), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: randomImage(t), Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}, Annotations: map[string]string{attestationAnnotation: "attestation-manifest"},
		}},
	))
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AppendIndex(index); err != nil {
		t.Fatal(err)
	}
	built, err := Engine{}.Open(t.Context(), Source{"oci", dir}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer built.Close()
	if len(built.Images) != 1 || len(built.Attestations) != 1 || built.Index == nil {
		t.Errorf("%d images, %d attestations", len(built.Images), len(built.Attestations))
	}
}

func TestOpenRegistry(t *testing.T) {
	server := registrytest.Start(t)
	img := randomImage(t)
	ref := server.Repository(t, "team/app").Tag("v1")
	if err := registrytest.Push(t.Context(), ref, img); err != nil {
		t.Fatal(err)
	}
	pull := func(_ context.Context, ref name.Reference) (v1.Image, v1.ImageIndex, error) {
		img, err := remote.Image(ref)
		return img, nil, err
	}
	built, err := Engine{Pull: pull}.Open(t.Context(), Source{"registry", ref.String()}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	sameImage(t, built.Images[0].Image, img)
}

func TestOpenRefusesBadSources(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	empty := filepath.Join(dir, "empty.tar")
	if err := os.Mkdir(filepath.Join(dir, "nothing"), 0o700); err != nil {
		t.Fatal(err)
	}
	tarFolder(t, filepath.Join(dir, "nothing"), empty)
	tests := []struct {
		source Source
		want   string
	}{
		{Source{"docker-archive", filepath.Join(dir, "absent.tar")}, "no such file"},
		{Source{"docker-archive", write("text.tar", strings.Repeat("no tar ", 200))}, "no tar archive"},
		{Source{"docker-archive", empty}, "no archive of docker save"},
		{Source{"oci-archive", empty}, "no OCI layout"},
		{Source{"oci", dir}, "no OCI layout"},
	}
	for _, test := range tests {
		_, err := Engine{}.Open(t.Context(), test.source, t.TempDir())
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s:%s: error %v, want %s", test.source.Kind, test.source.Name, err, test.want)
		}
	}
}

func TestParseSource(t *testing.T) {
	for text, want := range map[string]Source{
		"docker:app:latest": {"docker", "app:latest"}, "oci:dir": {"oci", "dir"}, "registry:a/b@sha256:0": {"registry", "a/b@sha256:0"},
	} {
		if got, err := ParseSource(text); err != nil || got != want {
			t.Errorf("ParseSource(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "app:latest", "docker:", "oci"} {
		if got, err := ParseSource(text); err == nil {
			t.Errorf("ParseSource(%q) = %v, want an error", text, got)
		}
	}
}

func TestCompressIsDeterministic(t *testing.T) {
	layer := plainLayer(t)
	for _, c := range []Compression{{}, {Level: 1}, {Zstd: true}, {Zstd: true, Level: 3}} {
		first, err := Compress(t.Context(), layer, c, filepath.Join(t.TempDir(), "a"))
		if err != nil {
			t.Fatal(err)
		}
		second, err := Compress(t.Context(), layer, c, filepath.Join(t.TempDir(), "b"))
		if err != nil {
			t.Fatal(err)
		}
		one, _ := first.Digest()
		two, _ := second.Digest()
		if one != two {
			t.Errorf("%+v: %s, then %s", c, one, two)
		}
		content, err := first.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := v1.SHA256(content)
		if want, _ := layer.DiffID(); err != nil || got != want {
			t.Errorf("%+v: holds %s, %v; want %s", c, got, err, want)
		}
	}
}

func plainLayer(t *testing.T) v1.Layer {
	t.Helper()
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		_ = w.WriteHeader(&tar.Header{Name: "a", Mode: 0o644, Size: 60_000})
		_, _ = w.Write(bytes.Repeat([]byte("abcdef"), 10_000))
		_ = w.Close()
		return io.NopCloser(&b), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return layer
}
