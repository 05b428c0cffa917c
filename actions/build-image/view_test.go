package buildimage

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/shipkit/pkg/image"
	"github.com/org/shipkit/pkg/registry"
)

var update = flag.Bool("update", false, "write the golden files")

// samplePlan is a delta of two files over eleven layers.
func samplePlan(t *testing.T) *plan {
	t.Helper()
	repo, err := name.NewRepository("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop")
	if err != nil {
		t.Fatal(err)
	}
	layers := []layerPlan{{descriptor: v1.Descriptor{Size: 200_000}, fate: sent}}
	for range 11 {
		layers = append(layers, layerPlan{descriptor: v1.Descriptor{Size: 21_900_000}, fate: reused})
	}
	manifest := registry.Manifest{MediaType: types.OCIManifestSchema1, Raw: []byte("{}")}
	return &plan{targets: []*targetPlan{{
		target: target{repository: repo, tags: []string{"v7", "latest"}}, top: manifest, speed: 125_000,
		notes: []string{"previous-image x does not exist"},
		images: []*imagePlan{{
			platform: "linux/amd64", mode: modeDelta, reasons: []string{"the changed files alone are less"}, manifest: manifest,
			config: make([]byte, 5000), layers: layers,
			changes: &image.Changes{All: []image.Change{
				{Kind: image.Modified, Path: "app/a|b.js", Bytes: 540_000, Why: "content"},
				{Kind: image.Removed, Path: "app/old.js"},
			}, Bytes: 540_000},
		}},
	}}}
}

func TestViews(t *testing.T) {
	p := samplePlan(t)
	done := result{plan: p, sent: 214_000, received: 5_100, took: 62 * time.Second}
	failed := done
	failed.err = errors.New("the line is down")
	programs, err := planJSON(p)
	if err != nil {
		t.Fatal(err)
	}
	for file, got := range map[string]string{
		"plan.txt": planText(p), "plan.md": planView(p), "plan.json": programs,
		"done.md": summaryView(done), "failed.md": summaryView(failed),
	} {
		path := filepath.Join("testdata", file)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is\n%s\nwant\n%s", file, got, want)
		}
	}
}

func TestPercentNeverRoundsUpToAll(t *testing.T) {
	for p, want := range map[float64]string{99.98: "99.98", 99.9: "99.9", 50: "50.0"} {
		if got := percent(p); got != want {
			t.Errorf("percent(%v) = %s, want %s", p, got, want)
		}
	}
}
