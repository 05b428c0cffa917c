package build

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// A store of containerd saves layers as they are, with zstd too: they keep
// their bytes.
func TestArchivedZstdLayer(t *testing.T) {
	plain := []byte("the layer")
	var packed bytes.Buffer
	z, _ := zstd.NewWriter(&packed)
	_, _ = z.Write(plain)
	_ = z.Close()
	diffID, _, _ := v1.SHA256(bytes.NewReader(plain))
	want, size, _ := v1.SHA256(bytes.NewReader(packed.Bytes()))
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range map[string]string{
		"manifest.json": `[{"Config":"c","Layers":["l"]}]`, "l": packed.String(),
		"c": `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["` + diffID.String() + `"]}}`,
	} {
		_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))})
		_, _ = w.Write([]byte(text))
	}
	_ = w.Close()
	file := filepath.Join(t.TempDir(), "saved.tar")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	built, err := Engine{}.Open(t.Context(), Source{"docker-archive", file}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer built.Close()
	manifest, err := built.Images[0].Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if got := manifest.Layers[0]; got.Digest != want || got.Size != size || got.MediaType != types.OCILayerZStd {
		t.Errorf("layer %+v, want %s of %d bytes", got, want, size)
	}
}

func FuzzReadDockerArchive(f *testing.F) {
	f.Add([]byte(`[{"Config":"c","Layers":["l"]}]`), []byte(`{"rootfs":{"diff_ids":["sha256:00"]}}`))
	f.Add([]byte(`[]`), []byte(`{}`))
	f.Fuzz(func(t *testing.T, manifest, config []byte) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for name, text := range map[string][]byte{"manifest.json": manifest, "c": config, "l": []byte("layer")} {
			_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))})
			_, _ = w.Write(text)
		}
		_ = w.Close()
		file := filepath.Join(t.TempDir(), "a.tar")
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		built, err := fromArchive(t.Context(), file, t.TempDir(), readDockerArchive)
		if err == nil {
			_ = built.Close()
		}
	})
}
