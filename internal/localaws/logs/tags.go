package logs

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/org/shipkit/internal/localaws/wire"
)

// TagResource adds tags to a group.
func (s *Service) TagResource(ctx context.Context, in *cloudwatchlogs.TagResourceInput) (*cloudwatchlogs.TagResourceOutput, error) {
	err := s.tagged(ctx, in.ResourceArn, func(g *group) { maps.Copy(g.Tags, in.Tags) })
	return &cloudwatchlogs.TagResourceOutput{}, err
}

// UntagResource removes tags by key.
func (s *Service) UntagResource(ctx context.Context, in *cloudwatchlogs.UntagResourceInput) (*cloudwatchlogs.UntagResourceOutput, error) {
	err := s.tagged(ctx, in.ResourceArn, func(g *group) {
		for _, k := range in.TagKeys {
			delete(g.Tags, k)
		}
	})
	return &cloudwatchlogs.UntagResourceOutput{}, err
}

// ListTagsForResource lists a group's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *cloudwatchlogs.ListTagsForResourceInput) (
	*cloudwatchlogs.ListTagsForResourceOutput, error) {
	out := &cloudwatchlogs.ListTagsForResourceOutput{}
	err := s.tagged(ctx, in.ResourceArn, func(g *group) { out.Tags = maps.Clone(g.Tags) })
	return out, err
}

func (s *Service) tagged(ctx context.Context, arn *string, use func(*group)) error {
	id := wire.Caller(ctx)
	name, ok := strings.CutPrefix(aws.ToString(arn), id.Resource("logs", "log-group:"))
	if !ok {
		return invalid("local AWS tags log groups of the caller only, not %s", aws.ToString(arn))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(id, strings.TrimSuffix(name, ":*"))
	if err == nil {
		use(g)
	}
	return err
}

// Tagged calls f with the ARN and the tags of each of the caller's groups, for the tagging API.
func (s *Service) Tagged(id wire.Identity, f func(arn string, tags map[string]string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, g := range s.groups {
		if strings.HasPrefix(k, id.Scope()+" ") {
			f(id.Resource("logs", "log-group:"+g.Name), g.Tags)
		}
	}
}
