package container

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// unpack writes the file system of an image under root. Paths and links cannot leave it.
func unpack(img v1.Image, root string) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", root, err)
	}
	inside, err := os.OpenRoot(root)
	if err != nil {
		return fmt.Errorf("open %s: %w", root, err)
	}
	defer func() { _ = inside.Close() }()
	flat := mutate.Extract(img)
	defer func() { _ = flat.Close() }()
	tr := tar.NewReader(flat)
	for {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the layers: %w", err)
		}
		if err := unpackOne(inside, header, tr); err != nil {
			return fmt.Errorf("unpack %s: %w", header.Name, err)
		}
	}
}

func unpackOne(root *os.Root, header *tar.Header, content io.Reader) error {
	name := clean(header.Name)
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err //nolint:wrapcheck // the caller names the file
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755) //nolint:wrapcheck // the caller names the file
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, name) //nolint:wrapcheck // the caller names the file
	case tar.TypeLink:
		return root.Link(clean(header.Linkname), name) //nolint:wrapcheck // the caller names the file
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, header.FileInfo().Mode().Perm())
		if err != nil {
			return err //nolint:wrapcheck // the caller names the file
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	}
	return nil // devices and the like: a process has no use for them
}

// clean is a tar member's name relative to the root.
func clean(name string) string {
	return "." + path.Clean("/"+name)
}
