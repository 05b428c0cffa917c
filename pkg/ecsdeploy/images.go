package ecsdeploy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/org/shipkit/pkg/diag"
)

// Image is what a reference points at.
type Image struct {
	// Ref is repository@digest.
	Ref    string
	Digest string
	// Platforms are what the image has, such as linux/arm64.
	Platforms []string
	// Revision is the commit behind the image, from the label
	// org.opencontainers.image.revision; "" if there is none.
	Revision string
}

// revisionLabel is from https://github.com/opencontainers/image-spec/blob/main/annotations.md.
const revisionLabel = "org.opencontainers.image.revision"

// Registry finds images in their registries over the distribution protocol.
type Registry struct {
	Keychain  authn.Keychain
	Transport http.RoundTripper
}

var _ Images = Registry{}

// Resolve asks the registry for a manifest and the config of its platform: a
// few kB. A platform that the image lacks is a *PlatformError.
func (r Registry) Resolve(ctx context.Context, ref, os, arch string) (Image, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return Image{}, &diag.Diagnostic{
			Summary: fmt.Sprintf("image %q is not a reference", ref), Err: err,
			Try: "write it as registry/repository@sha256:… or registry/repository:tag",
		}
	}
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(r.Keychain)}
	if r.Transport != nil {
		options = append(options, remote.WithTransport(r.Transport))
	}
	descriptor, err := remote.Get(parsed, options...)
	if err != nil {
		return Image{}, noImage(ref, err)
	}
	image := Image{
		Ref:    parsed.Context().Name() + "@" + descriptor.Digest.String(),
		Digest: descriptor.Digest.String(),
	}
	if !descriptor.MediaType.IsIndex() {
		single, err := descriptor.Image()
		if err != nil {
			return image, noImage(ref, err)
		}
		return image.withConfig(ref, single, os, arch)
	}
	index, err := descriptor.ImageIndex()
	if err != nil {
		return image, noImage(ref, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return image, noImage(ref, err)
	}
	for _, child := range manifest.Manifests {
		if child.Platform == nil || child.Platform.OS == "unknown" {
			continue
		}
		image.Platforms = append(image.Platforms, child.Platform.OS+"/"+child.Platform.Architecture)
		if child.Platform.OS != os || child.Platform.Architecture != arch {
			continue
		}
		single, err := index.Image(child.Digest)
		if err != nil {
			return image, noImage(ref, err)
		}
		if config, err := single.ConfigFile(); err == nil {
			image.Revision = config.Config.Labels[revisionLabel]
		}
	}
	return image, image.supports(ref, os, arch)
}

func (i Image) withConfig(ref string, single v1.Image, os, arch string) (Image, error) {
	config, err := single.ConfigFile()
	if err != nil {
		return i, noImage(ref, err)
	}
	i.Platforms = []string{config.OS + "/" + config.Architecture}
	i.Revision = config.Config.Labels[revisionLabel]
	return i, i.supports(ref, os, arch)
}

// single tells whether the digest is that of one platform's manifest: ECS may
// report that of the platform it took out of an index.
func (i Image) single() bool { return len(i.Platforms) == 1 }

// supports checks the platform. An image that names none (a plain tar import)
// is taken at its word.
func (i Image) supports(ref, os, arch string) error {
	if slices.Contains(i.Platforms, os+"/"+arch) || slices.Contains(i.Platforms, "/") {
		return nil
	}
	return &PlatformError{Image: ref, Want: os + "/" + arch, Have: i.Platforms}
}

// PlatformError says that an image cannot run where the task runs.
type PlatformError struct {
	Image, Want string
	Have        []string
}

// Error implements error.
func (e *PlatformError) Error() string {
	return fmt.Sprintf("image %s is for %s, the task runs on %s", e.Image, strings.Join(e.Have, ", "), e.Want)
}

// noImage says in one sentence why a registry has no image for us.
func noImage(ref string, err error) error {
	d := &diag.Diagnostic{
		Summary: fmt.Sprintf("image %s: the registry does not answer: %v", ref, err), Err: err,
		Try: "check the network, or give the image as repository@sha256:… and set pin-images: false",
	}
	refused, ok := errors.AsType[*transport.Error](err)
	if !ok {
		return d
	}
	switch refused.StatusCode {
	case http.StatusNotFound:
		d.Summary = fmt.Sprintf("image %s does not exist in its registry", ref)
		d.Try = "check the name and that the push succeeded"
	case http.StatusUnauthorized, http.StatusForbidden:
		d.Summary = fmt.Sprintf("image %s: the registry refuses access", ref)
		d.Try = "log in before this step (for ECR: ecr:GetAuthorizationToken, ecr:BatchGetImage and " +
			"ecr:GetDownloadUrlForLayer), or give the image as repository@sha256:… and set pin-images: false"
	}
	return d
}
