package cloudformation

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/org/shipkit/internal/localaws/cloudformation/resource"
)

// changes is what a revision would do to a stack.
type changes struct {
	resources []types.Change
	beside    bool // outputs or tags change
}

func (c changes) any() bool { return c.beside || len(c.resources) > 0 }

// compare finds what a revision would do, without doing it.
func (s *Service) compare(ctx context.Context, st *stack, r *revision) (changes, error) {
	replaced := map[string]bool{}
	at := s.resourceAt(st)
	scope, err := r.scope(st, func(name string) *member {
		if replaced[name] {
			return nil // what refers to it will see a new value
		}
		return at(name)
	}, s.export(ctx))
	if err != nil {
		return changes{}, err
	}
	order, err := r.template.Order()
	if err != nil {
		return changes{}, invalid("%s", err.Error())
	}
	var c changes
	kept := map[string]bool{}
	for _, name := range order {
		declared := r.template.Resources[name]
		if !scope.Holds(declared.Condition) {
			continue
		}
		kept[name] = true
		evaluated, err := scope.Evaluate(declared.Properties)
		if err != nil {
			return changes{}, invalid("%s", err.Error())
		}
		properties, _ := evaluated.(map[string]any)
		if resolved, err := s.resolve(ctx, properties); err == nil {
			properties, _ = resolved.(map[string]any)
		}
		change, err := compareResource(name, declared.Type, at(name), properties, stackTags(r.Tags))
		if err != nil {
			return changes{}, invalid("%s", err.Error())
		}
		if change != nil {
			replaced[name] = change.Replacement == types.ReplacementTrue
			c.add(change)
		}
	}
	c.addRemovals(s.membersOf(st), kept)
	c.beside = !maps.Equal(stackTags(st.Tags), stackTags(r.Tags)) || s.outputsDiffer(ctx, st, r, kept)
	return c, nil
}

func (s *Service) membersOf(st *stack) map[string]*member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(st.Resources)
}

func compareResource(name, typ string, m *member, properties map[string]any,
	tags map[string]string) (*types.ResourceChange, error) {
	if m == nil {
		return &types.ResourceChange{Action: types.ChangeActionAdd, LogicalResourceId: &name, ResourceType: &typ}, nil
	}
	kind, err := resource.Lookup(typ)
	if err != nil {
		return nil, err //nolint:wrapcheck // AWS's words
	}
	changed := resource.Changed(m.Properties, properties)
	retagged := kind.Taggable() && !maps.Equal(m.Tags, tags)
	if len(changed) == 0 && !retagged {
		return nil, nil
	}
	change := &types.ResourceChange{
		Action: types.ChangeActionModify, LogicalResourceId: &name, ResourceType: &typ, PhysicalResourceId: &m.PhysicalID,
		Replacement: types.ReplacementFalse,
	}
	if len(changed) > 0 && kind.Replaces(m.Properties, properties) {
		change.Replacement = types.ReplacementTrue
	}
	if retagged {
		change.Scope = append(change.Scope, types.ResourceAttributeTags)
	}
	if len(changed) > 0 {
		change.Scope = append(change.Scope, types.ResourceAttributeProperties)
	}
	for _, property := range changed {
		change.Details = append(change.Details, types.ResourceChangeDetail{
			Evaluation: types.EvaluationTypeStatic, ChangeSource: types.ChangeSourceDirectModification,
			Target: &types.ResourceTargetDefinition{Attribute: types.ResourceAttributeProperties, Name: new(property)},
		})
	}
	return change, nil
}

func (c *changes) add(change *types.ResourceChange) {
	c.resources = append(c.resources, types.Change{Type: types.ChangeTypeResource, ResourceChange: change})
}

func (c *changes) addRemovals(members map[string]*member, kept map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if m := members[name]; !kept[name] {
			change := &types.ResourceChange{
				Action: types.ChangeActionRemove, LogicalResourceId: new(name), ResourceType: &m.Type,
				PhysicalResourceId: &m.PhysicalID,
			}
			if m.DeletionPolicy == "Retain" {
				change.PolicyAction = types.PolicyActionRetain
			}
			c.add(change)
		}
	}
}

// outputsDiffer tells whether the revision has other outputs than the stack.
func (s *Service) outputsDiffer(ctx context.Context, st *stack, r *revision, kept map[string]bool) bool {
	d := &deployment{Service: s, stack: st, next: r}
	var err error
	d.scope, err = r.scope(st, func(name string) *member {
		if !kept[name] {
			return nil
		}
		return d.resourceAt(st)(name)
	}, s.export(ctx))
	if err != nil {
		return true
	}
	outputs, err := d.outputs()
	if err != nil || len(outputs) != len(st.Outputs) {
		return true
	}
	for i, o := range outputs {
		if aws.ToString(o.OutputKey) != aws.ToString(st.Outputs[i].OutputKey) ||
			aws.ToString(o.OutputValue) != aws.ToString(st.Outputs[i].OutputValue) {
			return true
		}
	}
	return false
}
