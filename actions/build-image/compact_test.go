package buildimage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/shipkit/pkg/action/actiontest"
)

// layers counts the layers of a tag of team/app.
func (r *runner) layers(tag string) int {
	r.t.Helper()
	ref, err := name.ParseReference(r.tag("app:" + tag))
	if err != nil {
		r.t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		r.t.Fatal(err)
	}
	all, err := img.Layers()
	if err != nil {
		r.t.Fatal(err)
	}
	return len(all)
}

// Replacing one quarter of an image, then another, makes a third of it dead
// bytes. They wait for a link on which whole layers are cheap; layers and
// secrets do not wait.
func TestCompactionWaitsForAFastLink(t *testing.T) {
	quarters := func(version int) files { // one more of them new each time; too small to measure a speed
		f := files{"srv/.env": "PASSWORD=1"}
		for n := range 4 {
			f[fmt.Sprintf("srv/%d", n)] = noise(byte(10*n+min(1, max(0, version-n-1))), 50_000)
		}
		return f
	}
	const waits = "33 % of the image would be files that are replaced or removed"
	slow := []string{"bandwidth-limit", "8Mbit"}
	for _, test := range []struct {
		name     string
		with     []string
		measured float64
		without  string
		layers   int
		want     string
	}{
		{"declared slow", slow, 0, "", 3, waits},
		{"measured slow", nil, 1e6, "", 3, waits},
		{"declared slow, measured fast", slow, 1e8, "", 3, waits},
		{"not known", nil, 0, "", 1, ""},
		{"measured fast", nil, 1e7, "", 1, ""},
		{"declared fast", []string{"bandwidth-limit", "100Mbit"}, 0, "", 1, ""},
		{"layers", append(slow, "max-layers", "2"), 0, "", 1, "3 layers, at most 2 are wanted"},
		{"secret", slow, 0, "srv/.env", 1, "looks like a secret"},
		{"always", append(slow, "compact", "always"), 0, "", 1, "compaction is always wanted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRunner(t)
			push := func(f files, with ...string) actiontest.Result {
				return r.ok(ociLayout(t, built(t, f, yesterday, "amd64")), "latest", with...)
			}
			push(quarters(1))
			push(quarters(2))
			if n := r.layers("latest"); n != 2 {
				t.Fatalf("%d layers after the first delta, want 2", n)
			}
			r.measured(test.measured)
			result := push(quarters(3).with(files{test.without: ""}), test.with...)
			if n := r.layers("latest"); n != test.layers {
				t.Errorf("%d layers, want %d", n, test.layers)
			}
			waited := strings.Contains(result.Log, "wait for a link of 4 MB/s (this one: 1.00 MB/s), at the latest for max-layers")
			if waited != (test.want == waits) || !strings.Contains(result.Log, test.want) || !strings.Contains(result.Summary, test.want) {
				t.Errorf("waited %v, want %q:\n%s", waited, test.want, result.Log)
			}
			if waited && !strings.Contains(result.Summary, "whole layers, about 2") {
				t.Errorf("the summary does not say what compacting costs:\n%s", result.Summary)
			}
		})
	}
}

// measured makes the next push to team/app believe that the last one went at
// this speed.
func (r *runner) measured(bytesPerSecond float64) {
	r.t.Helper()
	kept := cache{r.home + "/.cache/shipkit"}
	last := kept.lastPush(r.tag("app"))
	last.BytesPerSecond = bytesPerSecond
	if err := kept.keepPush(last); err != nil {
		r.t.Fatal(err)
	}
}
