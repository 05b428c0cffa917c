package buildimage

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/shipkit/internal/registrytest"
)

func TestPushOnlyWhatChanged(t *testing.T) {
	r := newRunner(t)
	first := r.ok(ociLayout(t, built(t, app(), yesterday, "amd64")), "latest")
	if sent := bytesOf(t, first, "bytes-sent"); sent < 3_000_000 {
		t.Errorf("the first push sent %d bytes: it cannot be whole", sent)
	}
	changed := app().with(files{"srv/f007": "changed\n", "srv/f008": "", "srv/new": "new\n"})
	before := r.server.Line.Upstream()
	second := r.ok(ociLayout(t, built(t, changed, yesterday.Add(time.Hour), "amd64")), "latest")
	arrived := r.server.Line.Upstream() - before
	if got := r.contents(second.Outputs["image-ref"]); !maps.Equal(got, changed) {
		t.Errorf("the pushed image differs from the built one")
	}
	if want := `{"containerimage.digest":"` + second.Outputs["digest"] + `"}`; second.Outputs["metadata"] != want {
		t.Errorf("metadata %s, want %s", second.Outputs["metadata"], want)
	}
	if got := second.Outputs["previous-digest"]; got != first.Outputs["digest"] {
		t.Errorf("previous-digest %s, want %s", got, first.Outputs["digest"])
	}
	if second.Outputs["layers-reused"] != "1" || second.Outputs["delta-files"] != "3" {
		t.Errorf("outputs %v", second.Outputs)
	}
	if sent := bytesOf(t, second, "bytes-sent"); sent != arrived || sent > 20_000 {
		t.Errorf("bytes-sent %d, arrived %d; want the same and less than 20 kB", sent, arrived)
	}
	if want := "% saved)"; !strings.Contains(second.Summary, want) {
		t.Errorf("summary without %q:\n%s", want, second.Summary)
	}
}

// Each registry gets a delta on what it holds itself.
func TestTwoRegistries(t *testing.T) {
	r, other := newRunner(t), newRunner(t)
	both := r.tag("app:latest") + "," + other.tag("app:latest")
	r.ok(ociLayout(t, built(t, app(), yesterday, "amd64")), "", "tags", both)
	changed := app().with(files{"srv/f001": "x"})
	result := r.ok(ociLayout(t, built(t, changed, yesterday, "amd64")), "", "tags", both)
	if sent := bytesOf(t, result, "bytes-sent"); sent > 30_000 {
		t.Errorf("sent %d bytes: the registries got no deltas", sent)
	}
	for _, registry := range []*runner{r, other} {
		if got := registry.contents(registry.tag("app:latest")); !maps.Equal(got, changed) {
			t.Errorf("%s holds another image", registry.server.Host)
		}
	}
}

func TestRebuildLeavesTheTagAlone(t *testing.T) {
	r := newRunner(t)
	first := r.ok(ociLayout(t, built(t, app(), yesterday, "amd64")), "latest")
	requests := len(r.server.Requests())
	again := r.ok(ociLayout(t, built(t, app(), yesterday.Add(time.Hour), "amd64")), "latest")
	if first.Outputs["digest"] != again.Outputs["digest"] {
		t.Errorf("digest %s, then %s", first.Outputs["digest"], again.Outputs["digest"])
	}
	if sent := bytesOf(t, again, "bytes-sent"); sent > 2000 {
		t.Errorf("sent %d bytes for nothing", sent)
	}
	for _, request := range r.server.Requests()[requests:] {
		if strings.HasPrefix(request, http.MethodPut) {
			t.Errorf("%s: the tag was pushed again", request)
		}
	}
}

func TestExactTimesAreSent(t *testing.T) {
	r := newRunner(t)
	r.ok(ociLayout(t, built(t, app(), yesterday, "amd64")), "latest")
	again := r.ok(ociLayout(t, built(t, app(), yesterday.Add(time.Hour), "amd64")), "latest", "mtime", "exact")
	if bytesOf(t, again, "bytes-sent") < 3_000_000 {
		t.Errorf("files with other times were not sent: %v", again.Outputs)
	}
}

