package container

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// A Registry is the local one: images of any ECR registry come from it.
type Registry interface {
	Host() string
	Credentials() (user, password string)
}

// ecrHost matches the registry host of an ECR image reference.
var ecrHost = regexp.MustCompile(`^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/`)

// source finds images in registries.
type source struct{ registry Registry }

// resolved is an image of one platform in a registry.
type resolved struct {
	v1.Image
	ref    name.Digest
	digest string // of what the reference named, which may be an index
}

// local replaces the host of an ECR reference by the local registry's.
func (s source) local(ref string) string {
	if s.registry == nil {
		return ref
	}
	return ecrHost.ReplaceAllString(ref, s.registry.Host()+"/")
}

// auth is what the registry of ref wants to see.
func (s source) auth(ref name.Reference) authn.Authenticator {
	if s.registry == nil || ref.Context().RegistryStr() != s.registry.Host() {
		return authn.Anonymous
	}
	user, password := s.registry.Credentials()
	return &authn.Basic{Username: user, Password: password}
}

// resolve finds the image of a platform that ref names.
func (s source) resolve(ctx context.Context, ref, platform string) (*resolved, error) {
	parsed, err := name.ParseReference(s.local(ref), name.Insecure)
	if err != nil {
		return nil, &PullError{Ref: ref, Reason: fmt.Sprintf("invalid reference format: %q", ref)}
	}
	want, err := v1.ParsePlatform(platform)
	if err != nil {
		return nil, fmt.Errorf("parse the platform %q: %w", platform, err)
	}
	desc, err := remote.Get(parsed, remote.WithContext(ctx), remote.WithAuth(s.auth(parsed)), remote.WithPlatform(*want))
	if err != nil {
		return nil, pullError(ref, err)
	}
	mismatch := &PullError{Ref: ref,
		Reason: fmt.Sprintf("image Manifest does not contain descriptor matching platform '%s'", platform)}
	img, err := desc.Image()
	if err != nil {
		if strings.Contains(err.Error(), "no child with platform") {
			return nil, mismatch
		}
		return nil, pullError(ref, err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, pullError(ref, err)
	}
	if file.OS != want.OS || file.Architecture != want.Architecture {
		return nil, mismatch
	}
	d, err := img.Digest()
	if err != nil {
		return nil, pullError(ref, err)
	}
	return &resolved{Image: img, ref: parsed.Context().Digest(d.String()), digest: desc.Digest.String()}, nil
}

// pullError turns a registry's answer into the runtime's words.
func pullError(ref string, err error) error {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return &PullError{Ref: ref, Reason: fmt.Sprintf("failed to resolve ref %s: %v", ref, err)}
	}
	reason := err.Error()
	switch answer.StatusCode {
	case http.StatusNotFound:
		reason = ref + ": not found"
	case http.StatusUnauthorized, http.StatusForbidden:
		reason = "pull access denied, repository does not exist or may require authorization: authorization failed: " +
			"no basic auth credentials"
	}
	return &PullError{Ref: ref, Reason: fmt.Sprintf("failed to resolve ref %s: %s", ref, reason)}
}
