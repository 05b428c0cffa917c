package image

import (
	"encoding/binary"
	"path"
	"strings"
)

// pycHeader is the length of the header of a compiled Python file: magic,
// flags, time and size of the source (PEP 552).
const pycHeader = 16

// timedPyc tells whether a compiled Python file with this header names its
// source's time. Python compiles again, at every start if it cannot write,
// when that time is not the source's. A file with flags names a hash instead.
func timedPyc(header []byte) bool {
	return len(header) == pycHeader && binary.LittleEndian.Uint32(header[4:8]) == 0
}

// withoutTime returns the header with the source's time set to zero.
func withoutTime(header []byte) []byte {
	out := append([]byte(nil), header...)
	copy(out[8:12], []byte{0, 0, 0, 0})
	return out
}

func isPyc(p string) bool { return strings.HasSuffix(p, ".pyc") }

// pySource returns the source of a compiled Python file (PEP 3147):
// a/__pycache__/m.cpython-312.opt-1.pyc comes from a/m.py, a/m.pyc too.
func pySource(pyc string) string {
	dir, base := parent(pyc), strings.TrimSuffix(path.Base(pyc), ".pyc")
	if path.Base(dir) == "__pycache__" {
		dir = parent(dir)
		base, _, _ = strings.Cut(base, ".")
	}
	return path.Join(dir, base+".py")
}
