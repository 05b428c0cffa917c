package image

import (
	"archive/tar"
	"fmt"
	"strings"
	"testing"
)

// describeChanges lists changes, a line for each.
func describeChanges(c *Changes) string {
	var out strings.Builder
	for _, ch := range c.All {
		fmt.Fprintf(&out, "%s %s", ch.Kind, ch.Path)
		if ch.Why != "" {
			fmt.Fprintf(&out, " (%s)", ch.Why)
		}
		if ch.Bytes > 0 {
			fmt.Fprintf(&out, " %d", ch.Bytes)
		}
		out.WriteString("\n")
	}
	return out.String()
}

// listDelta lists the entries of a delta's archive.
func listDelta(t *testing.T, delta []byte) string {
	t.Helper()
	var out []string
	each(t, delta, func(_ string, h *tar.Header, content string) {
		line := h.Name
		if h.Linkname != "" {
			line += "->" + h.Linkname
		}
		if content != "" && len(content) < 20 {
			line += "=" + content
		}
		out = append(out, line)
	})
	return strings.Join(out, " ")
}

func owner(uid int) func(*tar.Header) { return func(h *tar.Header) { h.Uid = uid } }
func mode(m int64) func(*tar.Header)  { return func(h *tar.Header) { h.Mode = m } }
func xattr(v string) func(*tar.Header) {
	return func(h *tar.Header) { h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": v} }
}

func TestDiff(t *testing.T) {
	t.Parallel()
	py, pyAgain := file("m.py", "code").at(1), file("m.py", "code").at(2)
	pyc := file("__pycache__/m.cpython-312.pyc", pycFile(1, "code"))
	pycAgain := file("__pycache__/m.cpython-312.pyc", pycFile(2, "code"))
	for name, tc := range map[string]struct {
		prev, built []item
		mtime       MTime
		want        string
		delta       string
	}{
		"nothing":       {prev: []item{file("a", "1")}, built: []item{file("a", "1")}},
		"only the time": {prev: []item{file("a", "1").at(1)}, built: []item{file("a", "1").at(2)}},
		"exact time": {
			prev: []item{file("a", "1").at(1)}, built: []item{file("a", "1").at(2)}, mtime: MTimeExact,
			want: "modified a (time) 1\n", delta: "a=1",
		},
		"content, with the directories above": {
			prev:  []item{dir("d"), dir("d/e"), file("d/e/a", "1"), file("d/e/b", "1")},
			built: []item{dir("d"), dir("d/e"), file("d/e/a", "22"), file("d/e/b", "1")},
			want:  "modified d/e/a (content) 2\n", delta: "d/ d/e/ d/e/a=22",
		},
		"attributes": {
			prev: []item{file("a", "1"), file("b", "1"), file("c", "1"), dir("d")},
			built: []item{file("a", "1").with(mode(0o4755)), file("b", "1").with(owner(7)),
				file("c", "1").with(xattr("\x01\x00")), dir("d").with(mode(0o700))},
			want:  "modified a (mode) 1\nmodified b (owner) 1\nmodified c (xattrs) 1\nmodified d (mode)\n",
			delta: "a=1 b=1 c=1 d/",
		},
		"a removed tree is one whiteout": {
			prev:  []item{file("d/e/a", "1"), file("d/e/b", "1"), file("d-", ""), file("z", "")},
			built: []item{file("d-", ""), file("z", "")},
			want:  "removed d\n", delta: ".wh.d",
		},
		"a removed file has its directories": {
			prev:  []item{dir("d"), file("d/a", "1"), file("d/b", "1")},
			built: []item{dir("d"), file("d/a", "1")},
			want:  "removed d/b\n", delta: "d/ d/.wh.b",
		},
		"directory becomes file": {
			prev: []item{file("d/a", "1")}, built: []item{file("d", "1")},
			want: "modified d (type) 1\n", delta: "d=1",
		},
		"file becomes directory": {
			prev: []item{file("d", "1")}, built: []item{file("d/a", "1")},
			want: "modified d (type)\nadded d/a 1\n", delta: "d/ d/a=1",
		},
		"symlink becomes directory": {
			prev: []item{symlink("d", "e"), dir("e")}, built: []item{dir("d"), file("d/a", "1"), dir("e")},
			want: "modified d (type)\nadded d/a 1\n", delta: "d/ d/a=1",
		},
		"symlink leads elsewhere": {
			prev: []item{symlink("l", "a")}, built: []item{symlink("l", "b")},
			want: "modified l (link)\n", delta: "l->b",
		},
		"hard links are sent as a whole": {
			prev:  []item{file("a", "1"), hardlink("b", "a"), file("c", "x"), hardlink("d", "c")},
			built: []item{file("a", "2"), hardlink("b", "a"), file("c", "x"), hardlink("d", "c")},
			want:  "modified a (content) 1\nmodified b (content)\n", delta: "a=2 b->a",
		},
		"a new name for a file sends all its names": {
			prev:  []item{file("b", "1")},
			built: []item{file("b", "1"), hardlink("a", "b")},
			want:  "added a 1\nmodified b (hard link)\n", delta: "a=1 b->a",
		},
		"names that part are sent": {
			prev:  []item{file("a", "1"), hardlink("b", "a")},
			built: []item{file("a", "1"), file("b", "1")},
			want:  "modified a (hard link) 1\nmodified b (hard link) 1\n", delta: "a=1 b=1",
		},
		"a name that goes leaves the others alone": {
			prev:  []item{file("a", "1"), hardlink("b", "a"), hardlink("c", "a")},
			built: []item{file("b", "1"), hardlink("c", "b")},
			want:  "removed a\n", delta: ".wh.a",
		},
		"compiled Python, only the time": {prev: []item{py, pyc}, built: []item{pyAgain, pycAgain}},
		"compiled Python, exact": {
			prev: []item{py, pyc}, built: []item{pyAgain, pycAgain}, mtime: MTimeExact,
			want:  "modified __pycache__/m.cpython-312.pyc (content) 20\nmodified m.py (time) 4\n",
			delta: "__pycache__/ __pycache__/m.cpython-312.pyc m.py=code",
		},
		"compiled Python goes with its source": {
			prev: []item{py, pyc}, built: []item{pyAgain.with(owner(1)), pycAgain},
			want:  "modified __pycache__/m.cpython-312.pyc (source time) 20\nmodified m.py (owner) 4\n",
			delta: "__pycache__/ __pycache__/m.cpython-312.pyc m.py=code",
		},
		"the source goes with new compiled Python": {
			prev: []item{py}, built: []item{pyAgain, pycAgain},
			want:  "added __pycache__\nadded __pycache__/m.cpython-312.pyc 20\nmodified m.py (source time) 4\n",
			delta: "__pycache__/ __pycache__/m.cpython-312.pyc m.py=code",
		},
		"another Python": {
			prev: []item{py, pyc}, built: []item{py, file("__pycache__/m.cpython-312.pyc", "\xa7"+pycFile(1, "code")[1:])},
			want:  "modified __pycache__/m.cpython-312.pyc (content) 20\n",
			delta: "__pycache__/ __pycache__/m.cpython-312.pyc",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			delta, _, changes := deltaOf(t, [][]byte{archive(t, tc.prev...)}, [][]byte{archive(t, tc.built...)},
				Options{MTime: tc.mtime}, Compression{Algorithm: Gzip})
			if got := describeChanges(changes); got != tc.want {
				t.Errorf("changes:\n%s\nwant:\n%s", got, tc.want)
			}
			if got := listDelta(t, delta); got != tc.delta {
				t.Errorf("delta %q, want %q", got, tc.delta)
			}
		})
	}
}

