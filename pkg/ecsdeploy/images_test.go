package ecsdeploy

import (
	"errors"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func platformImage(t *testing.T, arch string) v1.Image {
	t.Helper()
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: arch, Config: v1.Config{Labels: map[string]string{revisionLabel: "commit-" + arch}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestResolve(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(discard{}, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: platformImage(t, "amd64"), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: platformImage(t, "arm64"), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
	)
	multi, single := mustTag(t, host+"/web:multi"), mustTag(t, host+"/web:arm")
	if err := errors.Join(remote.WriteIndex(multi, index), remote.Write(single, platformImage(t, "arm64"))); err != nil {
		t.Fatal(err)
	}
	resolver := Registry{Keychain: authn.DefaultKeychain}

	t.Run("an index keeps its own digest and gives the platform's commit", func(t *testing.T) {
		digest, err := index.Digest()
		if err != nil {
			t.Fatal(err)
		}
		got, err := resolver.Resolve(t.Context(), host+"/web:multi", "linux", "arm64")
		if err != nil || got.Ref != host+"/web@"+digest.String() || got.Revision != "commit-arm64" {
			t.Errorf("got %+v, %v", got, err)
		}
		again, err := resolver.Resolve(t.Context(), got.Ref, "linux", "amd64")
		if err != nil || again.Digest != got.Digest || again.Revision != "commit-amd64" {
			t.Errorf("got %+v, %v", again, err)
		}
	})
	t.Run("another architecture is named", func(t *testing.T) {
		_, err := resolver.Resolve(t.Context(), host+"/web:arm", "linux", "amd64")
		if !isPlatform(err) || !strings.Contains(err.Error(), "is for linux/arm64, the task runs on linux/amd64") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a missing image", func(t *testing.T) {
		if _, err := resolver.Resolve(t.Context(), host+"/web:none", "linux", "amd64"); err == nil || !strings.Contains(err.Error(), "does not exist") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no access", func(t *testing.T) {
		closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
		defer closed.Close()
		_, err := resolver.Resolve(t.Context(), strings.TrimPrefix(closed.URL, "http://")+"/web:1", "linux", "amd64")
		if err == nil || !strings.Contains(err.Error(), "refuses access") || !strings.Contains(err.Error(), "Try: log in") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no reference", func(t *testing.T) {
		if _, err := resolver.Resolve(t.Context(), "Not An Image", "linux", "amd64"); err == nil || !strings.Contains(err.Error(), "is not a reference") {
			t.Errorf("got %v", err)
		}
	})
}

func mustTag(t *testing.T, text string) name.Tag {
	t.Helper()
	tag, err := name.NewTag(text)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
