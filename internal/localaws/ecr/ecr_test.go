package ecr_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/shipkit/internal/awstest/image"
	"github.com/org/shipkit/internal/localaws/ecr"
	"github.com/org/shipkit/internal/localaws/registry"
)

// fixture is ECR before a registry in memory, at a time that the test moves.
type fixture struct {
	*ecr.Service
	now time.Time
}

func setup(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	f.Service = ecr.New(func() time.Time { return f.now })
	r, err := registry.Start(t.Context(), registry.Options{Auth: f.Auth(), Policy: f.Service, Profile: registry.ECR})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	f.Attach(r)
	return f
}

// login is the user and password of a fresh authorization token.
func (f *fixture) login(t *testing.T) remote.Option {
	t.Helper()
	out, err := f.GetAuthorizationToken(t.Context(), &awsecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	token, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
	if err != nil {
		t.Fatal(err)
	}
	user, password, _ := strings.Cut(string(token), ":")
	return remote.WithAuth(&authn.Basic{Username: user, Password: password})
}

func (f *fixture) create(t *testing.T, name string, mutability types.ImageTagMutability) {
	t.Helper()
	in := &awsecr.CreateRepositoryInput{RepositoryName: aws.String(name), ImageTagMutability: mutability}
	if _, err := f.CreateRepository(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) tags(t *testing.T, name string) map[string]string {
	t.Helper()
	out, err := f.DescribeImages(t.Context(), &awsecr.DescribeImagesInput{RepositoryName: aws.String(name)})
	if err != nil {
		t.Fatal(err)
	}
	tags := map[string]string{}
	for _, img := range out.ImageDetails {
		tags[strings.Join(img.ImageTags, ",")] = *img.ImageDigest
	}
	return tags
}

func TestTokenExpires(t *testing.T) {
	f := setup(t)
	f.create(t, "web", "")
	auth := f.login(t)
	if _, err := image.Push(t.Context(), f.Host()+"/web:v1", image.Web{Version: "v1"}, auth); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(12*time.Hour + time.Second)
	_, err := image.Push(t.Context(), f.Host()+"/web:v2", image.Web{Version: "v2"}, auth)
	if err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("after 12 hours the token must be refused, got %v", err)
	}
}

func TestImmutableTags(t *testing.T) {
	f := setup(t)
	f.create(t, "web", types.ImageTagMutabilityImmutable)
	auth := f.login(t)
	for range 2 {
		if _, err := image.Push(t.Context(), f.Host()+"/web:v1", image.Web{Version: "v1"}, auth); err != nil {
			t.Fatal("the same manifest may be pushed again:", err)
		}
	}
	_, err := image.Push(t.Context(), f.Host()+"/web:v1", image.Web{Version: "v2"}, auth)
	if err == nil || !strings.Contains(err.Error(), "TAG_INVALID") {
		t.Errorf("another manifest under an immutable tag: %v", err)
	}
}

func TestImages(t *testing.T) {
	f := setup(t)
	f.create(t, "shop/web", "")
	auth := f.login(t)
	v1, err := image.Push(t.Context(), f.Host()+"/shop/web:v1", image.Web{Version: "v1"}, auth)
	if err != nil {
		t.Fatal(err)
	}
	name := aws.String("shop/web")
	got, err := f.BatchGetImage(t.Context(), &awsecr.BatchGetImageInput{
		RepositoryName: name,
		ImageIds:       []types.ImageIdentifier{{ImageTag: aws.String("v1")}, {ImageTag: aws.String("none")}, {}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Images) != 1 || *got.Images[0].ImageId.ImageDigest != v1 {
		t.Fatalf("images %+v", got.Images)
	}
	codes := []types.ImageFailureCode{got.Failures[0].FailureCode, got.Failures[1].FailureCode}
	if !slices.Equal(codes, []types.ImageFailureCode{"ImageNotFound", "MissingDigestAndTag"}) {
		t.Errorf("failures %v", codes)
	}

	put := &awsecr.PutImageInput{RepositoryName: name, ImageManifest: got.Images[0].ImageManifest, ImageTag: aws.String("stable")}
	if _, err := f.PutImage(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	var exists *types.ImageAlreadyExistsException
	if _, err := f.PutImage(t.Context(), put); !errors.As(err, &exists) {
		t.Errorf("the same tag again: %v", err)
	}
	if tags := f.tags(t, "shop/web"); tags["v1,stable"] != v1 {
		t.Errorf("tags %v", tags)
	}

	unknown := "sha256:" + strings.Repeat("0", 64)
	layers, err := f.BatchCheckLayerAvailability(t.Context(), &awsecr.BatchCheckLayerAvailabilityInput{
		RepositoryName: name, LayerDigests: []string{unknown, "sha256:x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if layers.Layers[0].LayerAvailability != types.LayerAvailabilityUnavailable || len(layers.Failures) != 1 {
		t.Errorf("layers %+v, failures %+v", layers.Layers, layers.Failures)
	}

	if _, err := f.BatchDeleteImage(t.Context(), &awsecr.BatchDeleteImageInput{
		RepositoryName: name, ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("stable")}},
	}); err != nil {
		t.Fatal(err)
	}
	if tags := slices.Sorted(maps.Keys(f.tags(t, "shop/web"))); !slices.Equal(tags, []string{"v1"}) {
		t.Errorf("tags after a delete of one: %v", tags)
	}
	var missing *types.ImageNotFoundException
	_, err = f.DescribeImages(t.Context(), &awsecr.DescribeImagesInput{
		RepositoryName: name, ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("stable")}},
	})
	if !errors.As(err, &missing) {
		t.Errorf("a deleted tag: %v", err)
	}
}

func TestRepositories(t *testing.T) {
	f := setup(t)
	f.create(t, "web", "")
	var exists *types.RepositoryAlreadyExistsException
	if _, err := f.CreateRepository(t.Context(), &awsecr.CreateRepositoryInput{RepositoryName: aws.String("web")}); !errors.As(err, &exists) {
		t.Error("created twice:", err)
	}
	var invalid *types.InvalidParameterException
	if _, err := f.CreateRepository(t.Context(), &awsecr.CreateRepositoryInput{RepositoryName: aws.String("Web")}); !errors.As(err, &invalid) {
		t.Error("capital letters:", err)
	}
	var missing *types.RepositoryNotFoundException
	if _, err := f.DescribeRepositories(t.Context(), &awsecr.DescribeRepositoriesInput{RepositoryNames: []string{"api"}}); !errors.As(err, &missing) {
		t.Error("an unknown repository:", err)
	}
	if _, err := image.Push(t.Context(), f.Host()+"/web:v1", image.Web{}, f.login(t)); err != nil {
		t.Fatal(err)
	}
	var full *types.RepositoryNotEmptyException
	if _, err := f.DeleteRepository(t.Context(), &awsecr.DeleteRepositoryInput{RepositoryName: aws.String("web")}); !errors.As(err, &full) {
		t.Error("deleted with images:", err)
	}
}

func TestLifecycle(t *testing.T) {
	f := setup(t)
	f.create(t, "web", "")
	auth := f.login(t)
	for _, v := range []string{"v1", "v2", "v3"} {
		if _, err := image.Push(t.Context(), f.Host()+"/web:"+v, image.Web{Version: v}, auth); err != nil {
			t.Fatal(err)
		}
		f.now = f.now.Add(time.Hour)
	}
	policy := `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":2},
		"action":{"type":"expire"}}]}`
	if _, err := f.PutLifecyclePolicy(t.Context(), &awsecr.PutLifecyclePolicyInput{
		RepositoryName: aws.String("web"), LifecyclePolicyText: &policy,
	}); err != nil {
		t.Fatal(err)
	}
	if tags := slices.Sorted(maps.Keys(f.tags(t, "web"))); !slices.Equal(tags, []string{"v2", "v3"}) {
		t.Errorf("tags %v", tags)
	}
}

// TestRestart keeps repositories, images and the registry's address.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	f := &fixture{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	start := func() *registry.Registry {
		f.Service = ecr.New(func() time.Time { return f.now })
		r, err := registry.Start(t.Context(), registry.Options{Dir: dir, Auth: f.Auth(), Policy: f.Service})
		if err != nil {
			t.Fatal(err)
		}
		f.Attach(r)
		return r
	}
	r := start()
	host := f.Host()
	f.create(t, "web", types.ImageTagMutabilityImmutable)
	digest, err := image.Push(t.Context(), host+"/web:v1", image.Web{Version: "v1"}, f.login(t))
	if err != nil {
		t.Fatal(err)
	}
	saved, err := f.Save()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = start()
	defer func() { _ = r.Close() }()
	if err := f.Load(saved); err != nil {
		t.Fatal(err)
	}
	if f.Host() != host || f.tags(t, "web")["v1"] != digest {
		t.Errorf("host %s, was %s; tags %v", f.Host(), host, f.tags(t, "web"))
	}
	if _, err := image.Push(t.Context(), host+"/web:v1", image.Web{Version: "v2"}, f.login(t)); err == nil {
		t.Error("the immutable tag moved after a restart")
	}
}

