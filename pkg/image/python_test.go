package image

import (
	"path"
	"testing"

	"pgregory.net/rapid"
)

// drawPython draws Python modules as a build leaves them: what is compiled
// carries the time of its source.
func drawPython(t *rapid.T) []byte {
	items := []item{dir("__pycache__")}
	for _, module := range []string{"m", "n"} {
		mtime := rapid.IntRange(1, 3).Draw(t, "mtime")
		code := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "code")
		owned := rapid.IntRange(0, 1).Draw(t, "uid")
		items = append(items, file(module+".py", code).at(int64(mtime)).with(owner(owned)))
		for _, tag := range []string{".cpython-312", ".cpython-312.opt-1"} {
			if rapid.Bool().Draw(t, "compiled") {
				items = append(items, file(path.Join("__pycache__", module+tag+".pyc"), pycFile(byte(mtime), code+tag)))
			}
		}
	}
	return archive(t, items...)
}

// Where Python found its compiled files fresh in both images, it finds them
// fresh in the first with the delta on top, and so compiles nothing.
func TestCompiledPythonStaysFresh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prev, built := [][]byte{drawPython(t)}, [][]byte{drawPython(t)}
		delta, _, changes := deltaOf(t, prev, built, Options{}, Compression{Algorithm: Gzip, Level: 1})
		files := unpack(t, prev[0], delta)
		for p, f := range files {
			if !isPyc(p) {
				continue
			}
			source := files[pySource(p)]
			if source == nil || source.header.ModTime.Unix() != int64(f.content[8]) {
				t.Fatalf("%s is of time %d, its source of %v; changes:\n%s",
					p, f.content[8], source.header.ModTime.Unix(), describeChanges(changes))
			}
		}
	})
}

func TestSourceOfCompiledPython(t *testing.T) {
	t.Parallel()
	for pyc, want := range map[string]string{
		"a/__pycache__/m.cpython-312.pyc":       "a/m.py",
		"a/__pycache__/m.cpython-312.opt-1.pyc": "a/m.py",
		"__pycache__/m.cpython-312.pyc":         "m.py",
		"a/m.pyc":                               "a/m.py",
		"m.pyc":                                 "m.py",
	} {
		if got := pySource(pyc); got != want {
			t.Errorf("%s comes from %s, want %s", pyc, got, want)
		}
	}
}

// A file of Python 3.6 or one that names a hash has no time to leave out.
func TestOnlyTimedFilesHaveATime(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		pycFile(1, ""): true,
		"\xcb\x0d\x0d\x0a\x01\x00\x00\x00hashhash":                 false,
		"\x33\x0d\x0d\x0a\x5f\x00\x00\x60\x04\x00\x00\x00marshals": false,
		"short": false,
	} {
		if got := timedPyc([]byte(header)); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
