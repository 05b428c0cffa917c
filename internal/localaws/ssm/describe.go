package ssm

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/internal/localaws/page"
	"github.com/org/shipkit/internal/localaws/wire"
)

// DescribeParameters lists parameters without their values, filtered by Name, Path, Type, Tier or tag:<key>.
func (s *Service) DescribeParameters(ctx context.Context, in *ssm.DescribeParametersInput) (*ssm.DescribeParametersOutput, error) {
	id := wire.Caller(ctx)
	for _, f := range in.ParameterFilters {
		if err := checkFilter(f); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []types.ParameterMetadata
	for _, p := range s.inScope(id) {
		if p.passes(in.ParameterFilters) {
			found = append(found, p.metadata(id))
		}
	}
	items, next, err := page.Cut(found, in.NextToken, page.Size(in.MaxResults, 50), "InvalidNextToken")
	if err != nil {
		return nil, err
	}
	return &ssm.DescribeParametersOutput{Parameters: items, NextToken: next}, nil
}

func (p *parameter) metadata(id wire.Identity) types.ParameterMetadata {
	v := p.latest()
	m := types.ParameterMetadata{ARN: aws.String(arn(id, p.Name)), Name: &p.Name, Type: p.Type, Tier: p.Tier,
		Version: v.Number, LastModifiedDate: &v.Modified, LastModifiedUser: &v.User, DataType: aws.String("text"),
		Policies: []types.ParameterInlinePolicy{}}
	if p.Description != "" {
		m.Description = &p.Description
	}
	if v.KeyID != "" {
		m.KeyId = &v.KeyID
	}
	return m
}

func checkFilter(f types.ParameterStringFilter) error {
	filter := aws.ToString(f.Key)
	known := []string{"Name", "Path", "Type", "Tier"}
	if !slices.Contains(known, filter) && !strings.HasPrefix(filter, "tag:") {
		return wire.Errorf("InvalidFilterKey", 400, "The following filter key is not valid: %s. Valid filter keys here "+
			"include: [%s, tag:<key>].", filter, strings.Join(known, ", "))
	}
	option := aws.ToString(f.Option)
	if !slices.Contains([]string{"", "Equals", "BeginsWith", "Contains", "Recursive", "OneLevel"}, option) {
		return wire.Errorf("InvalidFilterOption", 400, "The following filter option is not valid: %s.", option)
	}
	return nil
}

func (p *parameter) passes(filters []types.ParameterStringFilter) bool {
	return !slices.ContainsFunc(filters, func(f types.ParameterStringFilter) bool { return !p.matches(f) })
}

func (p *parameter) matches(f types.ParameterStringFilter) bool {
	filter := aws.ToString(f.Key)
	if name, ok := strings.CutPrefix(filter, "tag:"); ok {
		value, tagged := p.Tags[name]
		return tagged && (len(f.Values) == 0 || slices.Contains(f.Values, value))
	}
	subject := map[string]string{"Name": p.Name, "Path": p.Name, "Type": string(p.Type), "Tier": string(p.Tier)}[filter]
	return slices.ContainsFunc(f.Values, func(want string) bool {
		return satisfies(subject, want, filter, aws.ToString(f.Option))
	})
}

func satisfies(subject, want, filter, option string) bool {
	if filter == "Path" {
		rest, below := strings.CutPrefix(subject, strings.TrimSuffix(want, "/")+"/")
		return below && (option == "Recursive" || !strings.Contains(rest, "/"))
	}
	switch option {
	case "BeginsWith":
		return strings.HasPrefix(subject, want)
	case "Contains":
		return strings.Contains(subject, want)
	default:
		return subject == want
	}
}