func TestDiffRefusesAmbiguousImages(t *testing.T) {
	t.Parallel()
	plain := indexOf(t, archive(t, file("a", "")))
	odd := indexOf(t, archive(t, symlink("lib", "usr/lib"), file("lib/x", "")))
	for _, pair := range [][2]*Index{{plain, odd}, {odd, plain}} {
		if _, err := Diff(pair[0], pair[1], Options{}); err == nil || !strings.Contains(err.Error(), `"lib/x"`) {
			t.Errorf("error %v", err)
		}
	}
}

func TestLargestChanges(t *testing.T) {
	t.Parallel()
	_, _, changes := deltaOf(t,
		[][]byte{archive(t, file("gone", "1"))},
		[][]byte{archive(t, file("a", "1"), file("b", "333"), file("c", "22"), file("d", ""))},
		Options{}, Compression{Algorithm: Zstd})
	var got []string
	for _, c := range changes.Largest(2) {
		got = append(got, c.Path)
	}
	if strings.Join(got, " ") != "b c" {
		t.Errorf("largest %v", got)
	}
	if n := len(changes.Largest(10)); n != 3 {
		t.Errorf("%d changes carry bytes, want 3", n)
	}
	added, modified, removed := changes.Count()
	if added != 4 || modified != 0 || removed != 1 {
		t.Errorf("counted %d %d %d", added, modified, removed)
	}
}