func TestModes(t *testing.T) {
	r := newRunner(t)
	r.ok(ociLayout(t, built(t, app(), yesterday, "amd64")), "latest")
	next := ociLayout(t, built(t, app().with(files{"srv/f001": "x"}), yesterday, "amd64"))
	secret := app().with(files{"srv/.env": "PASSWORD=1", "srv/f001": "y"})

	t.Run("dry run", func(t *testing.T) {
		requests := len(r.server.Requests())
		result := r.ok(next, "latest", "dry-run", "true")
		for _, request := range r.server.Requests()[requests:] {
			if !strings.HasPrefix(request, http.MethodGet) && !strings.HasPrefix(request, http.MethodHead) {
				t.Errorf("a dry run asked for %s", request)
			}
		}
		var p []struct {
			BytesToSend int64
			Images      []struct{ Mode string }
		}
		if err := json.Unmarshal([]byte(result.Outputs["plan"]), &p); err != nil || p[0].Images[0].Mode != string(modeDelta) {
			t.Errorf("plan %s, %v", result.Outputs["plan"], err)
		}
	})
	t.Run("off", func(t *testing.T) {
		if result := r.ok(next, "off", "layer-diff", "off", "previous-image", r.tag("app:latest")); bytesOf(t, result, "bytes-sent") < 3_000_000 {
			t.Errorf("outputs %v", result.Outputs)
		}
	})
	t.Run("max-upload", func(t *testing.T) {
		large := ociLayout(t, built(t, app().with(files{"srv/huge": noise(9, 500_000)}), yesterday, "amd64"))
		result := r.push(large, "latest", "max-upload", "100kB")
		if result.ExitCode != 1 || !strings.Contains(result.Log, "srv/huge") {
			t.Errorf("exit code %d, log without the largest file:\n%s", result.ExitCode, result.Log)
		}
	})
	t.Run("max-blob-size", func(t *testing.T) {
		more := files{"srv/huge": noise(8, 400_000), "srv/f008": ""}
		for i := range 9 {
			more[fmt.Sprintf("srv/more/%d", i)] = noise(byte(20+i), 60_000)
		}
		cut := ociLayout(t, built(t, app().with(more), yesterday, "amd64"))
		result := r.ok(cut, "cut", "previous-image", r.tag("app:latest"), "max-blob-size", "200kB")
		if got := r.contents(r.tag("app:cut")); !maps.Equal(got, app().with(more)) {
			t.Error("the pushed image differs from the built one")
		}
		ref, _ := name.ParseReference(r.tag("app:cut"))
		img, err := remote.Image(ref)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := img.Manifest()
		if err != nil || len(manifest.Layers) < 5 {
			t.Fatalf("layers %v, %v", manifest.Layers, err)
		}
		large := 0
		for _, layer := range manifest.Layers[1:] {
			if layer.Size > 200_000 {
				large++
			}
		}
		if large != 1 || !strings.Contains(result.Log, "srv/huge alone is more than max-blob-size") {
			t.Errorf("%d layers are too large, want that of srv/huge only, and a note:\n%s", large, result.Log)
		}
	})
	t.Run("compact always", func(t *testing.T) {
		if result := r.ok(next, "compact", "compact", "always", "previous-image", r.tag("app:latest")); result.Outputs["delta-files"] != "0" {
			t.Errorf("outputs %v", result.Outputs)
		}
	})
	t.Run("a removed secret is not shipped again", func(t *testing.T) {
		r.ok(ociLayout(t, built(t, secret, yesterday, "amd64")), "leak")
		result := r.ok(ociLayout(t, built(t, secret.with(files{"srv/.env": ""}), yesterday, "amd64")), "leak")
		if result.Outputs["delta-files"] != "0" || !strings.Contains(result.Log, "::warning") || !strings.Contains(result.Log, ".env") {
			t.Errorf("outputs %v\n%s", result.Outputs, result.Log)
		}
	})
	t.Run("layers of another repository are mounted", func(t *testing.T) {
		result := r.ok(next, "x", "tags", r.tag("other:v1"), "previous-image", r.tag("app:latest"))
		if bytesOf(t, result, "bytes-sent") > 20_000 || result.Outputs["delta-files"] != "1" {
			t.Errorf("outputs %v", result.Outputs)
		}
	})
	t.Run("two repositories", func(t *testing.T) {
		result := r.ok(next, "x", "tags", r.tag("a:v1")+"\n"+r.tag("b:v1")+","+r.tag("b:v2"))
		for _, tag := range []string{"a:v1", "b:v1", "b:v2"} {
			if got := r.contents(r.tag(tag)); len(got) != 201 {
				t.Errorf("%s holds %d files", tag, len(got))
			}
		}
		if result.Outputs["image-ref"] != r.tag("a")+"@"+result.Outputs["digest"] {
			t.Errorf("image-ref %s", result.Outputs["image-ref"])
		}
	})
}

