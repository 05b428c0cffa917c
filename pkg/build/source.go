package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Source names an image that exists already, such as docker:app:latest.
type Source struct{ Kind, Name string }

// kinds of sources, as the user writes them.
var kinds = []string{"docker", "docker-archive", "oci", "oci-archive", "registry"}

// ParseSource reads kind:name.
func ParseSource(s string) (Source, error) {
	kind, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" || !slices.Contains(kinds, kind) {
		return Source{}, fmt.Errorf("%q is none of docker:NAME, docker-archive:FILE, oci:DIR, oci-archive:FILE, registry:REF", s)
	}
	return Source{kind, rest}, nil
}

// Engine opens images; its zero value uses the docker on the PATH.
type Engine struct {
	// Docker is the client to run; "" means docker.
	Docker string
	// Env is added to the environment of the client.
	Env []string
	// Pull reads what a reference of a registry names: an image, or an index of
	// images.
	Pull func(context.Context, name.Reference) (v1.Image, v1.ImageIndex, error)
}

// Open opens the image that source names. dir is for temporary files; they
// are gone after Close.
func (e Engine) Open(ctx context.Context, source Source, dir string) (*Built, error) {
	built, err := e.open(ctx, source, dir)
	if err != nil {
		return nil, fmt.Errorf("open image %s:%s: %w", source.Kind, source.Name, err)
	}
	return built, nil
}

func (e Engine) open(ctx context.Context, source Source, dir string) (*Built, error) {
	switch source.Kind {
	case "docker":
		file := filepath.Join(dir, "image.tar")
		if err := e.save(ctx, source.Name, file); err != nil {
			return nil, err
		}
		// The name goes at once; the content stays until the file is closed.
		defer os.Remove(file)
		return fromArchive(ctx, file, dir, readDockerArchive)
	case "docker-archive":
		return fromArchive(ctx, source.Name, dir, readDockerArchive)
	case "oci-archive":
		return fromArchive(ctx, source.Name, dir, readLayout)
	case "oci":
		return fromFolder(source.Name)
	default:
		return e.pull(ctx, source.Name)
	}
}

func fromArchive(ctx context.Context, file, dir string, read func(store) (*Built, error)) (*Built, error) {
	a, err := openArchive(ctx, file, dir)
	if err != nil {
		return nil, err
	}
	built, err := read(a)
	if err != nil {
		_ = a.file.Close()
		return nil, err
	}
	built.closers = append(built.closers, a.file.Close)
	return built, nil
}

func fromFolder(dir string) (*Built, error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	built, err := readLayout(f)
	if err != nil {
		_ = f.root.Close()
		return nil, err
	}
	built.closers = append(built.closers, f.root.Close)
	return built, nil
}

// Holds tells whether the local engine has an image, by name or ID. Without an
// engine it has none.
func (e Engine) Holds(ctx context.Context, image string) bool {
	return e.command(ctx, "image", "inspect", "--format", "{{.Id}}", image).Run() == nil
}

// before23 tells that the engine is older than Docker 23.
func (e Engine) before23(ctx context.Context) bool {
	out, err := e.command(ctx, "version", "--format", "{{.Server.Version}}").Output()
	major, _, _ := strings.Cut(string(out), ".")
	n, numeric := strconv.Atoi(major)
	return err == nil && numeric == nil && n < 23
}

// save writes an image of the local engine to a file.
func (e Engine) save(ctx context.Context, image, file string) error {
	cmd := e.command(ctx, "save", "--output", file, image)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("docker save %s: %s: %w", image, strings.TrimSpace(string(out)), err)
	}
	return nil
}

func (e Engine) command(ctx context.Context, args ...string) *exec.Cmd {
	docker := e.Docker
	if docker == "" {
		docker = "docker"
	}
	cmd := exec.CommandContext(ctx, docker, args...) //nolint:gosec // running the user's docker is the job
	cmd.Env = append(cmd.Environ(), e.Env...)
	return cmd
}

// pull opens an image of a registry. Its layers are read when asked for.
func (e Engine) pull(ctx context.Context, reference string) (*Built, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, fmt.Errorf("parse the reference: %w", err)
	}
	image, index, err := e.Pull(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("read it from the registry: %w", err)
	}
	if index != nil {
		return pullPlatforms(index)
	}
	platform, err := platformOf(image)
	return &Built{Images: []Image{{Image: image, Platform: platform}}}, err
}

func pullPlatforms(index v1.ImageIndex) (*Built, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read its index: %w", err)
	}
	built := &Built{Index: manifest}
	for _, descriptor := range manifest.Manifests {
		image, err := index.Image(descriptor.Digest)
		if err != nil {
			return nil, fmt.Errorf("read image %s of its index: %w", descriptor.Digest, err)
		}
		one := Image{Image: image, Descriptor: descriptor}
		if descriptor.Annotations[attestationAnnotation] != "" {
			built.Attestations = append(built.Attestations, one)
			continue
		}
		if one.Platform, err = platformOf(image); err != nil {
			return nil, err
		}
		built.Images = append(built.Images, one)
	}
	return built, nil
}
