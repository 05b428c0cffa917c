package cloudformation

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/org/shipkit/internal/localaws/cloudformation/template"
	"github.com/org/shipkit/internal/localaws/wire"
)

// here returns the caller's stacks. The lock is held.
func (s *Service) here(ctx context.Context) (stacks []*stack) {
	caller := wire.Caller(ctx)
	for _, st := range s.stacks {
		if st.Account == caller.AccountID && st.Region == caller.Region {
			stacks = append(stacks, st)
		}
	}
	return stacks
}

// DescribeStacks describes one stack, or all that are not deleted. A deleted
// one is found by its ID.
func (s *Service) DescribeStacks(ctx context.Context,
	in *cloudformation.DescribeStacksInput) (*cloudformation.DescribeStacksOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.StackName != nil {
		st, err := s.find(ctx, in.StackName)
		if err != nil {
			return nil, err
		}
		return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{st.shown()}}, nil
	}
	var all []types.Stack
	for _, st := range slices.Backward(s.here(ctx)) {
		if st.StackStatus != types.StackStatusDeleteComplete {
			all = append(all, st.shown())
		}
	}
	page, next, err := paginate(all, in.NextToken)
	return &cloudformation.DescribeStacksOutput{Stacks: page, NextToken: next}, err
}

// shown is the stack with NoEcho parameters hidden.
func (st *stack) shown() types.Stack {
	out := st.Stack
	if parsed, err := template.Parse(st.Body); err == nil {
		out.Parameters = shown(st.Parameters, &revision{template: parsed})
	}
	return out
}

func shown(parameters []types.Parameter, r *revision) []types.Parameter {
	out := slices.Clone(parameters)
	for i, p := range out {
		if r.template != nil && r.template.Parameters[aws.ToString(p.ParameterKey)].NoEcho {
			out[i].ParameterValue = new("****")
		}
	}
	return out
}

// ListStacks lists stacks of some states, deleted ones too.
func (s *Service) ListStacks(ctx context.Context,
	in *cloudformation.ListStacksInput) (*cloudformation.ListStacksOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []types.StackSummary
	for _, st := range slices.Backward(s.here(ctx)) {
		if len(in.StackStatusFilter) == 0 || slices.Contains(in.StackStatusFilter, st.StackStatus) {
			all = append(all, types.StackSummary{
				StackId: st.StackId, StackName: st.StackName, StackStatus: st.StackStatus,
				StackStatusReason: st.StackStatusReason,
				CreationTime:      st.CreationTime, LastUpdatedTime: st.LastUpdatedTime, DeletionTime: st.DeletionTime,
				TemplateDescription: st.Description,
			})
		}
	}
	page, next, err := paginate(all, in.NextToken)
	return &cloudformation.ListStacksOutput{StackSummaries: page, NextToken: next}, err
}

// DescribeStackEvents lists events, newest first.
func (s *Service) DescribeStackEvents(
	ctx context.Context, in *cloudformation.DescribeStackEventsInput,
) (*cloudformation.DescribeStackEventsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(ctx, in.StackName)
	if err != nil {
		return nil, invalid("Stack [%s] does not exist", aws.ToString(in.StackName))
	}
	newest := slices.Clone(st.Events)
	slices.Reverse(newest)
	page, next, err := paginate(newest, in.NextToken)
	return &cloudformation.DescribeStackEventsOutput{StackEvents: page, NextToken: next}, err
}

// DescribeStackResources describes a stack's resources.
func (s *Service) DescribeStackResources(
	ctx context.Context, in *cloudformation.DescribeStackResourcesInput,
) (*cloudformation.DescribeStackResourcesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.DescribeStackResourcesOutput{}
	for _, m := range st.members() {
		if in.LogicalResourceId == nil || *in.LogicalResourceId == m.LogicalID {
			out.StackResources = append(out.StackResources, types.StackResource{
				StackId: st.StackId, StackName: st.StackName, LogicalResourceId: &m.LogicalID,
				PhysicalResourceId: optional(m.PhysicalID),
				ResourceType:       &m.Type, ResourceStatus: m.Status, ResourceStatusReason: optional(m.Reason),
				Timestamp: m.updated(),
			})
		}
	}
	return out, nil
}

