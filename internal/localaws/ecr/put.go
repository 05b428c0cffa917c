package ecr

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	digest "github.com/opencontainers/go-digest"

	"github.com/org/shipkit/internal/localaws/registry"
	"github.com/org/shipkit/internal/localaws/wire"
)

// PutImage stores a manifest under a tag; its blobs must be there.
func (s *Service) PutImage(ctx context.Context, in *ecr.PutImageInput) (*ecr.PutImageOutput, error) {
	body, tag := aws.ToString(in.ImageManifest), aws.ToString(in.ImageTag)
	d := digest.FromString(body).String()
	if in.ImageDigest != nil && *in.ImageDigest != d {
		return nil, &types.ImageDigestDoesNotMatchException{Message: aws.String("The provided image digest does not match the manifest")}
	}
	s.mu.Lock()
	repo, err := s.find(in.RepositoryName, wire.Caller(ctx).AccountID)
	if err == nil {
		err = repo.mayPut(tag, d)
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	mediaType := aws.ToString(in.ImageManifestMediaType)
	if mediaType == "" {
		var m struct {
			MediaType string `json:"mediaType"`
		}
		_ = json.Unmarshal([]byte(body), &m) // the registry answers for a manifest that is not JSON
		mediaType = m.MediaType
	}
	reference := tag
	if reference == "" {
		reference = d
	}
	if err := s.do(ctx, http.MethodPut, *repo.RepositoryName+"/manifests/"+reference, mediaType, body, http.StatusCreated); err != nil {
		if strings.Contains(err.Error(), "BLOB_UNKNOWN") {
			return nil, &types.LayersNotFoundException{Message: aws.String(err.Error())}
		}
		return nil, &types.InvalidParameterException{Message: aws.String(err.Error())}
	}
	s.Pushed(*repo.RepositoryName, tag, registry.Manifest{Digest: d, MediaType: mediaType, Body: []byte(body)})
	return &ecr.PutImageOutput{Image: &types.Image{
		ImageId:       &types.ImageIdentifier{ImageDigest: aws.String(d), ImageTag: in.ImageTag},
		ImageManifest: in.ImageManifest, ImageManifestMediaType: aws.String(mediaType),
		RegistryId: repo.RegistryId, RepositoryName: repo.RepositoryName,
	}}, nil
}

// mayPut reports why a tag cannot name the digest; the caller holds the lock.
func (r *repository) mayPut(tag, d string) error {
	have, failure := r.resolve(types.ImageIdentifier{ImageTag: aws.String(tag)})
	switch {
	case tag == "" || failure != "":
		return nil
	case have == d:
		return &types.ImageAlreadyExistsException{Message: aws.String(fmt.Sprintf(
			"Image with digest '%s' and tag '%s' already exists in the repository with name '%s' in registry with id '%s'",
			d, tag, *r.RepositoryName, *r.RegistryId))}
	case r.immutable(tag):
		return &types.ImageTagAlreadyExistsException{Message: aws.String(fmt.Sprintf(
			"The image tag '%s' already exists in the '%s' repository and cannot be overwritten because the repository is immutable.",
			tag, *r.RepositoryName))}
	}
	return nil
}
