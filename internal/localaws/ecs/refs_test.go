package ecs

import (
	"strings"
	"testing"
)

func TestRepositoryOf(t *testing.T) {
	for ref, want := range map[string]string{
		"web":                               "web",
		"web:v1":                            "web",
		"127.0.0.1:5000/shop/web":           "127.0.0.1:5000/shop/web",
		"127.0.0.1:5000/shop/web:v1":        "127.0.0.1:5000/shop/web",
		"127.0.0.1:5000/web@sha256:abc":     "127.0.0.1:5000/web",
		"127.0.0.1:5000/web:v1@sha256:abcd": "127.0.0.1:5000/web",
	} {
		if got := repositoryOf(ref); got != want {
			t.Errorf("%s: %s, want %s", ref, got, want)
		}
	}
}

// FuzzRepositoryOf has a repository be the beginning of its reference, and be its own repository.
func FuzzRepositoryOf(f *testing.F) {
	f.Add("127.0.0.1:5000/web:v1@sha256:abcd")
	f.Add(":/@")
	f.Fuzz(func(t *testing.T, ref string) {
		got := repositoryOf(ref)
		if !strings.HasPrefix(ref, got) {
			t.Errorf("%q has the repository %q", ref, got)
		}
		if strings.Count(got, ":") == 0 && repositoryOf(got) != got {
			t.Errorf("%q is not its own repository", got)
		}
	})
}
