package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// item is an entry of an archive in a test.
type item struct {
	tar.Header
	content string
}

func file(name, content string) item {
	return item{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, ModTime: time.Unix(1000, 0)}, content}
}

func dir(name string) item {
	return item{tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: time.Unix(1000, 0)}, ""}
}

func symlink(name, target string) item {
	return item{tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, ""}
}

func hardlink(name, target string) item {
	return item{tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}, ""}
}

func (it item) with(change func(h *tar.Header)) item {
	change(&it.Header)
	return it
}

func (it item) at(mtime int64) item {
	it.ModTime = time.Unix(mtime, 0)
	return it
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// archive returns the items as a tar archive.
func archive(t fataler, items ...item) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, it := range items {
		if it.Typeflag == tar.TypeReg {
			it.Size = int64(len(it.content))
		}
		if err := w.WriteHeader(&it.Header); err != nil {
			t.Fatalf("write header %.80q: %v", it.Name, err)
		}
		if _, err := io.WriteString(w, it.content); err != nil {
			t.Fatalf("write %q: %v", it.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatalf("close archive: %v", err)
	}
	return out.Bytes()
}

// imageOf returns an image of the archives, from the bottom up.
func imageOf(t fataler, archives ...[]byte) v1.Image {
	t.Helper()
	img := empty.Image
	for i, a := range archives {
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(a)), nil
		}, tarball.WithCompressionLevel(gzip.BestSpeed))
		if err != nil {
			t.Fatalf("make layer: %v", err)
		}
		img, err = mutate.Append(img, mutate.Addendum{
			Layer: layer, History: v1.History{CreatedBy: fmt.Sprintf("layer %d", i+1)},
		})
		if err != nil {
			t.Fatalf("append layer: %v", err)
		}
	}
	return img
}

// tree unpacks archives as the specification says, into memory, in the plain
// way: a map, and each layer's removals before its additions. It is what the
// package's own merge is judged by.
type tree map[string]*thing

type thing struct {
	header  tar.Header
	content string
}

func unpack(t fataler, archives ...[]byte) tree {
	t.Helper()
	files := tree{}
	for _, a := range archives {
		files.remove(t, a)
		files.add(t, a)
	}
	return files
}

func each(t fataler, archive []byte, visit func(name string, h *tar.Header, content string)) {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("unpack: %v", err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("unpack %q: %v", h.Name, err)
		}
		visit(path.Clean(h.Name), h, string(content))
	}
}

func (files tree) remove(t fataler, archive []byte) {
	each(t, archive, func(name string, _ *tar.Header, _ string) {
		base := path.Base(name)
		switch {
		case base == ".wh..wh..opq":
			files.drop(path.Dir(name), false)
		case strings.HasPrefix(base, ".wh."):
			files.drop(path.Join(path.Dir(name), strings.TrimPrefix(base, ".wh.")), true)
		}
	})
}

func (files tree) add(t fataler, archive []byte) {
	each(t, archive, func(name string, h *tar.Header, content string) {
		if strings.HasPrefix(path.Base(name), ".wh.") || name == "." {
			return
		}
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if files[dir] == nil {
				files[dir] = &thing{header: tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}}
			}
		}
		old := files[name]
		next := &thing{*h, content}
		if h.Typeflag == tar.TypeLink {
			next = files[path.Clean(h.Linkname)]
			if next == nil {
				t.Fatalf("unpack: hard link %q to missing %q", name, h.Linkname)
			}
		}
		if old != nil && (old.header.Typeflag != tar.TypeDir || h.Typeflag != tar.TypeDir) {
			files.drop(name, true)
		}
		files[name] = next
	})
}

func (files tree) drop(name string, self bool) {
	for p := range files {
		if strings.HasPrefix(p, name+"/") || (name == "." && p != ".") || (self && p == name) {
			delete(files, p)
		}
	}
}

// text describes a tree, a line for each path; times only if exact.
func (files tree) text(exact bool) string {
	first := map[*thing]string{}
	var out strings.Builder
	paths := make([]string, 0, len(files))
	for p := range files {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for _, p := range paths {
		f := files[p]
		h := f.header
		if h.Typeflag == tar.TypeDir {
			h.Linkname = ""
		} else if link, ok := first[f]; ok {
			fmt.Fprintf(&out, "%s = %s\n", p, link)
			continue
		}
		first[f] = p
		mode, mtime := h.Mode, int64(0)
		if h.Typeflag == tar.TypeSymlink {
			mode = 0
		}
		if exact {
			mtime = h.ModTime.Unix()
		}
		fmt.Fprintf(&out, "%s %c %o %d:%d %q %d,%d %q %s %d\n", p, h.Typeflag, mode, h.Uid, h.Gid, h.Linkname,
			h.Devmajor, h.Devminor, f.content, xattrText(h.PAXRecords), mtime)
	}
	return out.String()
}

func xattrText(records map[string]string) string {
	var out []string
	for k, v := range records {
		if strings.HasPrefix(k, "SCHILY.xattr.") {
			out = append(out, fmt.Sprintf("%s=%q", k, v))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// indexOf indexes archives, from the bottom up.
func indexOf(t fataler, archives ...[]byte) *Index {
	t.Helper()
	layers := make([]*LayerIndex, len(archives))
	for i, a := range archives {
		var err error
		if layers[i], err = IndexLayer(context.Background(), bytes.NewReader(a)); err != nil {
			t.Fatalf("index layer %d: %v", i+1, err)
		}
	}
	ix, err := NewIndex(layers)
	if err != nil {
		t.Fatalf("merge layers: %v", err)
	}
	return ix
}

// deltaOf returns the plain archive of the delta between two images given as
// archives, after it was verified, with its description.
func deltaOf(t fataler, prev, built [][]byte, opts Options, c Compression) ([]byte, *Delta, *Changes) {
	t.Helper()
	before, after := indexOf(t, prev...), indexOf(t, built...)
	changes, err := Diff(before, after, opts)
	if err != nil {
		t.Fatalf("diff: %v", err)
	}
	var blob bytes.Buffer
	delta, err := WriteDelta(context.Background(), &blob, imageOf(t, built...), after, changes, c, "")
	if err != nil {
		t.Fatalf("write delta: %v", err)
	}
	if int64(blob.Len()) != delta.Size {
		t.Fatalf("delta has %d bytes, said to be %d", blob.Len(), delta.Size)
	}
	pushed, err := Verify(context.Background(), before, bytes.NewReader(blob.Bytes()), after, opts)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	again, err := Diff(pushed, after, opts)
	if err != nil || !again.Empty() {
		t.Fatalf("the pushed image still differs: %v %+v", err, again)
	}
	plain, err := decompress(&blob)
	if err != nil {
		t.Fatalf("decompress delta: %v", err)
	}
	content, err := io.ReadAll(plain)
	if err != nil {
		t.Fatalf("decompress delta: %v", err)
	}
	return content, delta, changes
}

var _ fataler = (*testing.T)(nil)
