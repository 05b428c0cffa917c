package image

import (
	"testing"

	"pgregory.net/rapid"
)

// drawLinks draws four paths that share files in some way.
func drawLinks(t *rapid.T) []byte {
	var items []item
	first := map[int]string{}
	for _, p := range []string{"a", "b", "c", "d"} {
		group := rapid.IntRange(0, 3).Draw(t, "group")
		switch {
		case group == 3: // there is no such path
		case first[group] == "":
			first[group] = p
			items = append(items, file(p, rapid.SampledFrom([]string{"1", "2"}).Draw(t, "content")))
		default:
			items = append(items, hardlink(p, first[group]))
		}
	}
	return archive(t, items...)
}

// Whatever is linked in whichever way before and after, the delta leads from
// the one to the other.
func TestDeltaRelinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prev, built := drawLinks(t), drawLinks(t)
		delta, _, changes := deltaOf(t, [][]byte{prev}, [][]byte{built}, Options{}, Compression{Algorithm: Gzip, Level: 1})
		got, want := unpack(t, prev, delta).text(false), unpack(t, built).text(false)
		if got != want {
			t.Fatalf("changes:\n%s\ngot:\n%s\nwant:\n%s", describeChanges(changes), got, want)
		}
	})
}
