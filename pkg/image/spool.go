package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// spool holds contents in a nameless temporary file, each once. Layers give them in
// the order of their archives, the delta wants them in tree order.
type spool struct {
	file *os.File
	end  int64
	at   map[content]int64
	hash *contentHash
}

// content names a file's content.
type content struct {
	size int64
	sum  Sum
}

func contentOf(f *File) content { return content{f.Size, f.Sum} }

// collect reads the contents of entries from the layers that hold them.
func collect(ctx context.Context, img v1.Image, built *Index, entries []Node, dir string) (*spool, error) {
	file, err := os.CreateTemp(dir, "shipkit-delta-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	// Without a name it vanishes with the process, however that ends.
	if err := os.Remove(file.Name()); err != nil {
		return nil, fmt.Errorf("unlink temporary file: %w", errors.Join(err, file.Close()))
	}
	s := &spool{file: file, at: map[content]int64{}, hash: newContentHash()}
	if err := s.fill(ctx, img, built, entries); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close frees the temporary file.
func (s *spool) Close() error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("close temporary file: %w", err)
	}
	return nil
}

func (s *spool) open(f *File) io.Reader {
	return io.NewSectionReader(s.file, s.at[contentOf(f)], f.Size)
}

func (s *spool) fill(ctx context.Context, img v1.Image, built *Index, entries []Node) error {
	layers, err := img.Layers()
	if err != nil {
		return fmt.Errorf("list layers: %w", err)
	}
	if len(layers) != len(built.Layers) {
		return fmt.Errorf("the image has %d layers, its index %d", len(layers), len(built.Layers))
	}
	wanted := make([]map[content]string, len(layers)) // contents with a path, for messages
	for _, e := range entries {
		if e.Type != Regular || e.Size == 0 {
			continue
		}
		if wanted[e.Layer] == nil {
			wanted[e.Layer] = map[content]string{}
		}
		wanted[e.Layer][contentOf(e.File)] = e.Path
	}
	for i, layer := range layers {
		if len(wanted[i]) == 0 {
			continue
		}
		if err := s.fromLayer(ctx, layer, wanted[i]); err != nil {
			return fmt.Errorf("layer %d of %d: %w", i+1, len(layers), err)
		}
	}
	return nil
}

// fromLayer reads a layer until it has given all wanted contents.
func (s *spool) fromLayer(ctx context.Context, layer v1.Layer, wanted map[content]string) error {
	rc, err := openLayer(layer)
	if err != nil {
		return err
	}
	defer rc.Close()
	sizes := map[int64]bool{}
	for c := range wanted {
		if _, ok := s.at[c]; ok {
			delete(wanted, c)
			continue
		}
		sizes[c.size] = true
	}
	archive := rc.archive()
	for len(wanted) > 0 {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return missing(wanted)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if header.Typeflag != tar.TypeReg && header.Typeflag != tar.TypeGNUSparse || !sizes[header.Size] {
			continue
		}
		if err := s.take(header, archive, wanted); err != nil {
			return err
		}
	}
	return nil
}

// take copies a content of a wanted size and keeps it if it is wanted.
func (s *spool) take(header *tar.Header, r io.Reader, wanted map[content]string) error {
	file := &File{Size: header.Size}
	out := io.NewOffsetWriter(s.file, s.end)
	if err := s.hash.read("", file, io.TeeReader(r, out)); err != nil {
		return fmt.Errorf("copy %q: %w", header.Name, err)
	}
	key := contentOf(file)
	if _, ok := wanted[key]; !ok {
		return nil
	}
	delete(wanted, key)
	s.at[key] = s.end
	s.end += header.Size
	return nil
}

func missing(wanted map[content]string) error {
	for _, path := range wanted {
		return fmt.Errorf("the content of %q is not in it: the image changed while it was read", path)
	}
	return nil
}
