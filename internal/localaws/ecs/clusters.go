package ecs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// cluster holds services and tasks.
type cluster struct {
	arn, name string
	caller    wire.Identity // account and region
	settings  []types.ClusterSetting
	providers []string
	status    string
	tags      []types.Tag
	services  map[string]*service // by name
	tasks     map[string]*task    // by ID
}

// arnOf builds an ARN of an account and region.
func arnOf(id wire.Identity, format string, args ...any) string {
	return fmt.Sprintf("arn:aws:ecs:%s:%s:%s", id.Region, id.AccountID, fmt.Sprintf(format, args...))
}

// cluster finds a cluster by name or ARN; none named means "default". The caller holds the lock.
func (s *Service) cluster(ctx context.Context, ref *string) (*cluster, error) {
	key := clusterARN(ctx, ref)
	c := s.clusters[key]
	if c == nil || c.status == "INACTIVE" {
		return nil, &types.ClusterNotFoundException{Message: aws.String("Cluster not found.")}
	}
	return c, nil
}

func clusterARN(ctx context.Context, ref *string) string {
	name := cmp.Or(aws.ToString(ref), "default")
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return arnOf(wire.Caller(ctx), "cluster/%s", name)
}

// CreateCluster makes a cluster, or returns the one that is there.
func (s *Service) CreateCluster(ctx context.Context, in *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
	name := cmp.Or(aws.ToString(in.ClusterName), "default")
	if !namePattern.MatchString(name) {
		return nil, invalid("Identifiers must contain only alphanumeric characters, hyphens and underscores.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := clusterARN(ctx, &name)
	c := s.clusters[key]
	if c == nil || c.status == "INACTIVE" {
		c = &cluster{
			arn: key, name: name, caller: wire.Caller(ctx), status: "ACTIVE", tags: in.Tags, settings: in.Settings,
			providers: in.CapacityProviders, services: map[string]*service{}, tasks: map[string]*task{},
		}
		s.clusters[key] = c
	}
	return &ecs.CreateClusterOutput{Cluster: c.describe()}, nil
}

// describe counts what the cluster has; the caller holds the lock.
func (c *cluster) describe() *types.Cluster {
	d := &types.Cluster{
		ClusterArn: aws.String(c.arn), ClusterName: aws.String(c.name), Status: aws.String(c.status), Tags: slices.Clone(c.tags),
		Settings: c.settings, CapacityProviders: c.providers, Statistics: []types.KeyValuePair{},
	}
	for _, svc := range c.services {
		if svc.status == "ACTIVE" {
			d.ActiveServicesCount++
		}
	}
	for _, t := range c.tasks {
		switch {
		case t.lastStatus == "RUNNING":
			d.RunningTasksCount++
		case t.starting():
			d.PendingTasksCount++
		}
	}
	return d
}

// DescribeClusters describes clusters; unknown ones are failures with the reason MISSING.
func (s *Service) DescribeClusters(ctx context.Context, in *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refs := in.Clusters
	if len(refs) == 0 {
		refs = []string{"default"}
	}
	out := &ecs.DescribeClustersOutput{Clusters: []types.Cluster{}, Failures: []types.Failure{}}
	for _, ref := range refs {
		key := clusterARN(ctx, &ref)
		if c := s.clusters[key]; c != nil {
			out.Clusters = append(out.Clusters, *c.describe())
		} else {
			out.Failures = append(out.Failures, missing(key))
		}
	}
	return out, nil
}

func missing(arn string) types.Failure {
	return types.Failure{Arn: aws.String(arn), Reason: aws.String("MISSING")}
}

// ListClusters lists the ARNs of clusters.
func (s *Service) ListClusters(ctx context.Context, in *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prefix := arnOf(wire.Caller(ctx), "cluster/")
	var all []string
	for _, key := range slices.Sorted(maps.Keys(s.clusters)) {
		if strings.HasPrefix(key, prefix) && s.clusters[key].status == "ACTIVE" {
			all = append(all, key)
		}
	}
	page, next, err := paginate(all, in.MaxResults, in.NextToken)
	return &ecs.ListClustersOutput{ClusterArns: page, NextToken: next}, err
}

// DeleteCluster removes a cluster that has no service and no task.
func (s *Service) DeleteCluster(ctx context.Context, in *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.cluster(ctx, in.Cluster)
	if err != nil {
		return nil, err
	}
	d := c.describe()
	if d.ActiveServicesCount > 0 {
		return nil, &types.ClusterContainsServicesException{Message: aws.String(
			"The Cluster cannot be deleted while Services are active.")}
	}
	if d.RunningTasksCount+d.PendingTasksCount > 0 {
		return nil, &types.ClusterContainsTasksException{Message: aws.String(
			"The Cluster cannot be deleted while Tasks are active.")}
	}
	c.status = "INACTIVE"
	return &ecs.DeleteClusterOutput{Cluster: c.describe()}, nil
}
