package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// maxEntries bounds what a hostile archive can make us hold in memory.
const maxEntries = 4_000_000

// xattrRecord is the prefix of extended attributes in PAX headers, as Docker
// and containerd write and read them.
const xattrRecord = "SCHILY.xattr."

// IndexLayer reads a layer (a tar archive; plain, gzip or zstd) to its end.
// A broken archive, or a path that leads out of the root, is an error.
func IndexLayer(ctx context.Context, r io.Reader) (*LayerIndex, error) {
	plain, err := decompress(r)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	ahead := readAhead(ctx, plain)
	defer ahead.Close()

	s := newScan()
	if err := s.archive(ahead); err != nil {
		return nil, cutOff(err, ahead.size)
	}
	diffID, err := ahead.Finish()
	if err != nil {
		return nil, cutOff(err, ahead.size)
	}
	return &LayerIndex{DiffID: diffID, Entries: s.entries()}, nil
}

// cutOff says in plain words that an archive ends too early.
func cutOff(err error, size int64) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the layer's archive is cut off after %d bytes: %w", size, err)
	}
	return err
}

// scan collects the entries of one layer. Of two entries with one path the
// later counts, as for whoever unpacks the archive.
type scan struct {
	files             map[string]*File
	whiteouts, opaque map[string]bool
	hash              *contentHash
}

func newScan() *scan {
	return &scan{
		files: map[string]*File{}, whiteouts: map[string]bool{}, opaque: map[string]bool{},
		hash: newContentHash(),
	}
}

func (s *scan) archive(r io.Reader) error {
	archive := tar.NewReader(r)
	for n := 0; ; n++ {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read layer's archive: %w", err)
		}
		if n >= maxEntries {
			return fmt.Errorf("read layer's archive: it has more than %d entries", maxEntries)
		}
		if err := s.entry(header, archive); err != nil {
			return fmt.Errorf("read layer's archive: %w", err)
		}
	}
}

func (s *scan) entry(header *tar.Header, content io.Reader) error {
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	p, err := cleanPath(header.Name)
	if err != nil || p == "" { // engines leave the root as it is
		return err
	}
	target, kind, skip, err := parseWhiteout(p)
	switch {
	case err != nil || skip:
		return err
	case kind == Whiteout:
		s.whiteouts[target] = true
		return nil
	case kind == Opaque:
		s.opaque[target] = true
		return nil
	}
	file, err := s.file(p, header, content)
	if err != nil {
		return err
	}
	s.files[p] = file
	return nil
}

// file returns what the header describes. A hard link to an earlier entry of
// the layer is that entry's file.
func (s *scan) file(p string, header *tar.Header, content io.Reader) (*File, error) {
	if header.Typeflag == tar.TypeLink {
		target, err := cleanPath(header.Linkname)
		if err != nil {
			return nil, fmt.Errorf("hard link %q: %w", p, err)
		}
		if file := s.files[target]; file != nil && file.Type != Directory {
			return file, nil
		}
		if target == "" || target == p {
			return nil, fmt.Errorf("hard link %q leads to no file: %q", p, header.Linkname)
		}
		return &File{Type: Hardlink, Link: target}, nil
	}
	file, err := describe(p, header)
	if err != nil {
		return nil, err
	}
	if file.Type == Regular {
		return file, s.hash.read(p, file, content)
	}
	return file, nil
}

