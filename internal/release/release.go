// Package release builds the release tree: the generated commit that
// `uses: org/shipkit/<name>@v1` resolves in. The same sources give the same
// bytes on every machine with the same Go version.
package release

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

//go:embed shim
var shim embed.FS

// Platform is an operating system and an architecture in Go's names.
type Platform struct{ OS, Arch string }

// String returns the name of a platform in the names of binaries: linux-amd64.
func (p Platform) String() string { return p.OS + "-" + p.Arch }

// The platforms of a release: those that the tree carries, since runners use
// them, and those whose binary is an asset that the shim downloads.
var (
	Bundled = []Platform{{"linux", "amd64"}, {"linux", "arm64"}}
	Assets  = []Platform{{"darwin", "amd64"}, {"darwin", "arm64"}}
)

// Options say what to build from where.
type Options struct {
	// Root is the folder of the module.
	Root string
	// Out is the folder of the tree. It is replaced.
	Out string
	// AssetsOut is the folder for the binaries that the tree does not carry.
	AssetsOut string
	// Version is the tag, such as v1.2.3, and Commit the hash of the sources.
	Version, Commit string
	// Bundled and Assets are the platforms to build for.
	Bundled, Assets []Platform
}

// Build writes the release tree to o.Out.
func Build(ctx context.Context, o Options) error {
	if err := os.RemoveAll(o.Out); err != nil {
		return fmt.Errorf("clear the release tree: %w", err)
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"build binaries", func() error { return buildBinaries(ctx, o) }},
		{"write the bill of materials", func() error { return writeSBOM(o) }},
		{"write shim", func() error { return writeShim(o) }},
		{"write actions", func() error { return writeActions(o) }},
		{"copy workflows", func() error { return copyWorkflows(o) }},
		{"copy documents", func() error { return copyDocuments(o) }},
		{"write SHA256SUMS", func() error { return writeSums(o.Out) }},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// writeShim writes lib/, the entry of the root action and VERSION.
func writeShim(o Options) error {
	for _, name := range []string{"run.js", "binary.js", "download.js"} {
		if err := copyShim(name, filepath.Join(o.Out, "lib", name)); err != nil {
			return err
		}
	}
	if err := copyShim("setup.js", filepath.Join(o.Out, "index.js")); err != nil {
		return err
	}
	return write(filepath.Join(o.Out, "VERSION"), []byte(o.Version+"\n"))
}

func copyShim(name, to string) error {
	text, err := shim.ReadFile("shim/" + name)
	if err != nil {
		return fmt.Errorf("read shim: %w", err)
	}
	return write(to, text)
}

// copyDocuments copies what a reader of the tag looks for, and the schemas
// that editors load from it.
func copyDocuments(o Options) error {
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md"} {
		if err := copyFile(filepath.Join(o.Root, name), filepath.Join(o.Out, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	schemas, err := filepath.Glob(filepath.Join(o.Root, "schema", "*.json"))
	if err != nil {
		return fmt.Errorf("list schemas: %w", err)
	}
	for _, schema := range schemas {
		if err := copyFile(schema, filepath.Join(o.Out, "schema", filepath.Base(schema))); err != nil {
			return err
		}
	}
	return nil
}

// copyWorkflows copies the workflows, of which users call the reusable ones.
// The others come along because a workflow may push a commit only if it leaves
// the workflows of its parent, the commit of the sources, as they are.
func copyWorkflows(o Options) error {
	files, err := filepath.Glob(filepath.Join(o.Root, ".github", "workflows", "*.yml"))
	if err != nil {
		return fmt.Errorf("list workflows: %w", err)
	}
	for _, file := range files {
		if err := copyFile(file, filepath.Join(o.Out, ".github", "workflows", filepath.Base(file))); err != nil {
			return err
		}
	}
	return nil
}

// ActionNames returns the folders under actions/, sorted.
func ActionNames(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "actions", "*", "action.yml"))
	if err != nil {
		return nil, fmt.Errorf("list actions: %w", err)
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = filepath.Base(filepath.Dir(file))
	}
	slices.Sort(names)
	return names, nil
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(filepath.Clean(from))
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	return write(to, text)
}

func write(path string, text []byte) error { return writeMode(path, text, 0o644) }

func writeMode(path string, text []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := os.WriteFile(path, text, mode); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