// TestMount mounts a blob of another repository once the account setting allows it.
func TestMount(t *testing.T) {
	f := setup(t)
	f.create(t, "web", "")
	f.create(t, "api", "")
	auth := f.login(t)
	if _, err := image.Push(t.Context(), f.Host()+"/web:v1", image.Web{Version: "v1"}, auth); err != nil {
		t.Fatal(err)
	}
	got, err := f.BatchGetImage(t.Context(), &awsecr.BatchGetImageInput{
		RepositoryName: aws.String("web"), ImageIds: []types.ImageIdentifier{{ImageTag: aws.String("v1")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Layers []struct{ Digest string } }
	if err := json.Unmarshal([]byte(*got.Images[0].ImageManifest), &manifest); err != nil {
		t.Fatal(err)
	}
	user, password := f.Credentials()
	mount := func() int {
		url := "http://" + f.Host() + "/v2/api/blobs/uploads/?from=web&mount=" + manifest.Layers[0].Digest
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(user, password)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if status := mount(); status != http.StatusAccepted {
		t.Errorf("a mount without BLOB_MOUNTING answered %d", status)
	}
	if _, err := f.PutAccountSetting(t.Context(), &awsecr.PutAccountSettingInput{
		Name: aws.String("BLOB_MOUNTING"), Value: aws.String("ENABLED"),
	}); err != nil {
		t.Fatal(err)
	}
	if status := mount(); status != http.StatusCreated {
		t.Errorf("a mount with BLOB_MOUNTING answered %d", status)
	}
}
