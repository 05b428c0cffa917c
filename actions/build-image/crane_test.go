package buildimage

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
)

// lookups is what questions to the registry may take on the wire, in bytes.
const lookups = 2000

// No push sends more than crane's and one percent, not even of images for
// which a delta or a file index does not pay.
func TestNeverMoreThanCrane(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2))
	for _, size := range []struct {
		files, bytes int
		content      func(*rand.Rand, int) string
		share        float64 // of the files that change
	}{
		{1, 100, words, 1}, {100, 100, noiseOf, 0.8}, {1000, 50, words, 0.1}, {300, 2000, words, 0.1}, {300, 2000, words, 0.8},
		{20, 40_000, noiseOf, 0.1},
	} {
		base, old := files{}, files{}
		for n := range size.files {
			base[fmt.Sprintf("lib/%d/%d", n%7, n)] = size.content(random, size.bytes)
			old[fmt.Sprintf("srv/%d/%d", n%17, n)] = size.content(random, size.bytes)
		}
		changed := old.with(nil)
		for _, path := range slices.Sorted(maps.Keys(old)) {
			if random.Float64() < size.share {
				changed[path] = size.content(random, size.bytes)
			}
		}
		t.Run(fmt.Sprintf("%d files of %d bytes, %.0f %% changed", size.files, size.bytes, size.share*100), func(t *testing.T) {
			c := comparison{newRunner(t)}
			c.push("first", dockerArchive(t, "A=1", base, old))
			c.push("second", dockerArchive(t, "A=1", base, changed))
			c.push("new configuration", dockerArchive(t, "A=2", base, changed))
			c.home = t.TempDir()
			c.push("another runner", dockerArchive(t, "A=2", base, old))
		})
	}
}

// comparison pushes to two repositories of one registry.
type comparison struct{ *runner }

func (c comparison) push(what, archive string) {
	c.t.Helper()
	before := c.server.Line.Upstream()
	c.ok("docker-archive:"+archive, "latest")
	ours := c.server.Line.Upstream() - before
	img, err := crane.Load(archive)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := crane.Push(img, c.tag("crane:latest"), crane.Insecure, crane.WithContext(c.t.Context())); err != nil {
		c.t.Fatal(err)
	}
	theirs := c.server.Line.Upstream() - before - ours
	if ours > theirs+theirs/100+lookups {
		c.t.Errorf("%s: sent %d bytes, crane sends %d", what, ours, theirs)
	}
}

func noiseOf(random *rand.Rand, size int) string {
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	return string(content)
}

func words(random *rand.Rand, size int) string {
	var b strings.Builder
	for b.Len() < size {
		fmt.Fprintf(&b, "word%d ", random.IntN(300))
	}
	return b.String()[:size]
}
