// Package image compares the filesystems of container images and writes the
// difference as one layer.
//
// A [LayerIndex] lists what one layer holds; it depends on nothing but the
// layer, so it is found by the layer's diff ID and never sent twice. An
// [Index] is a stack of them with the filesystem that they merge to. [Diff]
// compares two indexes, [WriteDelta] writes the difference, [Verify] proves
// that the previous layers with the delta on top are the built filesystem,
// and [Merge] makes the image of them.
//
// Rules of layers: OCI image layer filesystem changeset specification,
// https://github.com/opencontainers/image-spec/blob/main/layer.md.
package image

// Type is the kind of an entry of a layer or filesystem.
type Type byte

// The types of files, and the two kinds of whiteouts. The values are stored
// in encoded indexes: they never change.
const (
	Regular   Type = 'f'
	Directory Type = 'd'
	Symlink   Type = 'l'
	Char      Type = 'c'
	Block     Type = 'b'
	FIFO      Type = 'p'
	// Implicit is a directory that a layer has no entry for, although it has
	// entries below it. It leaves a directory of a lower layer as it is.
	Implicit Type = 'i'
	// Hardlink is a name for a file of a lower layer. Hard links within one
	// layer share their *File instead.
	Hardlink Type = 'h'
	// Whiteout removes its path of the lower layers (.wh.NAME).
	Whiteout Type = 'w'
	// Opaque removes everything below its path of the lower layers
	// (.wh..wh..opq).
	Opaque Type = 'o'
)

// Sum is the first half of the SHA-256 of a file's content: short enough for
// an index that travels, long enough that equal sums mean equal contents
// (finding two contents of one sum takes 2^64 tries).
type Sum [16]byte

// Xattr is an extended attribute, such as security.capability.
type Xattr struct{ Name, Value string }

// File is what a filesystem keeps of a file beside its name. Two paths that
// share a *File are hard links of each other.
type File struct {
	Type Type
	// Mode holds permissions, setuid, setgid and sticky: the lower 12 bits.
	Mode     uint16
	UID, GID uint32
	// Size of the content in bytes, for regular files.
	Size int64
	// MTime in seconds since 1970; layers of Docker and BuildKit have no
	// fractions.
	MTime int64
	// Sum of the content, for regular files.
	Sum Sum
	// PycSum is, for a compiled Python file that names its source's time,
	// the sum of the content without that time. Else it is zero.
	PycSum Sum
	// Link is the target of a symlink, or the path of a Hardlink's file.
	Link string
	// Major and Minor number a device.
	Major, Minor uint32
	// Xattrs are sorted by name.
	Xattrs []Xattr
}

// Entry is a path with its file.
type Entry struct {
	// Path is relative to the root, without leading or trailing slash. It is
	// "" only for an opaque root.
	Path string
	*File
}

// Node is an entry of a merged filesystem.
type Node struct {
	Entry
	// Layer is the position, from the bottom, of the layer that holds the
	// content.
	Layer int
}
