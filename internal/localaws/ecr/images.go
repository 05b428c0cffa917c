package ecr

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	digest "github.com/opencontainers/go-digest"

	"github.com/org/shipkit/internal/localaws/registry"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Pushed implements registry.Policy.
func (s *Service) Pushed(name, tag string, m registry.Manifest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo := s.repos[name]
	if repo == nil {
		return
	}
	img := repo.Images[m.Digest]
	if img == nil {
		img = &stored{MediaType: m.MediaType, Size: contentSize(m.Body), PushedAt: s.now()}
		repo.Images[m.Digest] = img
	}
	if tag == "" || slices.Contains(img.Tags, tag) {
		return
	}
	for _, other := range repo.Images {
		other.Tags = slices.DeleteFunc(other.Tags, func(t string) bool { return t == tag })
	}
	img.Tags = append(img.Tags, tag)
}

// contentSize is the compressed size of an image's layers, in bytes, as ECR counts it.
func contentSize(manifest []byte) int64 {
	var m struct {
		Layers []struct {
			Size int64 `json:"size"`
		} `json:"layers"`
	}
	_ = json.Unmarshal(manifest, &m) // the registry has validated it
	var sum int64
	for _, l := range m.Layers {
		sum += l.Size
	}
	return sum
}

// resolve returns the digest that an identifier names in the repository; the caller holds the lock.
func (r *repository) resolve(id types.ImageIdentifier) (string, types.ImageFailureCode) {
	d, tag := aws.ToString(id.ImageDigest), aws.ToString(id.ImageTag)
	if d == "" && tag == "" {
		return "", types.ImageFailureCodeMissingDigestAndTag
	}
	if d != "" && digest.Digest(d).Validate() != nil {
		return "", types.ImageFailureCodeInvalidImageDigest
	}
	for have, img := range r.Images {
		tagged := slices.Contains(img.Tags, tag)
		switch {
		case have == d && tag != "" && !tagged:
			return "", types.ImageFailureCodeImageTagDoesNotMatchDigest
		case have == d, d == "" && tagged:
			return have, ""
		}
	}
	return "", types.ImageFailureCodeImageNotFound
}

// DescribeImages lists a repository's manifests with tags and sizes.
func (s *Service) DescribeImages(ctx context.Context, in *ecr.DescribeImagesInput) (*ecr.DescribeImagesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(in.RepositoryName, wire.Caller(ctx).AccountID)
	if err != nil {
		return nil, err
	}
	digests := slices.Sorted(maps.Keys(repo.Images))
	if len(in.ImageIds) > 0 {
		digests = nil
	}
	for _, id := range in.ImageIds {
		d, failure := repo.resolve(id)
		if failure != "" {
			return nil, &types.ImageNotFoundException{Message: aws.String(fmt.Sprintf(
				"The image with imageId {imageDigest:'%s', imageTag:'%s'} does not exist within the repository with name '%s' in "+
					"the registry with id '%s'", orNull(id.ImageDigest), orNull(id.ImageTag), *repo.RepositoryName, *repo.RegistryId))}
		}
		digests = append(digests, d)
	}
	out := &ecr.DescribeImagesOutput{ImageDetails: []types.ImageDetail{}}
	for _, d := range digests {
		img := repo.Images[d]
		if in.Filter != nil && !tagStatus(in.Filter.TagStatus, img.Tags) {
			continue
		}
		out.ImageDetails = append(out.ImageDetails, types.ImageDetail{
			ImageDigest: aws.String(d), ImageManifestMediaType: aws.String(img.MediaType), ImagePushedAt: aws.Time(img.PushedAt),
			ImageSizeInBytes: aws.Int64(img.Size), ImageTags: slices.Clone(img.Tags),
			RegistryId: repo.RegistryId, RepositoryName: repo.RepositoryName,
		})
	}
	return out, nil
}

func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

func tagStatus(want types.TagStatus, tags []string) bool {
	return want == "" || want == types.TagStatusAny || (want == types.TagStatusTagged) == (len(tags) > 0)
}

