package image

import (
	"bytes"
	"encoding/json"
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