// ListStackResources lists a stack's resources.
func (s *Service) ListStackResources(
	ctx context.Context, in *cloudformation.ListStackResourcesInput,
) (*cloudformation.ListStackResourcesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.find(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	var all []types.StackResourceSummary
	for _, m := range st.members() {
		all = append(all, types.StackResourceSummary{
			LogicalResourceId: &m.LogicalID, PhysicalResourceId: optional(m.PhysicalID), ResourceType: &m.Type,
			ResourceStatus: m.Status, ResourceStatusReason: optional(m.Reason), LastUpdatedTimestamp: m.updated(),
		})
	}
	page, next, err := paginate(all, in.NextToken)
	return &cloudformation.ListStackResourcesOutput{StackResourceSummaries: page, NextToken: next}, err
}

// members returns copies of the resources, by name.
func (st *stack) members() (members []member) {
	for _, name := range slices.Sorted(maps.Keys(st.Resources)) {
		members = append(members, *st.Resources[name])
	}
	return members
}

func (m *member) updated() *time.Time {
	t, err := time.Parse(time.RFC3339, m.Updated)
	if err != nil {
		return nil
	}
	return &t
}

// GetTemplate returns the template as it was given.
func (s *Service) GetTemplate(ctx context.Context,
	in *cloudformation.GetTemplateInput) (*cloudformation.GetTemplateOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &cloudformation.GetTemplateOutput{StagesAvailable: []types.TemplateStage{types.TemplateStageOriginal,
		types.TemplateStageProcessed}}
	if in.ChangeSetName != nil {
		_, cs, err := s.changeSet(ctx, in.ChangeSetName, in.StackName)
		if err != nil {
			return nil, err
		}
		out.TemplateBody = &cs.Revision.Body
		return out, nil
	}
	st, err := s.find(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	out.TemplateBody = &st.Body
	return out, nil
}

// ValidateTemplate checks a template and lists its parameters.
func (s *Service) ValidateTemplate(
	_ context.Context, in *cloudformation.ValidateTemplateInput,
) (*cloudformation.ValidateTemplateOutput, error) {
	r := &revision{Capabilities: []types.Capability{types.CapabilityCapabilityIam}}
	var err error
	if r.template, err = template.Parse(aws.ToString(in.TemplateBody)); err != nil {
		return nil, invalid("%s", err.Error())
	}
	if err := r.checkTypes(); err != nil {
		return nil, err
	}
	out := &cloudformation.ValidateTemplateOutput{Description: optional(r.template.Description)}
	for _, name := range slices.Sorted(maps.Keys(r.template.Parameters)) {
		p := r.template.Parameters[name]
		out.Parameters = append(out.Parameters, types.TemplateParameter{
			ParameterKey: &name, DefaultValue: p.Default, NoEcho: &p.NoEcho, Description: optional(p.Description),
		})
	}
	return out, nil
}

// paginate cuts a page of a hundred out of all. A token is the number of the
// next item.
func paginate[T any](all []T, token *string) (page []T, next *string, err error) {
	const size = 100
	start := 0
	if token != nil {
		if start, err = strconv.Atoi(*token); err != nil || start < 0 || start > len(all) {
			return nil, nil, invalid("NextToken is invalid: %s", *token)
		}
	}
	end := min(start+size, len(all))
	if end < len(all) {
		next = new(strconv.Itoa(end))
	}
	return all[start:end], next, nil
}

// Tagged calls f for every stack of the caller's account and region.
func (s *Service) Tagged(id wire.Identity, f func(arn string, tags map[string]string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.here(wire.WithCaller(context.Background(), id)) {
		if st.StackStatus != types.StackStatusDeleteComplete {
			f(*st.StackId, stackTags(st.Tags))
		}
	}
}
