package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	digest "github.com/opencontainers/go-digest"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws/registry"
)

func start(t *testing.T, o registry.Options) *registry.Registry {
	t.Helper()
	r, err := registry.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestPushAndPull(t *testing.T) {
	for _, o := range []registry.Options{
		{},
		{Dir: t.TempDir()},
		{Profile: registry.ECR},
		{Profile: registry.GHCR, Auth: registry.Bearer{Check: func(u, p string) bool { return u == "me" && p == "pw" }, Token: "t0k"}},
		{Auth: registry.Basic{Check: func(_ context.Context, u, p string) bool { return u == "me" && p == "pw" }}},
	} {
		t.Run(fmt.Sprintf("%s/%T", o.Profile.Name, o.Auth), func(t *testing.T) {
			r := start(t, o)
			ref := r.Host() + "/shop/web:v1"
			auth := remote.WithAuth(&authn.Basic{Username: "me", Password: "pw"})
			want, err := image.Push(t.Context(), ref, image.Web{Version: "v1"}, auth)
			if err != nil {
				t.Fatal(err)
			}
			tag, err := name.ParseReference(ref, name.Insecure)
			if err != nil {
				t.Fatal(err)
			}
			got, err := remote.Image(tag, auth)
			if err != nil {
				t.Fatal(err)
			}
			if d, err := got.Digest(); err != nil || d.String() != want {
				t.Errorf("digest %s, want %s (%v)", d, want, err)
			}
			inside, err := remote.Image(tag, remote.WithTransport(r.Transport()))
			if err != nil {
				t.Fatal("through Transport:", err)
			}
			if d, err := inside.Digest(); err != nil || d.String() != want {
				t.Errorf("digest through Transport %s, want %s (%v)", d, want, err)
			}
			if o.Auth == nil {
				return
			}
			if _, err := image.Push(t.Context(), ref, image.Web{Version: "v1"}); err == nil {
				t.Error("an anonymous push passed")
			}
		})
	}
}

// upload is one upload session, spoken by hand.
type upload struct {
	t        *testing.T
	host     string
	location string
}

func open(t *testing.T, host, query string) (*upload, int) {
	u := &upload{t: t, host: host}
	u.location = "/v2/shop/web/blobs/uploads/" + query
	resp := u.send(http.MethodPost, "", nil)
	return u, resp.StatusCode
}

func (u *upload) send(method, contentRange string, body []byte) *http.Response {
	u.t.Helper()
	location := u.location
	if strings.HasPrefix(location, "/") {
		location = "http://" + u.host + location
	}
	req, err := http.NewRequestWithContext(u.t.Context(), method, location, bytes.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	if contentRange != "" {
		req.Header.Set("Content-Range", contentRange)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		u.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if l := resp.Header.Get("Location"); l != "" {
		u.location = l
	}
	return resp
}

func (u *upload) patch(from int, body []byte) *http.Response {
	return u.send(http.MethodPatch, fmt.Sprintf("%d-%d", from, from+len(body)-1), body)
}

func (u *upload) put(body []byte, whole []byte, contentRange string) int {
	sep := "?"
	if strings.Contains(u.location, "?") {
		sep = "&"
	}
	u.location += sep + "digest=" + digest.FromBytes(whole).String()
	return u.send(http.MethodPut, contentRange, body).StatusCode
}

func TestPlainChunks(t *testing.T) {
	r := start(t, registry.Options{})
	data := bytes.Repeat([]byte("shipkit "), 1<<17)
	u, status := open(t, r.Host(), "")
	if status != http.StatusAccepted {
		t.Fatal("POST", status)
	}
	first := u.patch(0, data[:1000])
	if first.StatusCode != http.StatusAccepted || first.Header.Get("Range") != "0-999" {
		t.Fatal("PATCH", first.StatusCode, first.Header.Get("Range"))
	}
	if got := u.patch(0, data[:1000]).StatusCode; got != http.StatusRequestedRangeNotSatisfiable {
		t.Error("a repeated chunk answered", got)
	}
	second := u.patch(1000, data[1000:])
	if want := fmt.Sprintf("0-%d", len(data)-1); second.Header.Get("Range") != want {
		t.Errorf("Range %q, want %q", second.Header.Get("Range"), want)
	}
	if got := u.put(nil, data, ""); got != http.StatusCreated {
		t.Error("PUT", got)
	}
}

func TestECRQuirks(t *testing.T) {
	r := start(t, registry.Options{Profile: registry.ECR})
	part := bytes.Repeat([]byte("x"), 5<<20)
	whole := append(append(append([]byte{}, part...), part...), "tail"...)

	u, _ := open(t, r.Host(), "")
	first := u.patch(0, part)
	second := u.patch(len(part), part)
	if first.StatusCode != http.StatusCreated || second.StatusCode != http.StatusCreated {
		t.Error("PATCH answered", first.StatusCode, second.StatusCode)
	}
	if got := second.Header.Get("Range"); got != fmt.Sprintf("0-%d", len(part)-1) {
		t.Errorf("the second chunk's Range is %q: it must stick at the first", got)
	}
	before := u.location
	if got := u.put(nil, whole[:2*len(part)], ""); got != http.StatusInternalServerError {
		t.Error("an empty closing PUT answered", got)
	}
	u.location = before
	if got := u.put([]byte("tail"), whole, ""); got != http.StatusCreated {
		t.Error("the last chunk in the closing PUT answered", got)
	}

	u, _ = open(t, r.Host(), "")
	u.patch(0, []byte("small"))
	if got := u.patch(5, part).StatusCode; got != http.StatusBadRequest {
		t.Error("a chunk after a small one answered", got)
	}
	mount := "?from=shop/web&mount=" + digest.FromBytes(whole).String()
	if _, got := open(t, r.Host(), mount); got != http.StatusAccepted {
		t.Error("a mount answered", got)
	}
}

func TestGHCRQuirks(t *testing.T) {
	r := start(t, registry.Options{Profile: registry.GHCR})
	u, _ := open(t, r.Host(), "")
	if got := u.patch(0, bytes.Repeat([]byte("x"), 4<<20+1)).StatusCode; got != http.StatusRequestEntityTooLarge {
		t.Error("a chunk over 4 MiB answered", got)
	}
	if got := u.put([]byte("abc"), []byte("abc"), "0-2"); got != http.StatusRequestedRangeNotSatisfiable {
		t.Error("a PUT with Content-Range answered", got)
	}
}

// policy knows one repository, whose tags may not move.
type policy struct{}

func (policy) Exists(repository string) bool            { return repository == "shop/web" }
func (policy) Immutable(string, string) bool            { return true }
func (policy) Mountable() bool                          { return true }
func (policy) Pushed(string, string, registry.Manifest) {}

func TestPolicy(t *testing.T) {
	r := start(t, registry.Options{Policy: policy{}})
	ref := r.Host() + "/shop/web:v1"
	for range 2 {
		if _, err := image.Push(t.Context(), ref, image.Web{Version: "v1"}); err != nil {
			t.Fatal("the same image again:", err)
		}
	}
	if _, err := image.Push(t.Context(), ref, image.Web{Version: "v2"}); err == nil || !strings.Contains(err.Error(), "immutable") {
		t.Error("another image under an immutable tag:", err)
	}
	if _, err := image.Push(t.Context(), r.Host()+"/other:v1", image.Web{}); err == nil || !strings.Contains(err.Error(), "NAME_UNKNOWN") {
		t.Error("an unknown repository:", err)
	}
}

func TestBearerScope(t *testing.T) {
	r := start(t, registry.Options{Auth: registry.Bearer{Check: func(string, string) bool { return false }}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.Host()+"/v2/shop/web/manifests/v1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if c := resp.Header.Get("WWW-Authenticate"); !strings.Contains(c, `scope="repository:shop/web:pull"`) {
		t.Errorf("challenge %q", c)
	}
	var body struct {
		Errors []struct{ Code string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || len(body.Errors) != 1 || body.Errors[0].Code != "UNAUTHORIZED" {
		t.Error(body, err)
	}
}
