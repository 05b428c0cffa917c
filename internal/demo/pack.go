package demo

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Archive is the file that Pack writes.
const Archive = "image.tar"

// Pack stands in for `docker build` where no engine is: it makes the image of
// the sample app's Dockerfile, whose few instructions run nothing, and leaves
// it in dir as docker save would.
func Pack(dir, version string) error {
	text, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		return fmt.Errorf("pack the image: %w", err)
	}
	img, config := empty.Image, v1.Config{}
	for line := range strings.Lines(string(text)) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch instruction {
		case "", "FROM", "ARG", "EXPOSE":
		case "COPY":
			from, to, _ := strings.Cut(rest, " ")
			layer, err := layerOf(filepath.Join(dir, from), to)
			if err != nil {
				return err
			}
			if img, err = mutate.AppendLayers(img, layer); err != nil {
				return fmt.Errorf("pack %s: %w", from, err)
			}
		case "ENV":
			config.Env = append(config.Env, strings.Fields(strings.ReplaceAll(rest, "$BUILD_VERSION", version))...)
		case "ENTRYPOINT":
			if err := json.Unmarshal([]byte(rest), &config.Entrypoint); err != nil {
				return fmt.Errorf("read the entry point: %w", err)
			}
		default:
			return fmt.Errorf("pack the image: the Dockerfile has %s, which needs Docker", instruction)
		}
	}
	return save(img, config, filepath.Join(dir, Archive))
}

// layerOf holds a file or a folder under another path, without times.
func layerOf(from, to string) (v1.Layer, error) {
	var content bytes.Buffer
	archive := tar.NewWriter(&content)
	err := filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		inside := path.Join(to, filepath.ToSlash(strings.TrimPrefix(file, from)))
		header := &tar.Header{Name: strings.TrimPrefix(inside, "/"), Mode: 0o755, Size: int64(len(text))}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if _, err := archive.Write(text); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return nil
	})
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", from, err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil }
	layer, err := tarball.LayerFromOpener(open)
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", from, err)
	}
	return layer, nil
}

func save(img v1.Image, config v1.Config, file string) error {
	whole, err := img.ConfigFile()
	if err != nil {
		return fmt.Errorf("pack the image: %w", err)
	}
	whole = whole.DeepCopy()
	whole.Config, whole.OS, whole.Architecture = config, "linux", runtime.GOARCH
	if img, err = mutate.ConfigFile(img, whole); err != nil {
		return fmt.Errorf("pack the image: %w", err)
	}
	tag, err := name.NewTag("web:packed")
	if err != nil {
		return fmt.Errorf("pack the image: %w", err)
	}
	if err := tarball.WriteToFile(file, tag, img); err != nil {
		return fmt.Errorf("pack the image: %w", err)
	}
	return nil
}
