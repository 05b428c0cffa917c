package engine

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// templates holds a freshly initialised data folder of every program as a tar
// archive, which is compressed, since it stays: 5 MB rather than 32. It costs a
// second once in a process, and a copy for every further server.
var templates = struct {
	sync.Mutex
	archives map[string][]byte
}{archives: map[string][]byte{}}

// fresh returns the archive of an empty data folder.
func (e *Engine) fresh(ctx context.Context) (io.Reader, error) {
	templates.Lock()
	defer templates.Unlock()
	if templates.archives[e.program.Name()] == nil {
		archive, err := e.initialise(ctx)
		if err != nil {
			return nil, fmt.Errorf("initialise a database: %w", err)
		}
		templates.archives[e.program.Name()] = archive
	}
	r, err := gzip.NewReader(bytes.NewReader(templates.archives[e.program.Name()]))
	if err != nil {
		return nil, fmt.Errorf("initialise a database: %w", err)
	}
	return r, nil
}

// initialise makes the compressed archive of an empty data folder.
func (e *Engine) initialise(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp(e.dir, "init-")
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the folder
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := e.own(dir); err != nil {
		return nil, err
	}
	if err := e.program.Initialise(ctx, e, dir); err != nil {
		return nil, err //nolint:wrapcheck // the caller says what it is for
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err //nolint:wrapcheck // cannot be
	}
	if err := errors.Join(Archive(z, dir), z.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Archive writes the files of a data folder that no server changes.
func Archive(w io.Writer, dir string) error {
	t := tar.NewWriter(w)
	if err := errors.Join(t.AddFS(files{os.DirFS(dir)}), t.Close()); err != nil {
		return fmt.Errorf("archive a database: %w", err)
	}
	return nil
}

// files hides sockets, of which an archive cannot hold any.
type files struct{ fs.FS }

// ReadDir implements fs.ReadDirFS.
func (f files) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Type() == fs.ModeSocket }), err //nolint:wrapcheck // an fs.FS
}

// unpack writes an archive's files into the folder dir, which it creates.
func (e *Engine) unpack(archive io.Reader, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("unpack a database: %w", err)
	}
	if err := e.own(dir); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir) // keeps a crafted archive inside
	if err != nil {
		return fmt.Errorf("unpack a database: %w", err)
	}
	defer func() { _ = root.Close() }()
	r := tar.NewReader(bufio.NewReaderSize(archive, 1<<20))
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack a database: %w", err)
		}
		if err := e.unpackEntry(root, header, r); err != nil {
			return fmt.Errorf("unpack a database: %s: %w", header.Name, err)
		}
	}
}

func (e *Engine) unpackEntry(root *os.Root, header *tar.Header, content io.Reader) error {
	name := filepath.Clean(header.Name)
	switch header.Typeflag {
	case tar.TypeDir:
		err := root.MkdirAll(name, 0o700)
		if err == nil && e.owner != nil {
			err = root.Lchown(name, int(e.owner.Uid), int(e.owner.Gid))
		}
		return err //nolint:wrapcheck // the caller names the entry
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
		if err != nil {
			return err //nolint:wrapcheck // the caller names the entry
		}
		_, err = io.Copy(f, content)
		if err == nil && e.owner != nil {
			err = f.Chown(int(e.owner.Uid), int(e.owner.Gid))
		}
		return errors.Join(err, f.Close())
	default:
		return fmt.Errorf("unexpected kind of file %q", header.Typeflag)
	}
}
