// Package image makes and pushes small container images for tests, without Docker: FROM scratch with the sample
// service of testdata/apps/web as its only program.
package image

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Web describes an image of the sample service. Its entry point is /web, its port 8080, its health check
// ["CMD", "/web", "check"].
type Web struct {
	Version string            // what /version answers
	Mode    string            // MODE of testdata/apps/web; empty serves
	Env     map[string]string // more environment of the image
	Files   map[string]string // path to content, each in the layer after the program
	// Platform is what the image's configuration says; "linux/<this machine>" when empty.
	Platform string
	// Arch is what the program is compiled for; that of Platform when empty. Set it to another one to get an image
	// that starts with "exec format error".
	Arch string
}

// Build makes the image.
func Build(ctx context.Context, w Web) (v1.Image, error) {
	if w.Platform == "" {
		w.Platform = "linux/" + runtime.GOARCH
	}
	platform, err := v1.ParsePlatform(w.Platform)
	if err != nil {
		return nil, fmt.Errorf("parse the platform %q: %w", w.Platform, err)
	}
	if w.Arch == "" {
		w.Arch = platform.Architecture
	}
	program, err := programLayer(ctx, w.Arch)
	if err != nil {
		return nil, err
	}
	layers := []v1.Layer{program}
	for _, path := range slices.Sorted(maps.Keys(w.Files)) {
		layer, err := layerOf(strings.TrimPrefix(path, "/"), []byte(w.Files[path]))
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		return nil, fmt.Errorf("append the layers: %w", err)
	}
	return configure(img, w, *platform)
}

// Push builds the image and pushes it to ref ("host:port/repository:tag"), anonymously unless options say otherwise.
// It returns the manifest's digest, "sha256:…".
func Push(ctx context.Context, ref string, w Web, options ...remote.Option) (string, error) {
	img, err := Build(ctx, w)
	if err != nil {
		return "", err
	}
	tag, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		return "", fmt.Errorf("parse the reference %q: %w", ref, err)
	}
	options = append([]remote.Option{remote.WithContext(ctx), remote.WithAuth(authn.Anonymous)}, options...)
	if err := remote.Write(tag, img, options...); err != nil {
		return "", fmt.Errorf("push %s: %w", ref, err)
	}
	digest, err := img.Digest()
	if err != nil {
		return "", fmt.Errorf("digest of %s: %w", ref, err)
	}
	return digest.String(), nil
}

// configure sets platform, entry point and environment.
func configure(img v1.Image, w Web, platform v1.Platform) (v1.Image, error) {
	file, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the image's configuration: %w", err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Variant = platform.OS, platform.Architecture, platform.Variant
	file.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	file.Config.Entrypoint = []string{"/web"}
	file.Config.ExposedPorts = map[string]struct{}{"8080/tcp": {}}
	file.Config.Env = []string{"PATH=/"}
	if w.Version != "" {
		file.Config.Env = append(file.Config.Env, "VERSION="+w.Version)
	}
	if w.Mode != "" {
		file.Config.Env = append(file.Config.Env, "MODE="+w.Mode)
	}
	for _, k := range slices.Sorted(maps.Keys(w.Env)) {
		file.Config.Env = append(file.Config.Env, k+"="+w.Env[k])
	}
	img, err = mutate.ConfigFile(img, file)
	if err != nil {
		return nil, fmt.Errorf("set the image's configuration: %w", err)
	}
	return img, nil
}

// layerOf is a layer with one executable file of a fixed time.
func layerOf(path string, content []byte) (v1.Layer, error) {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	header := &tar.Header{Name: path, Mode: 0o755, Size: int64(len(content)), ModTime: time.Unix(0, 0)}
	if err := tw.WriteHeader(header); err != nil {
		return nil, fmt.Errorf("write the layer: %w", err)
	}
	if _, err := tw.Write(content); err != nil {
		return nil, fmt.Errorf("write the layer: %w", err)
	}
	if err := tw.Close(); err != nil {
		return nil, fmt.Errorf("write the layer: %w", err)
	}
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }
	layer, err := tarball.LayerFromOpener(opener, tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("make the layer: %w", err)
	}
	return layer, nil
}

var (
	programsMu sync.Mutex
	programs   = map[string]v1.Layer{} // by architecture
)

// programLayer is the layer with the sample service for arch; each architecture is compiled once in a process.
func programLayer(ctx context.Context, arch string) (v1.Layer, error) {
	programsMu.Lock()
	defer programsMu.Unlock()
	if layer, ok := programs[arch]; ok {
		return layer, nil
	}
	program, err := compile(ctx, arch)
	if err != nil {
		return nil, err
	}
	layer, err := layerOf("web", program)
	if err != nil {
		return nil, err
	}
	programs[arch] = layer
	return layer, nil
}

// compile returns the sample service as a static linux binary for arch.
func compile(ctx context.Context, arch string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "web-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the sample service: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	out := filepath.Join(dir, "web")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, ".")
	cmd.Dir = sourceDir()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=")
	if output, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile the sample service in %s: %w: %s", cmd.Dir, err, output)
	}
	program, err := os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("read the compiled sample service: %w", err)
	}
	return program, nil
}

// sourceDir is the sample service's folder in this checkout.
func sourceDir() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "testdata", "apps", "web")
}
