package registry

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	local "github.com/org/shipkit/internal/localaws/registry"
	"github.com/org/shipkit/internal/registrytest"
)

// Each profile against a registry that departs from the specification as the
// hosted one does, over a line that drops.
func TestProfilesFitTheirRegistries(t *testing.T) {
	for _, test := range []struct {
		profile Profile
		quirks  local.Profile
		drops   int64
	}{
		{ECR, local.ECR, 0}, {ECR, local.ECR, 12 * mib}, {GHCR, local.GHCR, 0}, {GHCR, local.GHCR, 3 * mib},
		{Generic, local.Plain, 3 * mib},
	} {
		t.Run(fmt.Sprintf("%s/dropped at %d MiB", test.profile.Name, test.drops/mib), func(t *testing.T) {
			server, err := local.Start(t.Context(), local.Options{Profile: test.quirks, Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Close() })
			host := server.Host()
			if test.drops > 0 {
				host = registrytest.Toxic(t, host, test.drops)
			}
			repo, err := name.NewRepository(host + "/team/app")
			if err != nil {
				t.Fatal(err)
			}
			r, link := open(t, repo, Options{Profile: &test.profile})
			for seed, size := range []int64{1000, 7 * mib, 23*mib + 17} {
				upload1(t, r, noise(uint64(seed), size), Uploaded)
			}
			t.Logf("%d bytes sent for %d", link.Sent(), 30*mib+1017)
		})
	}
}

// A token that runs out in the middle of an upload costs a question, no data.
func TestUploadOutlivesItsToken(t *testing.T) {
	server := registrytest.Start(t)
	var handed, used atomic.Int64
	server.Answer(func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path == "/token" {
			used.Store(0)
			fmt.Fprintf(w, `{"token":"t%d"}`, handed.Add(1))
			return true
		}
		if req.Header.Get("Authorization") == fmt.Sprintf("Bearer t%d", handed.Load()) && used.Add(1) <= 3 {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="registry"`, server.Host))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	profile := Profile{Name: "small pieces", MinChunk: mib, MaxChunk: mib, ExactRange: true}
	r, link := open(t, server.Repository(t, "team/app"), Options{Profile: &profile})
	upload1(t, r, noise(20, 10*mib), Uploaded)
	if handed.Load() < 3 {
		t.Errorf("%d tokens: this test proves nothing", handed.Load())
	}
	if sent := link.Sent(); sent > 10*mib+100*kib {
		t.Errorf("sent %d bytes for %d", sent, 10*mib)
	}
}
