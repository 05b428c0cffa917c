// Package build runs container builds and opens the images that they make,
// without compressing a layer that need not be sent.
//
// A build goes through `docker buildx` or plain `docker build`; an image that
// exists already is opened from the local engine, an archive, an OCI layout or
// a registry. Either way the result is a [Built].
package build

import (
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Built is a finished image on this machine, for one platform or several.
type Built struct {
	Images []Image
	// Index is the index that joins the images, and whatever else the builder
	// put there, such as attestations; nil for a single image.
	Index *v1.IndexManifest
	// Attestations are the manifests of Index that are no images.
	Attestations []Image
	// Metadata is what the builder says of the build, as JSON; may be empty.
	Metadata []byte

	closers []func() error
}

// Image is the image of one platform. Its layers may be uncompressed: their
// digest is then their diff ID.
type Image struct {
	v1.Image
	Platform v1.Platform
	// Descriptor is how the index names it; empty for a single image.
	Descriptor v1.Descriptor
}

// Close frees what the images are read from. They cannot be read afterwards.
func (b *Built) Close() error {
	var errs []error
	for _, closer := range b.closers {
		errs = append(errs, closer())
	}
	b.closers = nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the built image: %w", err)
	}
	return nil
}
