package image

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// The columns of an encoded index, in their order in the encoding.
const (
	colShared = iota // bytes that a path shares with the one before
	colRest          // length of the rest of the path
	colPath          // the rest of the path
	colAlias         // 0, or how many entries back the hard link's file is
	colType
	colMode
	colOwner
	colSize
	colTime // seconds since the entry before
	colLink
	colDevice
	colXattr
	colPyc
	colSum
	numColumns
)

// coder writes entries to columns or reads them back. Each method does both,
// so that the two cannot come apart. After an error it does nothing.
type coder struct {
	writing bool
	total   int
	columns [numColumns][]byte
	err     error

	path  string // of the entry before
	time  int64
	paths int // bytes of all paths
	dirs  []string
}

var emptySum = func() Sum { s := sha256.Sum256(nil); return sum(s[:]) }()

func (c *coder) entries(list *[]Entry) {
	first := map[*File]int{}
	for i := 0; i < c.total && c.err == nil; i++ {
		var e Entry
		if c.writing {
			e = (*list)[i]
		}
		c.pathOf(&e)
		back := uint64(0)
		if at, ok := first[e.File]; c.writing && ok {
			back = uint64(i - at)
		}
		c.number(colAlias, &back)
		switch {
		case back > uint64(i):
			c.fail("a hard link leads before the first entry")
		case back > 0 && !c.writing:
			e.File = (*list)[i-int(back)].File
		case back == 0:
			if !c.writing {
				e.File = &File{}
			}
			c.file(&e)
			first[e.File] = i
		}
		if c.writing || c.err != nil {
			continue
		}
		if c.check(e, *list); c.err == nil {
			*list = append(*list, e)
		}
	}
}

// pathOf codes a path as what it adds to the one before.
func (c *coder) pathOf(e *Entry) {
	shared := uint64(0)
	if c.writing {
		for int(shared) < min(len(c.path), len(e.Path)) && c.path[shared] == e.Path[shared] {
			shared++
		}
	}
	c.number(colShared, &shared)
	rest := ""
	if c.writing {
		rest = e.Path[shared:]
	}
	length := uint64(len(rest))
	c.number(colRest, &length)
	if shared > uint64(len(c.path)) || length > maxPath {
		c.fail("a path is too long")
		return
	}
	c.bytes(colPath, &rest, int(length))
	e.Path = c.path[:shared] + rest
	c.path = e.Path
}

func (c *coder) file(e *Entry) {
	f := e.File
	kind := string(f.Type)
	c.bytes(colType, &kind, 1)
	if c.err != nil {
		return
	}
	f.Type = Type(kind[0])
	switch f.Type {
	case Whiteout, Opaque:
		return
	case Implicit:
		f.Mode = 0o755
		return
	case Hardlink:
		c.text(colLink, &f.Link)
		return
	case Regular:
		c.content(e)
	case Symlink:
		c.text(colLink, &f.Link)
	case Char, Block:
		number32(c, colDevice, &f.Major)
		number32(c, colDevice, &f.Minor)
	case Directory, FIFO:
	default:
		c.fail("type %q is not known", kind)
		return
	}
	c.attributes(f)
}

func (c *coder) content(e *Entry) {
	f := e.File
	size := uint64(f.Size)
	c.number(colSize, &size)
	if f.Size = int64(size); f.Size < 0 {
		c.fail("size of %q is too large", e.Path)
	}
	if f.Size == 0 {
		f.Sum = emptySum
		return
	}
	c.sum(&f.Sum)
	timed := uint64(0)
	if f.PycSum != (Sum{}) {
		timed = 1
	}
	if c.number(colPyc, &timed); timed != 0 {
		c.sum(&f.PycSum)
	}
}

func (c *coder) attributes(f *File) {
	mode, count := uint64(f.Mode), uint64(len(f.Xattrs))
	if c.number(colMode, &mode); mode > 0o7777 {
		c.fail("mode %o is too large", mode)
	}
	f.Mode = uint16(mode)
	number32(c, colOwner, &f.UID)
	number32(c, colOwner, &f.GID)
	step := uint64(f.MTime - c.time)
	step = step<<1 ^ -(step >> 63) // small numbers for small steps, back too
	c.number(colTime, &step)
	c.time += int64(step>>1 ^ -(step & 1))
	f.MTime = c.time
	c.number(colXattr, &count)
	for i := uint64(0); i < count && c.err == nil; i++ {
		if !c.writing {
			f.Xattrs = append(f.Xattrs, Xattr{})
		}
		c.text(colXattr, &f.Xattrs[i].Name)
		c.text(colXattr, &f.Xattrs[i].Value)
	}
}

// check refuses what IndexLayer would never return.
func (c *coder) check(e Entry, before []Entry) {
	c.paths += len(e.Path)
	for len(c.dirs) > 0 && !below(e.Path, c.dirs[len(c.dirs)-1]) {
		c.dirs = c.dirs[:len(c.dirs)-1]
	}
	isFile := e.Type != Whiteout && e.Type != Opaque
	above := ""
	if len(c.dirs) > 0 {
		above = c.dirs[len(c.dirs)-1]
	}
	switch {
	case c.paths > maxPlain:
		c.fail("its paths are too long")
	case !validPath(e.Path) && (e.Path != "" || e.Type != Opaque):
		c.fail("path %q is not valid", e.Path)
	case len(before) > 0 && compareEntries(before[len(before)-1], e) >= 0:
		c.fail("path %q is out of order", e.Path)
	case e.Type == Hardlink && !validPath(e.Link):
		c.fail("hard link %q leads to an invalid path", e.Path)
	case len(e.Link) > maxPath:
		c.fail("link %q is too long", e.Path)
	case isFile && parent(e.Path) != above:
		c.fail("path %q has no directory", e.Path)
	}
	if isFile {
		c.dirs = append(c.dirs, e.Path)
	}
}

func (c *coder) number(column int, n *uint64) {
	if c.err != nil {
		return
	}
	if c.writing {
		c.columns[column] = binary.AppendUvarint(c.columns[column], *n)
		return
	}
	value, size := binary.Uvarint(c.columns[column])
	if size <= 0 {
		c.err = errShort
		return
	}
	*n, c.columns[column] = value, c.columns[column][size:]
}

func number32(c *coder, column int, n *uint32) {
	wide := uint64(*n)
	if c.number(column, &wide); wide > 1<<32-1 {
		c.fail("number %d is too large", wide)
	}
	*n = uint32(wide)
}

// text codes a string with its length.
func (c *coder) text(column int, s *string) {
	length := uint64(len(*s))
	c.number(column, &length)
	if c.err == nil && !c.writing && length > uint64(len(c.columns[column])) {
		c.err = errShort
		return
	}
	c.bytes(column, s, int(length))
}

// bytes codes a string of a known length.
func (c *coder) bytes(column int, s *string, length int) {
	switch {
	case c.err != nil:
	case c.writing:
		c.columns[column] = append(c.columns[column], *s...)
	case length > len(c.columns[column]):
		c.err = errShort
	default:
		*s, c.columns[column] = string(c.columns[column][:length]), c.columns[column][length:]
	}
}

func (c *coder) sum(s *Sum) {
	text := string(s[:])
	if c.bytes(colSum, &text, len(s)); c.err == nil {
		copy(s[:], text)
	}
}

func (c *coder) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}
