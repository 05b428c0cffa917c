package ssm

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// DeleteParameter removes a parameter with all its versions.
func (s *Service) DeleteParameter(ctx context.Context, in *ssm.DeleteParameterInput) (*ssm.DeleteParameterOutput, error) {
	k := key(wire.Caller(ctx), aws.ToString(in.Name))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parameters[k] == nil {
		return nil, notFound()
	}
	s.remove(k)
	return &ssm.DeleteParameterOutput{}, nil
}

// DeleteParameters removes up to ten; those that do not exist are listed as invalid.
func (s *Service) DeleteParameters(ctx context.Context, in *ssm.DeleteParametersInput) (*ssm.DeleteParametersOutput, error) {
	if len(in.Names) < 1 || len(in.Names) > 10 {
		return nil, invalid("1 validation error detected: Value at 'names' failed to satisfy constraint: " +
			"Member must have length between 1 and 10")
	}
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &ssm.DeleteParametersOutput{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		k := key(id, name)
		if s.parameters[k] == nil {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		s.remove(k)
		out.DeletedParameters = append(out.DeletedParameters, name)
	}
	return out, nil
}

// LabelParameterVersion moves labels to a version (the latest, if none is given). Labels that AWS forbids are listed as
// invalid: those that start with a number, aws or ssm.
func (s *Service) LabelParameterVersion(ctx context.Context, in *ssm.LabelParameterVersionInput) (*ssm.LabelParameterVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parameters[key(wire.Caller(ctx), aws.ToString(in.Name))]
	if p == nil {
		return nil, notFound()
	}
	number := p.latest().Number
	if in.ParameterVersion != nil {
		number = *in.ParameterVersion
	}
	at := slices.IndexFunc(p.Versions, func(v version) bool { return v.Number == number })
	if at < 0 {
		return nil, wire.Errorf("ParameterVersionNotFound", 400, "Systems Manager could not find version %d of %s. "+
			"Verify the version and try again.", number, p.Name)
	}
	out := &ssm.LabelParameterVersionOutput{ParameterVersion: number, InvalidLabels: []string{}}
	for _, label := range in.Labels {
		if !validLabel(label) {
			out.InvalidLabels = append(out.InvalidLabels, label)
			continue
		}
		for i := range p.Versions {
			p.Versions[i].Labels = slices.DeleteFunc(p.Versions[i].Labels, func(l string) bool { return l == label })
		}
		p.Versions[at].Labels = append(p.Versions[at].Labels, label)
	}
	return out, nil
}

func validLabel(label string) bool {
	lower := strings.ToLower(label)
	return validName.MatchString(label) && !strings.Contains(label, "/") && (label[0] < '0' || label[0] > '9') &&
		!strings.HasPrefix(lower, "aws") && !strings.HasPrefix(lower, "ssm")
}

// AddTagsToResource tags a parameter.
func (s *Service) AddTagsToResource(ctx context.Context, in *ssm.AddTagsToResourceInput) (*ssm.AddTagsToResourceOutput, error) {
	err := s.tagged(ctx, in.ResourceType, in.ResourceId, func(tags map[string]string) {
		for _, tag := range in.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
	})
	return &ssm.AddTagsToResourceOutput{}, err
}

// RemoveTagsFromResource removes a parameter's tags by key.
func (s *Service) RemoveTagsFromResource(ctx context.Context, in *ssm.RemoveTagsFromResourceInput) (*ssm.RemoveTagsFromResourceOutput, error) {
	err := s.tagged(ctx, in.ResourceType, in.ResourceId, func(tags map[string]string) {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
	})
	return &ssm.RemoveTagsFromResourceOutput{}, err
}

// ListTagsForResource lists a parameter's tags by key.
func (s *Service) ListTagsForResource(ctx context.Context, in *ssm.ListTagsForResourceInput) (*ssm.ListTagsForResourceOutput, error) {
	out := &ssm.ListTagsForResourceOutput{TagList: []types.Tag{}}
	err := s.tagged(ctx, in.ResourceType, in.ResourceId, func(tags map[string]string) {
		for k, v := range tags {
			out.TagList = append(out.TagList, types.Tag{Key: aws.String(k), Value: aws.String(v)})
		}
	})
	slices.SortFunc(out.TagList, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return out, err
}

func (s *Service) tagged(ctx context.Context, kind types.ResourceTypeForTagging, name *string, use func(map[string]string)) error {
	if kind != types.ResourceTypeForTaggingParameter {
		return wire.Errorf("InvalidResourceType", 400, "local AWS tags parameters only, not %s.", kind)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parameters[key(wire.Caller(ctx), aws.ToString(name))]
	if p == nil {
		return wire.Errorf("InvalidResourceId", 400, "%s does not exist.", aws.ToString(name))
	}
	use(p.Tags)
	return nil
}

// Tagged calls f with the ARN and the tags of each of the caller's parameters, for the tagging API.
func (s *Service) Tagged(id wire.Identity, f func(arn string, tags map[string]string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.inScope(id) {
		f(arn(id, p.Name), p.Tags)
	}
}
