package build

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// store is a folder of files, or a tar archive of one, read in any order.
type store interface {
	// open returns a file and its size. An absent one gives fs.ErrNotExist.
	open(name string) (io.ReadCloser, int64, error)
}

// maxDocument bounds the files that are read whole: manifests and configs.
const maxDocument = 64 << 20

// readFile returns a small file of s.
func readFile(s store, name string) ([]byte, error) {
	content, size, err := s.open(name)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if size > maxDocument {
		return nil, fmt.Errorf("%s is %d bytes long, which no manifest is", name, size)
	}
	text, err := io.ReadAll(content)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return text, nil
}

// folder is a store on disk. Names cannot lead out of it.
type folder struct{ root *os.Root }

func openFolder(dir string) (folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return folder{}, fmt.Errorf("open the image folder: %w", err)
	}
	return folder{root}, nil
}

func (f folder) open(name string) (io.ReadCloser, int64, error) {
	file, err := f.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, 0, fmt.Errorf("open %s: %w", name, err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open %s: %w", name, err), file.Close())
	}
	return file, info.Size(), nil
}

// archive is a store in a tar file.
type archive struct {
	file  *os.File
	parts map[string]part
}

// part is where a file lies in an archive; link names another part instead.
type part struct {
	offset, size int64
	link         string
}

// openArchive reads the table of contents of a tar file. One that is compressed
// is unpacked to a nameless file in dir: its parts are read in any order.
func openArchive(ctx context.Context, name, dir string) (*archive, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the image archive: %w", err)
	}
	if file, err = plain(ctx, file, dir); err != nil {
		return nil, fmt.Errorf("unpack the image archive %s: %w", name, err)
	}
	a := &archive{file: file, parts: map[string]part{}}
	if err := a.scan(); err != nil {
		return nil, errors.Join(fmt.Errorf("read the image archive %s: %w", name, err), file.Close())
	}
	return a, nil
}

// scan notes where each file begins. archive/tar skips contents by seeking, so
// that this reads headers only.
func (a *archive) scan() error {
	info, err := a.file.Stat()
	if err != nil {
		return fmt.Errorf("find its size: %w", err)
	}
	reader := tar.NewReader(a.file)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("it is no tar archive, or cut off: %w", err)
		}
		name := path.Clean(header.Name)
		offset, err := a.file.Seek(0, io.SeekCurrent)
		if err != nil {
			return fmt.Errorf("find the place of %s: %w", name, err)
		}
		if offset+header.Size > info.Size() {
			return fmt.Errorf("it is cut off in %s: %d of %d bytes are there", name, info.Size()-offset, header.Size)
		}
		switch header.Typeflag {
		case tar.TypeReg:
			a.parts[name] = part{offset: offset, size: header.Size}
		case tar.TypeSymlink:
			a.parts[name] = part{link: path.Join(path.Dir(name), header.Linkname)}
		case tar.TypeLink:
			a.parts[name] = part{link: path.Clean(header.Linkname)}
		}
	}
}

func (a *archive) open(name string) (io.ReadCloser, int64, error) {
	p, ok := a.parts[path.Clean(name)]
	// docker save links a layer that several images share. One step is all it
	// ever takes, so that a circle ends.
	if ok && p.link != "" {
		p, ok = a.parts[p.link]
	}
	if !ok || p.link != "" {
		return nil, 0, fmt.Errorf("open %s in the image archive: %w", name, fs.ErrNotExist)
	}
	return sectionFile{io.NewSectionReader(a.file, p.offset, p.size)}, p.size, nil
}

// sectionFile is a part of an open file.
type sectionFile struct{ *io.SectionReader }

// Close implements [io.Closer]: the file belongs to the archive.
func (sectionFile) Close() error { return nil }
