package ecs

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// tagsOf is where the tags of a resource are, or nil; the caller holds the lock.
func (s *Service) tagsOf(ctx context.Context, arn string) *[]types.Tag {
	if c := s.clusters[arn]; c != nil {
		return &c.tags
	}
	if strings.Contains(arn, ":task-definition/") {
		if r := s.definition(ctx, arn); r != nil {
			return &r.tags
		}
	}
	for _, c := range s.clusters {
		for _, svc := range c.services {
			if svc.arn == arn {
				return &svc.tags
			}
		}
		if t := c.task(arn); t != nil && strings.HasPrefix(arn, "arn:") {
			return &t.tags
		}
	}
	return nil
}

// TagResource sets tags of a cluster, service, task or task definition.
func (s *Service) TagResource(ctx context.Context, in *ecs.TagResourceInput) (*ecs.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags := s.tagsOf(ctx, aws.ToString(in.ResourceArn))
	if tags == nil {
		return nil, invalid("The specified resource was not found.")
	}
	fresh := slices.DeleteFunc(slices.Clone(*tags), func(old types.Tag) bool {
		return slices.ContainsFunc(in.Tags, func(t types.Tag) bool { return aws.ToString(t.Key) == aws.ToString(old.Key) })
	})
	*tags = append(fresh, in.Tags...)
	return &ecs.TagResourceOutput{}, nil
}

// UntagResource removes tags.
func (s *Service) UntagResource(ctx context.Context, in *ecs.UntagResourceInput) (*ecs.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags := s.tagsOf(ctx, aws.ToString(in.ResourceArn))
	if tags == nil {
		return nil, invalid("The specified resource was not found.")
	}
	*tags = slices.DeleteFunc(slices.Clone(*tags), func(t types.Tag) bool {
		return slices.Contains(in.TagKeys, aws.ToString(t.Key))
	})
	return &ecs.UntagResourceOutput{}, nil
}

// ListTagsForResource lists tags.
func (s *Service) ListTagsForResource(
	ctx context.Context, in *ecs.ListTagsForResourceInput,
) (*ecs.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags := s.tagsOf(ctx, aws.ToString(in.ResourceArn))
	if tags == nil {
		return nil, invalid("The specified resource was not found.")
	}
	return &ecs.ListTagsForResourceOutput{Tags: slices.Clone(*tags)}, nil
}

// Tagged calls f for every tagged resource of an account and region: for Resource Groups Tagging.
func (s *Service) Tagged(id wire.Identity, f func(arn string, tags map[string]string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prefix := arnOf(id, "")
	tell := func(arn string, tags []types.Tag) {
		if len(tags) == 0 || !strings.HasPrefix(arn, prefix) {
			return
		}
		m := map[string]string{}
		for _, t := range tags {
			m[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		f(arn, m)
	}
	for _, c := range s.clusters {
		tell(c.arn, c.tags)
		for _, svc := range c.services {
			tell(svc.arn, svc.tags)
		}
	}
	for _, family := range s.families {
		for _, r := range family {
			tell(*r.TaskDefinitionArn, r.tags)
		}
	}
}
