package registry

import (
	"strings"
	"testing"
)

func TestRepositoryOf(t *testing.T) {
	for path, want := range map[string]string{
		"/v2/":                              "",
		"/v2/web/manifests/v1":              "web",
		"/v2/shop/web/blobs/uploads/":       "shop/web",
		"/v2/a/manifests/b/tags/list":       "a/manifests/b",
		"/v2/shop/web/referrers/sha256:abc": "shop/web",
		"/v2/_catalog":                      "",
		"/other":                            "",
	} {
		if got := repositoryOf(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// FuzzRepositoryOf has a repository always be a part of the path.
func FuzzRepositoryOf(f *testing.F) {
	f.Add("/v2/web/manifests/v1")
	f.Add("/v2//blobs/")
	f.Fuzz(func(t *testing.T, path string) {
		if got := repositoryOf(path); got != "" && !strings.HasPrefix(path, "/v2/"+got+"/") {
			t.Errorf("%q has the repository %q", path, got)
		}
	})
}
