package rds

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// AddTagsToResource adds or replaces tags.
func (s *Service) AddTagsToResource(ctx context.Context, in *rds.AddTagsToResourceInput) (*rds.AddTagsToResourceOutput,
	error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.here(ctx).tags(in.ResourceName)
	if err != nil {
		return nil, err
	}
	*tags = mergeTags(*tags, in.Tags)
	return &rds.AddTagsToResourceOutput{}, nil
}

// RemoveTagsFromResource removes tags by key.
func (s *Service) RemoveTagsFromResource(
	ctx context.Context, in *rds.RemoveTagsFromResourceInput,
) (*rds.RemoveTagsFromResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.here(ctx).tags(in.ResourceName)
	if err != nil {
		return nil, err
	}
	*tags = slices.DeleteFunc(slices.Clone(*tags),
		func(t types.Tag) bool { return slices.Contains(in.TagKeys, aws.ToString(t.Key)) })
	return &rds.RemoveTagsFromResourceOutput{}, nil
}

// ListTagsForResource lists the tags of an instance, cluster, snapshot or
// group, by ARN.
func (s *Service) ListTagsForResource(ctx context.Context,
	in *rds.ListTagsForResourceInput) (*rds.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.here(ctx).tags(in.ResourceName)
	if err != nil {
		return nil, err
	}
	return &rds.ListTagsForResourceOutput{TagList: *tags}, nil
}

// Tagged calls f for every resource of the caller's account and region.
func (s *Service) Tagged(id wire.Identity, f func(arn string, tags map[string]string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.at(place{id.AccountID, id.Region})
	for _, i := range st.Instances {
		f(*i.DBInstanceArn, byKey(i.TagList))
	}
	for _, c := range st.Clusters {
		f(*c.DBClusterArn, byKey(c.TagList))
	}
	for _, k := range []*kind{instanceKind, clusterKind} {
		for _, p := range k.snapshots(st) {
			f(p.ARN, byKey(p.Tags))
		}
	}
}

func byKey(tags []types.Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return m
}

// tags returns where a resource keeps its tags. The lock is held.
func (st *state) tags(name *string) (*[]types.Tag, error) {
	parsed, err := arn.Parse(aws.ToString(name))
	if err != nil || parsed.Service != "rds" {
		return nil, invalid("Invalid resource name: %s", aws.ToString(name))
	}
	kindName, id, _ := strings.Cut(parsed.Resource, ":")
	switch kindName {
	case "db":
		if i := st.Instances[id]; i != nil {
			return &i.TagList, nil
		}
		return nil, wire.Errorf("DBInstanceNotFound", 404, "DBInstance %s not found.", id)
	case "cluster":
		if c := st.Clusters[id]; c != nil {
			return &c.TagList, nil
		}
		return nil, wire.Errorf("DBClusterNotFoundFault", 404, "DBCluster %s not found.", id)
	case "snapshot", "cluster-snapshot":
		k := instanceKind
		if kindName == clusterKind.name {
			k = clusterKind
		}
		p, err := k.own(st, name)
		if err != nil {
			return nil, err
		}
		return &p.Tags, nil
	case "subgrp":
		if g := st.SubnetGroups[id]; g != nil {
			return &g.Tags, nil
		}
		return nil, wire.Errorf("DBSubnetGroupNotFoundFault", 404, "DB subnet group '%s' does not exist.", id)
	case "pg", "cluster-pg":
		groups := st.ParameterGroups
		if kindName == "cluster-pg" {
			groups = st.ClusterParameterGroups
		}
		if g := groups[id]; g != nil {
			return &g.Tags, nil
		}
		return nil, wire.Errorf("DBParameterGroupNotFound", 404, "DBParameterGroup not found: %s", id)
	}
	return nil, invalid("Invalid resource name: %s", *name)
}

// mergeTags returns base with tags added or replaced, leaving base alone.
func mergeTags(base, tags []types.Tag) []types.Tag {
	merged := slices.DeleteFunc(slices.Clone(base), func(b types.Tag) bool {
		return slices.ContainsFunc(tags, func(t types.Tag) bool { return aws.ToString(t.Key) == aws.ToString(b.Key) })
	})
	return append(merged, tags...)
}
