package ecs

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// revision is one revision of a task definition. Only its status ever changes, under the service's lock.
type revision struct {
	types.TaskDefinition
	tags []types.Tag
}

func familyKey(id wire.Identity, family string) string {
	return id.AccountID + "/" + id.Region + "/" + family
}

// RegisterTaskDefinition adds a revision to a family.
func (s *Service) RegisterTaskDefinition(
	ctx context.Context, in *ecs.RegisterTaskDefinitionInput,
) (*ecs.RegisterTaskDefinitionOutput, error) {
	if err := checkDefinition(in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := wire.Caller(ctx)
	key := familyKey(id, *in.Family)
	number := len(s.families[key]) + 1
	r := &revision{tags: in.Tags, TaskDefinition: types.TaskDefinition{
		TaskDefinitionArn:    aws.String(arnOf(id, "task-definition/%s:%d", *in.Family, number)),
		ContainerDefinitions: defaults(in.ContainerDefinitions), Family: in.Family, Revision: int32(number), //nolint:gosec // small
		Status: types.TaskDefinitionStatusActive, RegisteredAt: aws.Time(s.Clock.Now()), RegisteredBy: aws.String(id.ARN),
		Cpu: in.Cpu, Memory: in.Memory, NetworkMode: in.NetworkMode, RequiresCompatibilities: in.RequiresCompatibilities,
		TaskRoleArn: in.TaskRoleArn, ExecutionRoleArn: in.ExecutionRoleArn, RuntimePlatform: in.RuntimePlatform,
		Volumes: in.Volumes, PlacementConstraints: in.PlacementConstraints, EphemeralStorage: in.EphemeralStorage,
		PidMode: in.PidMode, IpcMode: in.IpcMode, ProxyConfiguration: in.ProxyConfiguration,
		EnableFaultInjection: in.EnableFaultInjection,
		Compatibilities:      []types.Compatibility{types.CompatibilityEc2, types.CompatibilityFargate},
	}}
	s.families[key] = append(s.families[key], r)
	d := r.TaskDefinition
	return &ecs.RegisterTaskDefinitionOutput{TaskDefinition: &d, Tags: r.tags}, nil
}

// defaults fills in what ECS fills in.
func defaults(containers []types.ContainerDefinition) []types.ContainerDefinition {
	filled := slices.Clone(containers)
	for i := range filled {
		c := &filled[i]
		if c.Essential == nil {
			c.Essential = aws.Bool(true)
		}
		c.PortMappings = slices.Clone(c.PortMappings)
		for j := range c.PortMappings {
			if c.PortMappings[j].Protocol == "" {
				c.PortMappings[j].Protocol = types.TransportProtocolTcp
			}
		}
	}
	return filled
}

// checkDefinition refuses what ECS refuses, in its words.
func checkDefinition(in *ecs.RegisterTaskDefinitionInput) error {
	if in.Family == nil || !namePattern.MatchString(*in.Family) {
		return client("Family contains invalid characters.")
	}
	if len(in.ContainerDefinitions) == 0 {
		return client("Container list cannot be empty.")
	}
	fargate := slices.Contains(in.RequiresCompatibilities, types.CompatibilityFargate)
	if fargate && (in.Cpu == nil || in.Memory == nil) {
		return client("Fargate requires that 'cpu' and 'memory' be defined at the task level.")
	}
	if fargate && in.NetworkMode != types.NetworkModeAwsvpc {
		return client("Fargate only supports network mode ‘awsvpc’.")
	}
	if err := sizes(in); err != nil {
		return err
	}
	if fargate {
		cpu, _ := strconv.Atoi(*in.Cpu)
		memory, _ := strconv.Atoi(*in.Memory)
		if !fitsFargate(cpu, memory) {
			return client("No Fargate configuration exists for given values: %d CPU, %d memory. See the Amazon ECS documentation for the valid values.", cpu, memory)
		}
	}
	names, essential := map[string]bool{}, false
	for _, c := range in.ContainerDefinitions {
		name := aws.ToString(c.Name)
		switch {
		case !namePattern.MatchString(name):
			return client("Container name is invalid: '%s'", name)
		case names[name]:
			return client("Container names must be unique: '%s'", name)
		case aws.ToString(c.Image) == "":
			return client("Container.image should not be null or empty.")
		case in.Memory == nil && c.Memory == nil && c.MemoryReservation == nil:
			return client("Invalid setting for container '%s'. At least one of 'memory' or 'memoryReservation' must be specified.", name)
		}
		names[name] = true
		essential = essential || c.Essential == nil || *c.Essential
	}
	if !essential {
		return client("Task definition must have at least one essential container.")
	}
	return nil
}

// definition finds a revision by ARN, by family:revision, or the newest active one of a family. The caller holds the lock.
func (s *Service) definition(ctx context.Context, ref string) *revision {
	id := wire.Caller(ctx)
	if _, after, ok := strings.Cut(ref, ":task-definition/"); ok {
		ref = after
	}
	family, number, has := strings.Cut(ref, ":")
	revisions := s.families[familyKey(id, family)]
	if !has {
		for i := len(revisions) - 1; i >= 0; i-- {
			if revisions[i].Status == types.TaskDefinitionStatusActive {
				return revisions[i]
			}
		}
		return nil
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(revisions) {
		return nil
	}
	return revisions[n-1]
}

// usable finds a revision that tasks can be started from.
func (s *Service) usable(ctx context.Context, ref *string) (*revision, error) {
	r := s.definition(ctx, aws.ToString(ref))
	if r == nil {
		return nil, client("TaskDefinition not found.")
	}
	if r.Status != types.TaskDefinitionStatusActive {
		return nil, client("TaskDefinition is inactive")
	}
	return r, nil
}

// DescribeTaskDefinition describes a revision, active or not.
func (s *Service) DescribeTaskDefinition(
	ctx context.Context, in *ecs.DescribeTaskDefinitionInput,
) (*ecs.DescribeTaskDefinitionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.definition(ctx, aws.ToString(in.TaskDefinition))
	if r == nil {
		return nil, client("Unable to describe task definition.")
	}
	d := r.TaskDefinition
	out := &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &d}
	if slices.Contains(in.Include, types.TaskDefinitionFieldTags) {
		out.Tags = slices.Clone(r.tags)
	}
	return out, nil
}

// DeregisterTaskDefinition makes a revision INACTIVE: what runs from it goes on, nothing new can use it.
func (s *Service) DeregisterTaskDefinition(
	ctx context.Context, in *ecs.DeregisterTaskDefinitionInput,
) (*ecs.DeregisterTaskDefinitionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.Contains(strings.TrimPrefix(aws.ToString(in.TaskDefinition), arnOf(wire.Caller(ctx), "")), ":") {
		return nil, client("Task definition must contain a revision.")
	}
	r := s.definition(ctx, *in.TaskDefinition)
	if r == nil {
		return nil, client("The specified task definition does not exist.")
	}
	r.Status = types.TaskDefinitionStatusInactive
	r.DeregisteredAt = aws.Time(s.Clock.Now())
	d := r.TaskDefinition
	return &ecs.DeregisterTaskDefinitionOutput{TaskDefinition: &d}, nil
}

// ListTaskDefinitions lists the ARNs of revisions.
func (s *Service) ListTaskDefinitions(
	ctx context.Context, in *ecs.ListTaskDefinitionsInput,
) (*ecs.ListTaskDefinitionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := in.Status
	if status == "" {
		status = types.TaskDefinitionStatusActive
	}
	prefix := familyKey(wire.Caller(ctx), aws.ToString(in.FamilyPrefix))
	var all []string
	for _, key := range slices.Sorted(maps.Keys(s.families)) {
		if in.FamilyPrefix != nil && key != prefix || !strings.HasPrefix(key, prefix) {
			continue
		}
		for _, r := range s.families[key] {
			if r.Status == status {
				all = append(all, *r.TaskDefinitionArn)
			}
		}
	}
	if in.Sort == types.SortOrderDesc {
		slices.Reverse(all)
	}
	page, next, err := paginate(all, in.MaxResults, in.NextToken)
	return &ecs.ListTaskDefinitionsOutput{TaskDefinitionArns: page, NextToken: next}, err
}
