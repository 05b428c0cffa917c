package scheduler

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/org/shipkit/internal/localaws/page"
	"github.com/org/shipkit/internal/localaws/wire"
)

func groupARN(id wire.Identity, name string) string {
	return id.Resource("scheduler", "schedule-group/"+name)
}

// group finds a group. "default" is always there. The lock is held.
func (s *Service) group(id wire.Identity, name string) (*group, error) {
	if g := s.groups[id.Scope()+" "+name]; g != nil {
		return g, nil
	}
	if name == "default" {
		return &group{Name: name, Created: time.Unix(0, 0).UTC(), Changed: time.Unix(0, 0).UTC()}, nil
	}
	return nil, notFound("Schedule group", name)
}

// CreateScheduleGroup makes a group.
func (s *Service) CreateScheduleGroup(ctx context.Context, in *scheduler.CreateScheduleGroupInput) (
	*scheduler.CreateScheduleGroupOutput, error) {
	id, name := wire.Caller(ctx), aws.ToString(in.Name)
	if !validName.MatchString(name) {
		return nil, invalid("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.group(id, name); err == nil {
		return nil, wire.Errorf("ConflictException", 409, "Schedule group %s already exists.", name)
	}
	now := s.clock.Now()
	g := &group{Name: name, Created: now, Changed: now, Tags: map[string]string{}}
	for _, t := range in.Tags {
		g.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	s.groups[id.Scope()+" "+name] = g
	return &scheduler.CreateScheduleGroupOutput{ScheduleGroupArn: aws.String(groupARN(id, name))}, nil
}

// GetScheduleGroup returns one group.
func (s *Service) GetScheduleGroup(ctx context.Context, in *scheduler.GetScheduleGroupInput) (*scheduler.GetScheduleGroupOutput, error) {
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(id, aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	return &scheduler.GetScheduleGroupOutput{Arn: aws.String(groupARN(id, g.Name)), Name: &g.Name, CreationDate: &g.Created,
		LastModificationDate: &g.Changed, State: types.ScheduleGroupStateActive}, nil
}

// DeleteScheduleGroup removes a group and all of its schedules.
func (s *Service) DeleteScheduleGroup(ctx context.Context, in *scheduler.DeleteScheduleGroupInput) (
	*scheduler.DeleteScheduleGroupOutput, error) {
	id, name := wire.Caller(ctx), aws.ToString(in.Name)
	if name == "default" {
		return nil, invalid("The default schedule group can't be deleted.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.group(id, name); err != nil {
		return nil, err
	}
	delete(s.groups, id.Scope()+" "+name)
	for k, x := range s.schedules {
		if x.Owner.Scope() == id.Scope() && x.Group == name {
			x.disarm()
			delete(s.schedules, k)
		}
	}
	return &scheduler.DeleteScheduleGroupOutput{}, nil
}

// ListScheduleGroups lists groups by name prefix.
func (s *Service) ListScheduleGroups(ctx context.Context, in *scheduler.ListScheduleGroupsInput) (*scheduler.ListScheduleGroupsOutput, error) {
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	fallback, _ := s.group(id, "default") // always there
	groups := []*group{fallback}
	for k, g := range s.groups {
		if strings.HasPrefix(k, id.Scope()+" ") {
			groups = append(groups, g)
		}
	}
	found := []types.ScheduleGroupSummary{}
	for _, g := range groups {
		if strings.HasPrefix(g.Name, aws.ToString(in.NamePrefix)) {
			found = append(found, types.ScheduleGroupSummary{Arn: aws.String(groupARN(id, g.Name)), Name: &g.Name,
				CreationDate: &g.Created, LastModificationDate: &g.Changed, State: types.ScheduleGroupStateActive})
		}
	}
	slices.SortFunc(found, func(a, b types.ScheduleGroupSummary) int { return strings.Compare(*a.Name, *b.Name) })
	items, next, err := page.Cut(found, in.NextToken, page.Size(in.MaxResults, 100), "ValidationException")
	if err != nil {
		return nil, err
	}
	return &scheduler.ListScheduleGroupsOutput{ScheduleGroups: items, NextToken: next}, nil
}

// TagResource tags a group; schedules themselves have no tags.
func (s *Service) TagResource(ctx context.Context, in *scheduler.TagResourceInput) (*scheduler.TagResourceOutput, error) {
	err := s.tagged(ctx, in.ResourceArn, func(g *group) {
		for _, t := range in.Tags {
			g.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
	})
	return &scheduler.TagResourceOutput{}, err
}

// UntagResource removes a group's tags by key.
func (s *Service) UntagResource(ctx context.Context, in *scheduler.UntagResourceInput) (*scheduler.UntagResourceOutput, error) {
	err := s.tagged(ctx, in.ResourceArn, func(g *group) {
		for _, k := range in.TagKeys {
			delete(g.Tags, k)
		}
	})
	return &scheduler.UntagResourceOutput{}, err
}

// ListTagsForResource lists a group's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *scheduler.ListTagsForResourceInput) (
	*scheduler.ListTagsForResourceOutput, error) {
	out := &scheduler.ListTagsForResourceOutput{Tags: []types.Tag{}}
	err := s.tagged(ctx, in.ResourceArn, func(g *group) {
		for _, k := range slices.Sorted(maps.Keys(g.Tags)) {
			out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(g.Tags[k])})
		}
	})
	return out, err
}

func (s *Service) tagged(ctx context.Context, arn *string, use func(*group)) error {
	id := wire.Caller(ctx)
	name, ok := strings.CutPrefix(aws.ToString(arn), groupARN(id, ""))
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[id.Scope()+" "+name]
	if !ok || g == nil {
		return notFound("Schedule group", aws.ToString(arn))
	}
	use(g)
	return nil
}

// Tagged calls f with the ARN and the tags of each of the caller's groups, for the tagging API.
func (s *Service) Tagged(id wire.Identity, f func(arn string, tags map[string]string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, g := range s.groups {
		if strings.HasPrefix(k, id.Scope()+" ") {
			f(groupARN(id, g.Name), g.Tags)
		}
	}
}