// What earlier deltas left behind is compacted by a rebuild, too, and once.
func TestCompactionOfUnchangedFiles(t *testing.T) {
	secret := app().with(files{"srv/.env": "PASSWORD=1"})
	clean := ociLayout(t, built(t, app(), yesterday, "amd64"))
	for _, test := range []struct{ tag, compact, reason string }{
		{"always", "always", "always wanted"}, {"secret", "auto", "looks like a secret"},
	} {
		t.Run(test.tag, func(t *testing.T) {
			r := newRunner(t)
			r.ok(ociLayout(t, built(t, secret, yesterday, "amd64")), test.tag)
			left := r.ok(clean, test.tag, "compact", "never")
			if n := r.layers(test.tag); n != 2 || left.Outputs["delta-files"] != "1" {
				t.Fatalf("%d layers, outputs %v", n, left.Outputs)
			}
			result := r.ok(clean, test.tag, "compact", test.compact)
			if n := r.layers(test.tag); n != 1 || !strings.Contains(result.Log, test.reason) || !strings.Contains(result.Log, "::warning") {
				t.Errorf("%d layers, want 1, the reason and a warning:\n%s", n, result.Log)
			}
			again := r.ok(clean, test.tag, "compact", test.compact)
			if again.Outputs["digest"] != result.Outputs["digest"] || bytesOf(t, again, "bytes-sent") > 2000 {
				t.Errorf("compacted again: %v", again.Outputs)
			}
		})
	}
}

func TestSeveralPlatforms(t *testing.T) {
	r := newRunner(t)
	arm := app().with(files{"srv/arm": "arm"})
	first := r.ok(ociLayout(t, built(t, app(), yesterday, "amd64"), built(t, arm, yesterday, "arm64")), "latest")
	same := r.ok(ociLayout(t, built(t, app(), yesterday.Add(1e9), "amd64"), built(t, arm, yesterday.Add(1e9), "arm64")), "latest")
	if same.Outputs["digest"] != first.Outputs["digest"] {
		t.Errorf("a rebuild has digest %s, want %s", same.Outputs["digest"], first.Outputs["digest"])
	}
	result := r.ok(ociLayout(t, built(t, app(), yesterday, "amd64"), built(t, arm.with(files{"srv/arm": "x"}), yesterday, "arm64")), "latest")
	if bytesOf(t, result, "bytes-sent") > 20_000 {
		t.Errorf("outputs %v", result.Outputs)
	}
	ref, _ := name.ParseReference(result.Outputs["image-ref"])
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 2 {
		t.Fatalf("index %v, %v", manifest, err)
	}
	if got := r.contents(r.tag("app") + "@" + manifest.Manifests[1].Digest.String()); got["srv/arm"] != "x" {
		t.Errorf("arm64 holds %q", got["srv/arm"])
	}
}

func TestRefusals(t *testing.T) {
	r := newRunner(t)
	first := ociLayout(t, built(t, app(), yesterday, "amd64"))
	next := ociLayout(t, built(t, app().with(files{"srv/f001": "x"}), yesterday, "amd64"))
	r.ok(first, "latest")

	t.Run("tag moved meanwhile", func(t *testing.T) {
		other := built(t, files{"other": "image"}, yesterday, "amd64")
		ref, _ := name.ParseReference(r.tag("app:latest"))
		var once sync.Once
		r.server.Answer(func(_ http.ResponseWriter, req *http.Request) bool {
			if req.Method != http.MethodPost {
				return false
			}
			once.Do(func() {
				r.server.Answer(nil)
				if err := registrytest.Push(t.Context(), ref, other); err != nil {
					t.Error(err)
				}
			})
			return false
		})
		result := r.push(next, "latest")
		if result.ExitCode != 1 || !strings.Contains(result.Log, "somebody else moved it") {
			t.Errorf("exit code %d:\n%s", result.ExitCode, result.Log)
		}
		if got := r.contents(r.tag("app:latest")); got["other"] != "image" {
			t.Error("the other push was overwritten")
		}
	})
	tests := []struct {
		name string
		with []string
		want []string
		code int
	}{
		{"no tags", []string{"tags", ""}, []string{"push is true, but tags is empty"}, 2},
		{"all at once", []string{"tags", "UPPER:v1", "source", "nothing", "compression-level", "15"},
			[]string{"input tags", "input source", "compression-level is 15"}, 2},
		{"no such source", []string{"source", "oci:nowhere"}, []string{"open image oci:nowhere"}, 2},
		{"a typo", []string{"layer-diff", "allways"}, []string{"layer-diff"}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result := r.push(first, "latest", test.with...)
			if result.ExitCode != test.code {
				t.Errorf("exit code %d, want %d", result.ExitCode, test.code)
			}
			for _, want := range test.want {
				if !strings.Contains(result.Log, want) {
					t.Errorf("log without %q:\n%s", want, result.Log)
				}
			}
		})
	}
}

func TestBuildThatIsNotPushed(t *testing.T) {
	r := newRunner(t)
	result := r.ok(ociLayout(t, built(t, app(), yesterday, "amd64")), "latest", "push", "false")
	if !strings.HasPrefix(result.Outputs["imageid"], "sha256:") || len(r.server.Requests()) > 0 {
		t.Errorf("outputs %v, requests %v", result.Outputs, r.server.Requests())
	}
	if _, err := os.Stat(filepath.Join(r.home, ".cache")); err == nil {
		t.Error("a build that is not pushed wrote to the cache")
	}
}
