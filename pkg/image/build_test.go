package image

import (
	"errors"
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func TestBuildIndexReadsOnlyWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	img := imageOf(t, archive(t, file("a", "1")), archive(t, file("b", "2")))
	full, err := BuildIndex(t.Context(), img, BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	known, err := BuildIndex(t.Context(), onlyDiffIDs{img}, BuildOptions{Known: func(id v1.Hash) *LayerIndex {
		for _, l := range full.Layers {
			if l.DiffID == id {
				return l
			}
		}
		return nil
	}})
	if err != nil {
		t.Fatalf("index of known layers: %v", err)
	}
	if paths(known) != "a b" {
		t.Errorf("paths %s", paths(known))
	}
	if _, err := BuildIndex(t.Context(), onlyDiffIDs{img}, BuildOptions{}); !errors.Is(err, errNotLocal) {
		t.Errorf("error %v, want that the layer cannot be opened", err)
	}
}

var errNotLocal = errors.New("the layer is in the registry only")

// onlyDiffIDs is an image whose layers cannot be read.
type onlyDiffIDs struct{ v1.Image }

func (i onlyDiffIDs) Layers() ([]v1.Layer, error) {
	layers, err := i.Image.Layers()
	for n := range layers {
		layers[n] = unreadable{layers[n]}
	}
	return layers, err //nolint:wrapcheck // a test
}

type unreadable struct{ v1.Layer }

func (unreadable) Compressed() (io.ReadCloser, error)   { return nil, errNotLocal }
func (unreadable) Uncompressed() (io.ReadCloser, error) { return nil, errNotLocal }

func TestBuildIndexRefusesALayerOfAnotherContent(t *testing.T) {
	t.Parallel()
	img, err := mutate.AppendLayers(empty.Image, lying{static.NewLayer(archive(t, file("a", "1")), types.OCILayer)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = BuildIndex(t.Context(), img, BuildOptions{})
	if err == nil || !strings.Contains(err.Error(), "the image says sha256:00") {
		t.Errorf("error %v", err)
	}
}

type lying struct{ v1.Layer }

func (lying) DiffID() (v1.Hash, error) {
	return v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}, nil
}
