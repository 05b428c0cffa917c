package ecr

import (
	"context"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	digest "github.com/opencontainers/go-digest"

	"github.com/org/shipkit/internal/localaws/wire"
)

// BatchCheckLayerAvailability tells which blobs need no upload.
func (s *Service) BatchCheckLayerAvailability(
	ctx context.Context, in *ecr.BatchCheckLayerAvailabilityInput,
) (*ecr.BatchCheckLayerAvailabilityOutput, error) {
	s.mu.Lock()
	repo, err := s.find(in.RepositoryName, wire.Caller(ctx).AccountID)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchCheckLayerAvailabilityOutput{Layers: []types.Layer{}, Failures: []types.LayerFailure{}}
	for _, d := range in.LayerDigests {
		if digest.Digest(d).Validate() != nil {
			out.Failures = append(out.Failures, types.LayerFailure{
				LayerDigest: aws.String(d), FailureCode: types.LayerFailureCodeInvalidLayerDigest,
				FailureReason: aws.String("Invalid layer digest"),
			})
			continue
		}
		layer := types.Layer{LayerDigest: aws.String(d), LayerAvailability: types.LayerAvailabilityUnavailable}
		resp, err := s.roundTrip(ctx, http.MethodHead, *repo.RepositoryName+"/blobs/"+d, "", "")
		if err != nil {
			return nil, err
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			layer.LayerAvailability = types.LayerAvailabilityAvailable
			layer.MediaType = aws.String("application/vnd.docker.image.rootfs.diff.tar.gzip")
			var size int64
			if _, err := fmt.Sscan(resp.Header.Get("Content-Length"), &size); err == nil {
				layer.LayerSize = &size
			}
		}
		out.Layers = append(out.Layers, layer)
	}
	return out, nil
}
