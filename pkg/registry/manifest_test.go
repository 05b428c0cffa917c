package registry

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/shipkit/internal/registrytest"
	"github.com/org/shipkit/pkg/diag"
)

// push puts a random image into r and returns its manifest.
func push(t *testing.T, r *Repository) Manifest {
	t.Helper()
	img, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var blobs []Blob
	for _, layer := range layers {
		blob, err := LayerBlob(layer)
		if err != nil {
			t.Fatal(err)
		}
		blobs = append(blobs, blob)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Push(t.Context(), append(blobs, BytesBlob(config))); err != nil {
		t.Fatal(err)
	}
	m, err := ManifestOf(img)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func put(t *testing.T, r *Repository, reference string, m Manifest) {
	t.Helper()
	if _, err := r.PutManifest(t.Context(), reference, m); err != nil {
		t.Fatal(err)
	}
}

func TestMoveTag(t *testing.T) {
	server := registrytest.Start(t)
	r, _ := open(t, server.Repository(t, "team/app"), Options{})
	first, second, third := push(t, r), push(t, r), push(t, r)
	digest := func(m Manifest) v1.Hash { return m.Descriptor().Digest }
	tests := []struct {
		name   string
		now    *Manifest
		expect v1.Hash
		force  bool
		moved  bool
	}{
		{"new tag", nil, v1.Hash{}, false, true},
		{"as planned", &first, digest(first), false, true},
		{"there already", &third, digest(first), false, true},
		{"somebody else moved it", &second, digest(first), false, false},
		{"somebody else made it", &second, v1.Hash{}, false, false},
		{"by force", &second, digest(first), true, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tag := strings.ReplaceAll(test.name, " ", "-")
			if test.now != nil {
				put(t, r, tag, *test.now)
			}
			err := r.MoveTag(t.Context(), tag, test.expect, third, test.force)
			if moved := err == nil; moved != test.moved {
				t.Fatalf("error %v, moved should be %t", err, test.moved)
			}
			if err != nil && !errors.Is(err, ErrTagMoved) {
				t.Errorf("error %v is not ErrTagMoved", err)
			}
			got, _, err := r.Head(t.Context(), tag)
			if err != nil || test.moved != (got == digest(third)) {
				t.Errorf("the tag names %s, %v", got, err)
			}
		})
	}
}

func TestManifestRefusals(t *testing.T) {
	server := registrytest.Start(t)
	r, _ := open(t, server.Repository(t, "team/app"), Options{})
	m := push(t, r)

	t.Run("immutable tag", func(t *testing.T) {
		server.Answer(func(w http.ResponseWriter, req *http.Request) bool {
			if req.Method != http.MethodPut {
				return false
			}
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"errors":[{"code":"TAG_INVALID","message":"The image tag 'v1' already exists in the 'app' ` +
				`repository and cannot be overwritten because the tag is immutable."}]}`))
			return true
		})
		defer server.Answer(nil)
		_, err := r.PutManifest(t.Context(), "v1", m)
		if found := diag.From(err); len(found) != 1 || !strings.Contains(found[0].Try, "push under a new tag") {
			t.Errorf("error %v does not say what to do", err)
		}
	})
	t.Run("too large", func(t *testing.T) {
		large := Manifest{MediaType: types.OCIImageIndex, Raw: make([]byte, 5*mib)}
		if _, err := r.PutManifest(t.Context(), "v1", large); err == nil || !strings.Contains(err.Error(), "5242880 bytes") {
			t.Errorf("error %v, want the size", err)
		}
	})
	t.Run("a layer is missing", func(t *testing.T) {
		other, _ := open(t, server.Repository(t, "team/empty"), Options{})
		_, err := other.PutManifest(t.Context(), "v1", m)
		if found := diag.From(err); len(found) != 1 || !strings.Contains(found[0].Try, "run again") {
			t.Errorf("error %v does not say what to do", err)
		}
	})
	t.Run("other content", func(t *testing.T) {
		put(t, r, "v1", m)
		server.Answer(func(w http.ResponseWriter, req *http.Request) bool {
			if !strings.Contains(req.URL.Path, "/manifests/") {
				return false
			}
			w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
			_, _ = w.Write([]byte(`{"schemaVersion":2}`))
			return true
		})
		defer server.Answer(nil)
		if _, _, err := r.Manifest(t.Context(), m.Descriptor().Digest.String()); err == nil || !strings.Contains(err.Error(), "other content") {
			t.Errorf("error %v, want other content", err)
		}
	})
	t.Run("nothing there", func(t *testing.T) {
		_, found, err := r.Manifest(t.Context(), "nowhere")
		if found || err != nil {
			t.Errorf("found = %t, %v", found, err)
		}
	})
}

// artifact attaches a small artifact to subject.
func artifact(t *testing.T, r *Repository, subject Manifest, kind string, content []byte) Manifest {
	t.Helper()
	blob, config := BytesBlob(content), BytesBlob([]byte("{}"))
	if _, err := r.Push(t.Context(), []Blob{blob, config}); err != nil {
		t.Fatal(err)
	}
	d := subject.Descriptor()
	raw, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: kind, Subject: &d,
		Config: v1.Descriptor{MediaType: types.OCIEmptyJSON, Digest: config.Digest, Size: config.Size},
		Layers: []v1.Descriptor{{MediaType: "application/x", Digest: blob.Digest, Size: blob.Size}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := Manifest{MediaType: types.OCIManifestSchema1, Raw: raw}
	if err := r.PutReferrer(t.Context(), d.Digest, kind, m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestReferrersByTag(t *testing.T) {
	server := registrytest.Start(t)
	r, _ := open(t, server.Repository(t, "team/app"), Options{})
	subject := push(t, r)
	put(t, r, "v1", subject)
	if _, found, err := r.Referrer(t.Context(), subject.Descriptor().Digest, "kind/a"); found || err != nil {
		t.Fatalf("found = %t, %v before any", found, err)
	}
	artifact(t, r, subject, "kind/a", []byte("old"))
	want := artifact(t, r, subject, "kind/a", []byte("new"))
	artifact(t, r, subject, "kind/b", []byte("other"))

	got, found, err := r.Referrer(t.Context(), subject.Descriptor().Digest, "kind/a")
	if err != nil || !found || string(got.Raw) != string(want.Raw) {
		t.Errorf("found = %t, %v: %s", found, err, got.Raw)
	}
}

// A registry with the API answers OCI-Subject and lists by itself.
func TestReferrersByAPI(t *testing.T) {
	server := registrytest.Start(t)
	r, _ := open(t, server.Repository(t, "team/app"), Options{})
	subject := push(t, r)
	put(t, r, "v1", subject)
	server.Answer(func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodPut {
			w.Header().Set("OCI-Subject", subject.Descriptor().Digest.String())
		}
		return false
	})
	want := artifact(t, r, subject, "kind/a", []byte("x")).Descriptor()
	if _, found, _ := r.Manifest(t.Context(), referrersTag(subject.Descriptor().Digest)); found {
		t.Error("the list was written under a tag too")
	}
	want.ArtifactType = "kind/a"
	server.Answer(func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.Contains(req.URL.Path, "/referrers/") {
			return false
		}
		w.Header().Set("Content-Type", string(types.OCIImageIndex))
		_ = json.NewEncoder(w).Encode(v1.IndexManifest{SchemaVersion: 2, Manifests: []v1.Descriptor{want}})
		return true
	})
	got, found, err := r.Referrer(t.Context(), subject.Descriptor().Digest, "kind/a")
	if err != nil || !found || got.Descriptor().Digest != want.Digest {
		t.Errorf("found = %t, %v", found, err)
	}
}

// The type is what the manifest says, else the header's, whatever a proxy adds.
func TestManifestType(t *testing.T) {
	for _, test := range []struct {
		header, body string
		want         types.MediaType
	}{
		{"application/json", `{"mediaType":"application/vnd.oci.image.index.v1+json"}`, types.OCIImageIndex},
		{"application/vnd.oci.image.index.v1+json; charset=utf-8", `{}`, types.OCIImageIndex},
		{string(types.OCIManifestSchema1), `{}`, types.OCIManifestSchema1},
	} {
		server := registrytest.Start(t)
		server.Answer(func(w http.ResponseWriter, req *http.Request) bool {
			if !strings.Contains(req.URL.Path, "/manifests/") {
				return false
			}
			w.Header().Set("Content-Type", test.header)
			_, _ = w.Write([]byte(test.body))
			return true
		})
		r, _ := open(t, server.Repository(t, "team/app"), Options{})
		if m, _, err := r.Manifest(t.Context(), "v1"); err != nil || m.MediaType != test.want {
			t.Errorf("%s, %s: got %s, %v", test.header, test.body, m.MediaType, err)
		}
	}
}

func TestImageReadsBack(t *testing.T) {
	server := registrytest.Start(t)
	r, _ := open(t, server.Repository(t, "team/app"), Options{})
	m := push(t, r)
	img, err := r.Image(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	for i, layer := range layers {
		diffID, err := layer.DiffID()
		if err != nil || diffID != config.RootFS.DiffIDs[i] {
			t.Errorf("layer %d: diff ID %s, %v", i, diffID, err)
		}
		content, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := v1.SHA256(content); err != nil || got != diffID {
			t.Errorf("layer %d: content %s, %v", i, got, err)
		}
		_ = content.Close()
	}
}

func TestOpenUnreachable(t *testing.T) {
	repo, err := name.NewRepository("127.0.0.1:1/app")
	if err != nil {
		t.Fatal(err)
	}
	link := NewLink(LinkOptions{})
	defer link.Close()
	_, err = Open(t.Context(), link, repo, Options{Patience: 1})
	if found := diag.From(err); len(found) != 1 || !strings.Contains(found[0].Try, "reaches https://127.0.0.1:1/v2/") {
		t.Errorf("error %v does not say what to do", err)
	}
}