// ListImages lists a repository's image identifiers.
func (s *Service) ListImages(ctx context.Context, in *ecr.ListImagesInput) (*ecr.ListImagesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(in.RepositoryName, wire.Caller(ctx).AccountID)
	if err != nil {
		return nil, err
	}
	out := &ecr.ListImagesOutput{ImageIds: []types.ImageIdentifier{}}
	for _, d := range slices.Sorted(maps.Keys(repo.Images)) {
		tags := repo.Images[d].Tags
		if in.Filter != nil && !tagStatus(in.Filter.TagStatus, tags) {
			continue
		}
		if len(tags) == 0 {
			out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: aws.String(d)})
		}
		for _, tag := range tags {
			out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: aws.String(d), ImageTag: aws.String(tag)})
		}
	}
	return out, nil
}

// BatchGetImage returns manifests.
func (s *Service) BatchGetImage(ctx context.Context, in *ecr.BatchGetImageInput) (*ecr.BatchGetImageOutput, error) {
	s.mu.Lock()
	repo, err := s.find(in.RepositoryName, wire.Caller(ctx).AccountID)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchGetImageOutput{Images: []types.Image{}, Failures: []types.ImageFailure{}}
	for _, id := range in.ImageIds {
		s.mu.Lock()
		d, failure := repo.resolve(id)
		s.mu.Unlock()
		if failure != "" {
			out.Failures = append(out.Failures, imageFailure(id, failure))
			continue
		}
		body, mediaType, err := s.manifest(ctx, *repo.RepositoryName, d)
		if err != nil {
			return nil, err
		}
		out.Images = append(out.Images, types.Image{
			ImageId:       &types.ImageIdentifier{ImageDigest: aws.String(d), ImageTag: id.ImageTag},
			ImageManifest: aws.String(string(body)), ImageManifestMediaType: aws.String(mediaType),
			RegistryId: repo.RegistryId, RepositoryName: repo.RepositoryName,
		})
	}
	return out, nil
}

func imageFailure(id types.ImageIdentifier, code types.ImageFailureCode) types.ImageFailure {
	reason := map[types.ImageFailureCode]string{
		types.ImageFailureCodeImageNotFound:              "Requested image not found",
		types.ImageFailureCodeInvalidImageDigest:         "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
		types.ImageFailureCodeImageTagDoesNotMatchDigest: "The image tag does not match the image digest",
		types.ImageFailureCodeMissingDigestAndTag:        "Image digest and image tag are both missing",
	}[code]
	return types.ImageFailure{ImageId: &id, FailureCode: code, FailureReason: aws.String(reason)}
}

// BatchDeleteImage removes tags, or a manifest with all of its tags when a digest is named.
func (s *Service) BatchDeleteImage(ctx context.Context, in *ecr.BatchDeleteImageInput) (*ecr.BatchDeleteImageOutput, error) {
	s.mu.Lock()
	repo, err := s.find(in.RepositoryName, wire.Caller(ctx).AccountID)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchDeleteImageOutput{ImageIds: []types.ImageIdentifier{}, Failures: []types.ImageFailure{}}
	for _, id := range in.ImageIds {
		s.mu.Lock()
		d, failure := repo.resolve(id)
		last := false
		if failure == "" {
			tags := repo.Images[d].Tags
			last = id.ImageDigest != nil || len(tags) == 1
			if !last {
				repo.Images[d].Tags = slices.DeleteFunc(tags, func(t string) bool { return t == *id.ImageTag })
			}
		}
		s.mu.Unlock()
		if failure != "" {
			out.Failures = append(out.Failures, imageFailure(id, failure))
			continue
		}
		if last {
			err = s.remove(ctx, repo, d)
		} else {
			err = s.do(ctx, http.MethodDelete, *repo.RepositoryName+"/manifests/"+*id.ImageTag, "", "", http.StatusAccepted)
		}
		if err != nil {
			return nil, err
		}
		out.ImageIds = append(out.ImageIds, types.ImageIdentifier{ImageDigest: aws.String(d), ImageTag: id.ImageTag})
	}
	return out, nil
}

// remove deletes a manifest with its tags.
func (s *Service) remove(ctx context.Context, repo *repository, d string) error {
	if err := s.do(ctx, http.MethodDelete, *repo.RepositoryName+"/manifests/"+d, "", "", http.StatusAccepted); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(repo.Images, d)
	return nil
}
