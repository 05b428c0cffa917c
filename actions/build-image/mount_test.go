package buildimage

import (
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/shipkit/internal/registrytest"
)

// What the registry holds in another repository is not sent again: what this
// runner pushed, and what an earlier target of the same push brings.
func TestLayersOfSiblingsAreMounted(t *testing.T) {
	r := newRunner(t)
	source := ociLayout(t, built(t, app(), yesterday, "amd64"))
	both := r.ok(source, "", "tags", r.tag("first:v1")+","+r.tag("second:v1"))
	if sent := bytesOf(t, both, "bytes-sent"); sent > 3_300_000 {
		t.Errorf("sent %d bytes: the layer went up twice", sent)
	}
	third := r.ok(source, "", "tags", r.tag("third:v1"))
	if sent := bytesOf(t, third, "bytes-sent"); sent > 20_000 || third.Outputs["layers-reused"] != "1" {
		t.Errorf("outputs %v", third.Outputs)
	}
	for _, repo := range []string{"first", "second", "third"} {
		if got := r.contents(r.tag(repo + ":v1")); !maps.Equal(got, app()) {
			t.Errorf("%s holds another image", repo)
		}
	}
	r.home = t.TempDir() // another runner finds the file index there
	result := r.ok(ociLayout(t, built(t, app().with(files{"srv/f001": "x"}), yesterday, "amd64")), "", "tags", r.tag("third:v1"))
	if result.Outputs["delta-files"] != "1" {
		t.Errorf("outputs %v", result.Outputs)
	}
}

// A registry that mounts nothing gets the layer, unless max-upload forbids it.
func TestRefusedMounts(t *testing.T) {
	r := newRunner(t)
	source := ociLayout(t, built(t, app(), yesterday, "amd64"))
	r.ok(source, "latest")
	r.server.Answer(func(_ http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodPost {
			req.URL.RawQuery = ""
			req.RequestURI = req.URL.Path
		}
		return false
	})
	refused := r.push(source, "", "tags", r.tag("other:v1"), "max-upload", "1MB")
	if refused.ExitCode != 1 || !strings.Contains(refused.Log, "BLOB_MOUNTING") || bytesOf(t, refused, "bytes-sent") > 20_000 {
		t.Errorf("exit code %d:\n%s", refused.ExitCode, refused.Log)
	}
	result := r.ok(source, "", "tags", r.tag("other:v1"))
	if bytesOf(t, result, "bytes-sent") < 3_000_000 || !strings.Contains(result.Summary, "1 sent") {
		t.Errorf("outputs %v, summary:\n%s", result.Outputs, result.Summary)
	}
}

// An image of the same registry is neither read nor sent; of another, each
// layer is read once, whatever the pieces in which it goes up.
func TestImageOfARegistry(t *testing.T) {
	r, other := newRunner(t), newRunner(t)
	content := files{"srv/large": noise(1, 40<<20)}
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), static.NewLayer(archiveOf(content), types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(r.tag("app:v1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := registrytest.Push(t.Context(), ref, img); err != nil {
		t.Fatal(err)
	}
	layer, _ := img.Manifest()
	var reads atomic.Int32
	r.server.Answer(func(_ http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, layer.Layers[0].Digest.String()) {
			reads.Add(1)
		}
		return false
	})
	digest, _ := img.Digest()
	for _, tag := range []string{r.tag("app:prod"), r.tag("copy:v1")} {
		result := r.ok("registry:"+ref.String(), "", "tags", tag, "registry-profile", "distribution")
		if bytesOf(t, result, "bytes-sent") > 10_000 || result.Outputs["digest"] != digest.String() || reads.Load() > 0 {
			t.Errorf("%s: %d reads of the layer, outputs %v", tag, reads.Load(), result.Outputs)
		}
	}
	result := other.ok("registry:"+ref.String(), "v1", "registry-profile", "distribution")
	if reads.Load() != 1 || result.Outputs["digest"] != digest.String() {
		t.Errorf("%d reads of the layer, outputs %v", reads.Load(), result.Outputs)
	}
	if got := other.contents(other.tag("app:v1")); !maps.Equal(got, content) {
		t.Error("the copy differs")
	}
	missing := other.push("registry:"+r.tag("app:v9"), "v1")
	if missing.ExitCode == 0 || !strings.Contains(missing.Log, "the registry has no "+r.tag("app:v9")) {
		t.Errorf("exit code %d:\n%s", missing.ExitCode, missing.Log)
	}
}

// A layer that only its vendor hands out is named, not read or sent.
func TestForeignLayer(t *testing.T) {
	r := newRunner(t)
	foreign := static.NewLayer(archiveOf(files{"windows": "x"}), types.OCIRestrictedLayer)
	img, err := mutate.Append(built(t, app(), yesterday, "amd64"), mutate.Addendum{
		Layer: foreign, MediaType: types.OCIRestrictedLayer, URLs: []string{"https://vendor.example/layer"},
	})
	if err != nil {
		t.Fatal(err)
	}
	source := ociLayout(t, img)
	digest, _ := foreign.Digest()
	if err := os.Remove(filepath.Join(strings.TrimPrefix(source, "oci:"), "blobs", "sha256", digest.Hex)); err != nil {
		t.Fatal(err)
	}
	var put []byte
	r.server.Answer(func(w http.ResponseWriter, req *http.Request) bool { // distribution takes none unless it is configured so
		if req.Method != http.MethodPut || !strings.Contains(req.URL.Path, "/manifests/") {
			return false
		}
		put, _ = io.ReadAll(req.Body)
		w.WriteHeader(http.StatusCreated)
		return true
	})
	result := r.ok(source, "latest")
	if !strings.Contains(string(put), "https://vendor.example/layer") || !strings.Contains(result.Log, "1 foreign") {
		t.Errorf("manifest %s, log:\n%s", put, result.Log)
	}
}

func TestIndexOfARegistry(t *testing.T) {
	r, other := newRunner(t), newRunner(t)
	first := r.ok(ociLayout(t, built(t, app(), yesterday, "amd64"), built(t, app(), yesterday, "arm64")), "latest")
	for _, to := range []*runner{r, other} {
		copied := to.ok("registry:"+r.tag("app:latest"), "", "tags", to.tag("copy:v1"))
		if copied.Outputs["digest"] != first.Outputs["digest"] {
			t.Errorf("digest %s, want %s", copied.Outputs["digest"], first.Outputs["digest"])
		}
	}
}
