package demo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// TestPackMakesTheImageOfTheDockerfile packs all three forms of the sample
// app's Dockerfile.
func TestPackMakesTheImageOfTheDockerfile(t *testing.T) {
	files, err := repository("../..")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		dockerfile string
		env        []string
	}{
		"good":     {files["Dockerfile"], []string{"PATH=/", "VERSION=0123abc"}},
		"broken":   {broken(files["Dockerfile"]), []string{"PATH=/", "VERSION=0123abc", "MODE=exit:3"}},
		"mistaken": {mistaken(files["Dockerfile"]), []string{"PATH=/", "VERSION=v0-forgotten"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for path, text := range map[string]string{"Dockerfile": test.dockerfile, "web": "program", "public/index.html": "<h1>"} {
				file := filepath.Join(dir, path)
				if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o700); err != nil { //nolint:gosec // a program among them
					t.Fatal(err)
				}
			}
			if err := Pack(dir, "0123abc"); err != nil {
				t.Fatal(err)
			}
			img, err := tarball.ImageFromPath(filepath.Join(dir, Archive), nil)
			if err != nil {
				t.Fatal(err)
			}
			config, err := img.ConfigFile()
			if err != nil || !slices.Equal(config.Config.Env, test.env) || !slices.Equal(config.Config.Entrypoint, []string{"/web"}) {
				t.Errorf("%+v, %v", config, err)
			}
			if layers, err := img.Layers(); err != nil || len(layers) != 2 {
				t.Errorf("%d layers, %v", len(layers), err)
			}
		})
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nRUN make\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Pack(dir, "v"); err == nil || !strings.Contains(err.Error(), "RUN") {
		t.Errorf("a Dockerfile that runs something: %v", err)
	}
}
