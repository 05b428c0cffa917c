//go:build linux

package build

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/org/shipkit/internal/registrytest"
	"github.com/org/shipkit/pkg/diag"
)

func TestInputsOfBuildx(t *testing.T) {
	b := remoteBuilder(t, "")
	testInputs(t, b, Request{Builder: "test"})
	server := registrytest.Start(t)
	t.Run("pull", func(t *testing.T) {
		name := base(t, server, "old")
		onBase(t, b, Request{Builder: "test"}, name)
		base(t, server, "new")
		if got := onBase(t, b, Request{Builder: "test", Pull: true}, name); got != "new" {
			t.Errorf("built on the %s base, want the new one", got)
		}
	})
	t.Run("build-contexts and annotations", func(t *testing.T) {
		more := t.TempDir()
		write(t, filepath.Join(more, "file"), "from elsewhere")
		r := Request{
			Builder: "test", Context: app(t, "FROM scratch\nCOPY --from=more file /\n"), Contexts: []KeyValue{{"more", more}},
			Annotations: []string{"org.opencontainers.image.licenses=MIT"},
		}
		built, err := b.Build(t.Context(), r, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer built.Close()
		if got := contents(t, built.Images[0].Image)["file"]; got != "from elsewhere" {
			t.Errorf("the file says %q", got)
		}
		manifest, err := built.Images[0].Manifest()
		if err != nil || manifest.Annotations["org.opencontainers.image.licenses"] != "MIT" {
			t.Errorf("annotations %v, %v", manifest.Annotations, err)
		}
	})
	t.Run("sbom", func(t *testing.T) {
		context := probed(t)
		write(t, filepath.Join(context, "Dockerfile"), "FROM scratch\nCOPY probe /probe\nENTRYPOINT [\"/probe\"]\n")
		scanner, err := b.Build(t.Context(), Request{Builder: "test", Context: context}, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer scanner.Close()
		generator := pushed(t, server, "scanner", scanner.Images[0].Image)
		r := Request{Builder: "test", Context: app(t, goodDockerfile), SBOM: "generator=" + generator}
		built, err := b.Build(t.Context(), r, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer built.Close()
		if len(built.Attestations) != 1 {
			t.Fatalf("%d attestations, want 1", len(built.Attestations))
		}
		layers, err := built.Attestations[0].Layers()
		if err != nil {
			t.Fatal(err)
		}
		content, err := layers[0].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		defer content.Close()
		if text, err := io.ReadAll(content); err != nil || !strings.Contains(string(text), "probed") {
			t.Errorf("the SBOM is %q, %v", text, err)
		}
	})
	t.Run("load", func(t *testing.T) {
		const tag = "shipkit-build-test:buildx-load"
		t.Cleanup(func() { _ = exec.Command(b.Engine.Docker, "rmi", "--force", tag).Run() })
		r := Request{Builder: "test", Context: app(t, goodDockerfile), Load: true, Tags: []string{tag}}
		built, err := b.Build(t.Context(), r, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer built.Close()
		if !b.Engine.Holds(t.Context(), tag) {
			t.Error("the engine does not hold the image")
		}
	})
	t.Run("a full disk", func(t *testing.T) {
		disk := t.TempDir()
		if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=256k"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Unmount(disk, 0) }()
		_, err := b.Build(t.Context(), Request{Builder: "test", Context: probed(t)}, disk)
		if err == nil || !strings.Contains(err.Error(), "no space left on device") || !strings.Contains(diag.From(err)[0].Try, "free space") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a registry mirror", func(t *testing.T) {
		base(t, server, "of the mirror")
		config := fmt.Sprintf("[registry.\"registry.invalid\"]\nmirrors = [%q]\n[registry.%q]\nhttp = true\n", server.Host, server.Host)
		mirrored := remoteBuilder(t, config)
		if got := onBase(t, mirrored, Request{Builder: "test"}, "registry.invalid/team/base"); got != "of the mirror" {
			t.Errorf("the base says %q", got)
		}
	})
	t.Run("cache-to and cache-from", func(t *testing.T) {
		testCaches(t, b, server)
	})
}

// testCaches builds on a second builder, which knows nothing of the first but
// what a cache tells.
func testCaches(t *testing.T, b Builder, server *registrytest.Server) {
	t.Helper()
	dir := t.TempDir()
	remote := server.Repository(t, "team/cache").Tag("latest").String()
	context := probed(t)
	first := report(t, b, Request{Builder: "test", Context: context, CacheTo: []string{
		"type=local,dest=" + dir, "type=registry,mode=max,ref=" + remote,
	}})
	inline, err := b.Build(t.Context(), Request{Builder: "test", Context: context, CacheTo: []string{"type=inline"}}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer inline.Close()
	release := pushed(t, server, "app", inline.Images[0].Image)
	for name, r := range map[string]Request{
		"local":            {CacheFrom: []string{"type=local,src=" + dir}},
		"registry":         {CacheFrom: []string{"type=registry,ref=" + remote}},
		"the last release": {RegistryCache: "type=registry,ref=" + release},
	} {
		t.Run(name, func(t *testing.T) {
			r.Builder, r.Context = "test", context
			if second := report(t, remoteBuilder(t, ""), r); nonce(second) != nonce(first) {
				t.Errorf("%s, then %s: the cache was not used", nonce(first), nonce(second))
			}
		})
	}
}
