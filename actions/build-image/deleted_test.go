package buildimage

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/shipkit/internal/registrytest"
)

// remove deletes what a path of a repository names, as a registry's lifecycle
// policy does.
func remove(t *testing.T, server *registrytest.Server, path string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://"+server.Host+"/v2/team/app/"+path, nil)
	if err != nil {
		t.Error(err)
		return
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Errorf("delete %s: %s", path, resp.Status)
	}
}

// exists tells whether a tag of team/app does.
func (r *runner) exists(tag string) bool {
	r.t.Helper()
	ref, err := name.ParseReference(r.tag("app:" + tag))
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = remote.Head(ref)
	return err == nil
}

func TestPreviousImageDeletedMeanwhile(t *testing.T) {
	for _, test := range []struct{ name, tag, want string }{
		{"under another tag", "v2", "a layer that this image reuses was deleted from the registry meanwhile: run again"},
		{"under the tag itself", "v1", "somebody else removed it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRunner(t)
			first := r.ok(ociLayout(t, built(t, app(), yesterday, "amd64")), "v1")
			ref, _ := name.ParseReference(first.Outputs["image-ref"])
			img, err := remote.Image(ref)
			if err != nil {
				t.Fatal(err)
			}
			manifest, err := img.Manifest()
			if err != nil {
				t.Fatal(err)
			}
			var once sync.Once
			r.server.Answer(func(_ http.ResponseWriter, req *http.Request) bool {
				if req.Method == http.MethodPost {
					once.Do(func() {
						r.server.Answer(nil)
						remove(t, r.server, "manifests/"+first.Outputs["digest"])
						remove(t, r.server, "blobs/"+manifest.Layers[0].Digest.String())
					})
				}
				return false
			})
			changed := app().with(files{"srv/f001": "x"})
			next := ociLayout(t, built(t, changed, yesterday, "amd64"))
			result := r.push(next, test.tag, "previous-image", r.tag("app:v1"))
			if result.ExitCode != 1 || !strings.Contains(result.Log, test.want) {
				t.Errorf("exit code %d, want 1 and %q:\n%s", result.ExitCode, test.want, result.Log)
			}
			if r.exists(test.tag) {
				t.Errorf("the tag names an image without its layers")
			}
			r.ok(next, test.tag, "previous-image", r.tag("app:v1"))
			if got := r.contents(r.tag("app:" + test.tag)); !maps.Equal(got, changed) {
				t.Error("run again, the pushed image differs from the built one")
			}
		})
	}
}
