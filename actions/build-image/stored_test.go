package buildimage

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/org/shipkit/internal/registrytest"
)

// An image that was not pushed with this action has no index in the registry;
// the engine that built it is nearer than the registry.
func TestPreviousImageFromTheEngine(t *testing.T) {
	r := newRunner(t)
	old := built(t, app().with(files{"srv/only": t.Name()}), yesterday, "amd64")
	ref, err := name.NewTag(r.tag("app:latest"))
	if err != nil {
		t.Fatal(err)
	}
	if err := registrytest.Push(t.Context(), ref, old); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "image.tar")
	if err := tarball.WriteToFile(archive, ref, old); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "docker", "load", "--input", archive).CombinedOutput(); err != nil {
		t.Fatalf("this test needs a Docker engine: start dockerd: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "--force", ref.String()).Run() })

	requests := len(r.server.Requests())
	result := r.ok(ociLayout(t, built(t, app().with(files{"srv/f001": "x"}), yesterday, "amd64")), "latest")
	if result.Outputs["delta-files"] != "2" || bytesOf(t, result, "bytes-sent") > 20_000 {
		t.Errorf("outputs %v", result.Outputs)
	}
	layers, err := old.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range r.server.Requests()[requests:] {
		if strings.HasPrefix(request, http.MethodGet) && strings.HasSuffix(request, digest.String()) {
			t.Errorf("%s: the layer was read from the registry", request)
		}
	}
}
