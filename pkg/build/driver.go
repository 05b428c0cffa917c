package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/progress"
)

// Driver is how a build is run.
type Driver string

// The drivers.
const (
	// Auto takes buildx where there is one, else plain docker.
	Auto   Driver = "auto"
	Buildx Driver = "buildx"
	Docker Driver = "docker"
)

// Builder runs builds.
type Builder struct {
	Engine Engine
	Driver Driver
	// Output receives the lines that the builder prints; nil drops them.
	Output func(line string)
	// Progress receives the steps of the build.
	Progress progress.Func
}

// Build runs r and opens the image. dir is for temporary files; they may be
// removed after Close. A failing step is a finding at its line of the
// Dockerfile.
func (b Builder) Build(ctx context.Context, r Request, dir string) (*Built, error) {
	driver, err := b.choose(ctx, r)
	if err != nil {
		return nil, err
	}
	secrets, err := r.writeSecrets(dir)
	if err != nil {
		return nil, err
	}
	if driver == Buildx {
		return b.buildx(ctx, r, secrets, dir)
	}
	names := r.unsupported()
	if ignored := r.ignored(); len(ignored) > 0 && b.Engine.before23(ctx) {
		names = append(names, ignored...)
	}
	if len(names) > 0 {
		return nil, &diag.Diagnostic{
			Summary: "build with plain docker: it knows no " + strings.Join(names, ", "),
			Try:     "install buildx (docker/setup-buildx-action), or leave these inputs out",
		}
	}
	return b.docker(ctx, r, secrets, dir)
}

// choose settles Auto, and what the builder's driver cannot do: the one inside
// of the engine writes no OCI layout.
func (b Builder) choose(ctx context.Context, r Request) (Driver, error) {
	if b.Driver == Docker {
		return Docker, nil
	}
	args := []string{"buildx", "inspect"}
	if r.Builder != "" {
		args = append(args, r.Builder)
	}
	out, err := b.Engine.command(ctx, args...).CombinedOutput()
	if err != nil && (b.Driver == Buildx || r.Builder != "") {
		return "", &diag.Diagnostic{
			Summary: "find the builder: docker " + strings.Join(args, " ") + " failed", Detail: strings.TrimSpace(string(out)),
			Try: "add docker/setup-buildx-action before this step", Err: err,
		}
	}
	if err != nil || (inEngine(string(out)) && len(r.unsupported()) == 0) {
		return Docker, nil
	}
	return Buildx, nil
}

// inEngine tells from `docker buildx inspect` whether the builder is the one
// inside of the engine.
func inEngine(inspect string) bool {
	for line := range strings.Lines(inspect) {
		if key, value, ok := strings.Cut(line, ":"); ok && key == "Driver" {
			return strings.TrimSpace(value) == "docker"
		}
	}
	return false
}

func (b Builder) buildx(ctx context.Context, r Request, secrets []string, dir string) (*Built, error) {
	layout, metadata := filepath.Join(dir, "layout"), filepath.Join(dir, "metadata.json")
	args := append([]string{"buildx", "build"}, r.buildx(layout, metadata)...)
	args = append(append(args, r.common(secrets)...), r.Context)
	if err := b.run(ctx, r, args); err != nil {
		return nil, err
	}
	if err := b.furtherOutputs(ctx, r, secrets); err != nil {
		return nil, err
	}
	built, err := fromFolder(layout)
	if err != nil {
		return nil, fmt.Errorf("open the built image: %w", err)
	}
	built.Metadata, err = os.ReadFile(metadata)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("read the build's metadata: %w", err), built.Close())
	}
	return built, nil
}

// furtherOutputs writes what the user wants beside the push. It is a second
// run, from the cache of the first: with several outputs in one run, buildx
// names another output's manifest in the OCI layout.
func (b Builder) furtherOutputs(ctx context.Context, r Request, secrets []string) error {
	outputs := r.Outputs
	if r.Load {
		outputs = append(outputs[:len(outputs):len(outputs)], loadOutput(r.Tags))
	}
	if len(outputs) == 0 {
		return nil
	}
	r.NoCache, r.Pull, r.CacheTo = false, false, nil
	args := append([]string{"buildx", "build"}, r.options()...)
	for _, output := range outputs {
		args = append(args, "--output", output)
	}
	return b.run(ctx, r, append(append(args, r.common(secrets)...), r.Context))
}

// loadOutput makes buildx put the image into the engine.
func loadOutput(tags []string) string {
	if len(tags) == 0 {
		return "type=docker"
	}
	return "type=docker," + field("name", strings.Join(tags, ","))
}

func (b Builder) docker(ctx context.Context, r Request, secrets []string, dir string) (*Built, error) {
	idFile := filepath.Join(dir, "image-id")
	args := append([]string{"build", "--iidfile", idFile}, r.common(secrets)...)
	if len(r.Platforms) == 1 {
		args = append(args, "--platform", r.Platforms[0])
	}
	if r.Load {
		for _, tag := range r.Tags {
			args = append(args, "--tag", tag)
		}
	}
	b.Engine.Env = append(b.Engine.Env, "DOCKER_BUILDKIT=1")
	if err := b.run(ctx, r, append(args, r.Context)); err != nil {
		return nil, err
	}
	id, err := os.ReadFile(idFile)
	if err != nil {
		return nil, fmt.Errorf("read the built image's ID: %w", err)
	}
	return b.Engine.Open(ctx, Source{"docker", strings.TrimSpace(string(id))}, dir)
}
