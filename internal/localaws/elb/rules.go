package elb

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// rule is one rule of a listener.
type rule struct {
	types.Rule
	credit map[string]int // by target group, for the choice by weight
}

// act replaces the actions.
func (r *rule) act(actions []types.Action) { r.Actions, r.credit = actions, nil }

// groups lists the target groups that the rule names.
func (r *rule) groups() []string {
	var groups []string
	for _, a := range r.Actions {
		groups = append(groups, forwardsTo(a)...)
	}
	return groups
}

// CreateRule adds a rule to a listener.
func (s *Service) CreateRule(ctx context.Context, in *elb.CreateRuleInput) (*elb.CreateRuleOutput, error) {
	if err := s.checkActions(in.Actions); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.listeners[aws.ToString(in.ListenerArn)]
	if l == nil {
		return nil, notFound("Listener", "")
	}
	priority := strconv.Itoa(int(aws.ToInt32(in.Priority)))
	if slices.ContainsFunc(l.rules, func(r *rule) bool { return *r.Priority == priority }) {
		return nil, wire.Errorf("PriorityInUse", http.StatusBadRequest, "Priority '%s' is currently in use", priority)
	}
	_, path, _ := strings.Cut(*in.ListenerArn, "listener/")
	r := &rule{Rule: types.Rule{
		RuleArn: aws.String(arn(ctx, "listener-rule/%s/%s", path, newID())), IsDefault: aws.Bool(false),
		Priority: aws.String(priority), Actions: in.Actions, Conditions: in.Conditions,
	}}
	l.rules = append(l.rules, r)
	slices.SortFunc(l.rules, func(a, b *rule) int { return cmp.Compare(a.priority(), b.priority()) })
	s.tag(*r.RuleArn, in.Tags)
	return &elb.CreateRuleOutput{Rules: []types.Rule{r.Rule}}, nil
}

// DescribeRules lists rules of a listener, or rules by ARN.
func (s *Service) DescribeRules(_ context.Context, in *elb.DescribeRulesInput) (*elb.DescribeRulesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.ListenerArn != nil && s.listeners[*in.ListenerArn] == nil {
		return nil, notFound("Listener", "")
	}
	out := &elb.DescribeRulesOutput{Rules: []types.Rule{}}
	for _, key := range sorted(s.listeners) {
		if in.ListenerArn != nil && *in.ListenerArn != key {
			continue
		}
		for _, r := range s.listeners[key].rules {
			if wanted(in.RuleArns, *r.RuleArn) {
				out.Rules = append(out.Rules, r.Rule)
			}
		}
	}
	if len(in.RuleArns) > len(out.Rules) {
		return nil, notFound("Rule", "")
	}
	return out, nil
}

// ModifyRule changes a rule's actions or conditions.
func (s *Service) ModifyRule(_ context.Context, in *elb.ModifyRuleInput) (*elb.ModifyRuleOutput, error) {
	if err := s.checkActions(in.Actions); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l, r := s.findRule(aws.ToString(in.RuleArn))
	if r == nil {
		return nil, notFound("Rule", "")
	}
	if in.Actions != nil {
		r.act(in.Actions)
		if *r.IsDefault {
			l.DefaultActions = in.Actions
		}
	}
	if in.Conditions != nil {
		r.Conditions = in.Conditions
	}
	return &elb.ModifyRuleOutput{Rules: []types.Rule{r.Rule}}, nil
}

// DeleteRule removes a rule.
func (s *Service) DeleteRule(_ context.Context, in *elb.DeleteRuleInput) (*elb.DeleteRuleOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, r := s.findRule(aws.ToString(in.RuleArn))
	if r == nil {
		return nil, notFound("Rule", "")
	}
	if *r.IsDefault {
		return nil, wire.Errorf("OperationNotPermitted", http.StatusBadRequest, "Default rule '%s' cannot be deleted", *in.RuleArn)
	}
	l.rules = slices.DeleteFunc(l.rules, func(other *rule) bool { return other == r })
	return &elb.DeleteRuleOutput{}, nil
}

func (s *Service) findRule(ruleARN string) (*listener, *rule) {
	for _, l := range s.listeners {
		for _, r := range l.rules {
			if *r.RuleArn == ruleARN {
				return l, r
			}
		}
	}
	return nil, nil
}

// AddTags sets tags of load balancers, listeners, rules and target groups.
func (s *Service) AddTags(_ context.Context, in *elb.AddTagsInput) (*elb.AddTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range in.ResourceArns {
		s.tag(resource, in.Tags)
	}
	return &elb.AddTagsOutput{}, nil
}

// tag sets tags; the caller holds the lock.
func (s *Service) tag(resource string, tags []types.Tag) {
	if s.tags[resource] == nil {
		s.tags[resource] = map[string]string{}
	}
	for _, t := range tags {
		s.tags[resource][*t.Key] = aws.ToString(t.Value)
	}
}

// DescribeTags lists tags.
func (s *Service) DescribeTags(_ context.Context, in *elb.DescribeTagsInput) (*elb.DescribeTagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &elb.DescribeTagsOutput{}
	for _, resource := range in.ResourceArns {
		d := types.TagDescription{ResourceArn: aws.String(resource), Tags: []types.Tag{}}
		for _, key := range sorted(s.tags[resource]) {
			d.Tags = append(d.Tags, types.Tag{Key: aws.String(key), Value: aws.String(s.tags[resource][key])})
		}
		out.TagDescriptions = append(out.TagDescriptions, d)
	}
	return out, nil
}
