package autoscaling

import (
	"context"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"

	"github.com/org/shipkit/internal/localaws/wire"
)

// TagResource tags a scalable target.
func (s *Service) TagResource(ctx context.Context, in *applicationautoscaling.TagResourceInput) (
	*applicationautoscaling.TagResourceOutput, error) {
	err := s.tagged(ctx, in.ResourceARN, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
	return &applicationautoscaling.TagResourceOutput{}, err
}

// UntagResource removes tags by key.
func (s *Service) UntagResource(ctx context.Context, in *applicationautoscaling.UntagResourceInput) (
	*applicationautoscaling.UntagResourceOutput, error) {
	err := s.tagged(ctx, in.ResourceARN, func(tags map[string]string) {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
	})
	return &applicationautoscaling.UntagResourceOutput{}, err
}

// ListTagsForResource lists a scalable target's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *applicationautoscaling.ListTagsForResourceInput) (
	*applicationautoscaling.ListTagsForResourceOutput, error) {
	out := &applicationautoscaling.ListTagsForResourceOutput{}
	err := s.tagged(ctx, in.ResourceARN, func(tags map[string]string) { out.Tags = maps.Clone(tags) })
	return out, err
}

func (s *Service) tagged(ctx context.Context, arn *string, use func(map[string]string)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.targets {
		if t.Owner.Scope() == wire.Caller(ctx).Scope() && *t.Settings.ScalableTargetARN == aws.ToString(arn) {
			use(t.Tags)
			return nil
		}
	}
	return wire.Errorf("ResourceNotFoundException", 400, "Resource not found: %s", aws.ToString(arn))
}

// Tagged calls f with the ARN and the tags of each of the caller's targets, for the tagging API.
func (s *Service) Tagged(id wire.Identity, f func(arn string, tags map[string]string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.targets {
		if t.Owner.Scope() == id.Scope() {
			f(*t.Settings.ScalableTargetARN, t.Tags)
		}
	}
}