// describe translates a header; the content's sums are not in it.
func describe(p string, header *tar.Header) (*File, error) {
	if header.Uid < 0 || header.Gid < 0 || header.Uid > math.MaxUint32 || header.Gid > math.MaxUint32 {
		return nil, fmt.Errorf("owner %d:%d of %q is no user and group", header.Uid, header.Gid, p)
	}
	f := &File{
		Mode: uint16(header.Mode & 0o7777), UID: uint32(header.Uid), GID: uint32(header.Gid),
		MTime: header.ModTime.Unix(), Xattrs: xattrs(header.PAXRecords),
	}
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		f.Type, f.Size = Regular, header.Size
	case tar.TypeDir:
		f.Type = Directory
	case tar.TypeSymlink:
		f.Type, f.Link = Symlink, header.Linkname
		if len(f.Link) > maxPath {
			return nil, fmt.Errorf("target of symlink %q is %d bytes long, at most %d are allowed", p, len(f.Link), maxPath)
		}
	case tar.TypeFifo:
		f.Type = FIFO
	case tar.TypeChar, tar.TypeBlock:
		f.Type = Char
		if header.Typeflag == tar.TypeBlock {
			f.Type = Block
		}
		if header.Devmajor < 0 || header.Devminor < 0 || header.Devmajor > math.MaxUint32 || header.Devminor > math.MaxUint32 {
			return nil, fmt.Errorf("number %d:%d of device %q is out of range", header.Devmajor, header.Devminor, p)
		}
		f.Major, f.Minor = uint32(header.Devmajor), uint32(header.Devminor)
	default:
		return nil, fmt.Errorf("type %q of %q is not known", header.Typeflag, p)
	}
	return f, nil
}

func xattrs(records map[string]string) []Xattr {
	var out []Xattr
	for key, value := range records {
		if name, ok := strings.CutPrefix(key, xattrRecord); ok && name != "" {
			out = append(out, Xattr{name, value})
		}
	}
	slices.SortFunc(out, func(a, b Xattr) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// entries returns what was collected in tree order; of one path the whiteout
// comes first, then the opaque mark, then the file.
func (s *scan) entries() []Entry {
	s.addParents()
	out := make([]Entry, 0, len(s.files)+len(s.whiteouts)+len(s.opaque))
	for p, file := range s.files {
		out = append(out, Entry{p, file})
	}
	for p := range s.whiteouts {
		out = append(out, Entry{p, &File{Type: Whiteout}})
	}
	for p := range s.opaque {
		out = append(out, Entry{p, &File{Type: Opaque}})
	}
	slices.SortFunc(out, compareEntries)
	return out
}

func compareEntries(a, b Entry) int {
	if c := comparePaths(a.Path, b.Path); c != 0 {
		return c
	}
	return rank(a.Type) - rank(b.Type)
}

func rank(t Type) int {
	switch t {
	case Whiteout:
		return 0
	case Opaque:
		return 1
	default:
		return 2
	}
}

// addParents adds the directories that the archive leaves out.
func (s *scan) addParents() {
	var missing []string
	for p := range s.files {
		missing = append(missing, p)
	}
	for _, p := range missing {
		for dir := parent(p); dir != "" && s.files[dir] == nil; dir = parent(dir) {
			s.files[dir] = &File{Type: Implicit, Mode: 0o755}
		}
	}
}

// contentHash computes sums of contents, one after the other.
type contentHash struct{ buffer []byte }

func newContentHash() *contentHash { return &contentHash{buffer: make([]byte, 64<<10)} }

// read sets the sums of file, whose content is all of r.
func (c *contentHash) read(p string, file *File, r io.Reader) error {
	full := sha256.New()
	var out io.Writer = full
	if isPyc(p) && file.Size >= pycHeader {
		header := make([]byte, pycHeader)
		if _, err := io.ReadFull(r, header); err != nil {
			return fmt.Errorf("content of %q: %w", p, err)
		}
		full.Write(header)
		if timedPyc(header) {
			timeless := sha256.New()
			timeless.Write(withoutTime(header))
			defer func() { file.PycSum = sum(timeless.Sum(nil)) }()
			out = io.MultiWriter(full, timeless)
		}
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{out}, r, c.buffer); err != nil {
		return fmt.Errorf("content of %q: %w", p, err)
	}
	file.Sum = sum(full.Sum(nil))
	return nil
}

func sum(sha []byte) Sum { return Sum(sha[:len(Sum{})]) }
