package ssm

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/internal/localaws/page"
	"github.com/org/shipkit/internal/localaws/wire"
)

// GetParameter returns one parameter: by name, name:version, name:label or ARN.
func (s *Service) GetParameter(ctx context.Context, in *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(id, aws.ToString(in.Name), aws.ToBool(in.WithDecryption))
	if err != nil {
		return nil, err
	}
	return &ssm.GetParameterOutput{Parameter: found}, nil
}

// GetParameters returns up to ten parameters; those that do not exist are listed as invalid.
func (s *Service) GetParameters(ctx context.Context, in *ssm.GetParametersInput) (*ssm.GetParametersOutput, error) {
	if len(in.Names) < 1 || len(in.Names) > 10 {
		return nil, invalid("1 validation error detected: Value at 'names' failed to satisfy constraint: " +
			"Member must have length between 1 and 10")
	}
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &ssm.GetParametersOutput{Parameters: []types.Parameter{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		found, err := s.find(id, name, aws.ToBool(in.WithDecryption))
		if err != nil {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		out.Parameters = append(out.Parameters, *found)
	}
	return out, nil
}

// GetParametersByPath returns what stands below a path, ten at most in a page.
func (s *Service) GetParametersByPath(ctx context.Context, in *ssm.GetParametersByPathInput) (*ssm.GetParametersByPathOutput, error) {
	path := aws.ToString(in.Path)
	if !strings.HasPrefix(path, "/") {
		return nil, invalid("The parameter doesn't meet the parameter name requirements. The parameter name must begin " +
			"with a forward slash \"/\".")
	}
	id := wire.Caller(ctx)
	prefix := strings.TrimSuffix(path, "/") + "/"
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []types.Parameter
	for _, p := range s.inScope(id) {
		rest, below := strings.CutPrefix(p.Name, prefix)
		if below && (aws.ToBool(in.Recursive) || !strings.Contains(rest, "/")) {
			found = append(found, *p.render(id, p.latest(), aws.ToBool(in.WithDecryption)))
		}
	}
	items, next, err := page.Cut(found, in.NextToken, page.Size(in.MaxResults, 10), "InvalidNextToken")
	if err != nil {
		return nil, err
	}
	return &ssm.GetParametersByPathOutput{Parameters: items, NextToken: next}, nil
}

// GetParameterHistory returns all versions, oldest first.
func (s *Service) GetParameterHistory(ctx context.Context, in *ssm.GetParameterHistoryInput) (*ssm.GetParameterHistoryOutput, error) {
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parameters[key(id, bareName(id, aws.ToString(in.Name)))]
	if p == nil {
		return nil, notFound()
	}
	var history []types.ParameterHistory
	for i := range p.Versions {
		v := &p.Versions[i]
		shown := p.render(id, v, aws.ToBool(in.WithDecryption))
		history = append(history, types.ParameterHistory{Name: shown.Name, Type: v.Type, Value: shown.Value, Version: v.Number,
			Labels: v.Labels, LastModifiedDate: &v.Modified, LastModifiedUser: &v.User, Description: aws.String(p.Description),
			Tier: p.Tier, DataType: aws.String("text")})
	}
	items, next, err := page.Cut(history, in.NextToken, page.Size(in.MaxResults, 50), "InvalidNextToken")
	if err != nil {
		return nil, err
	}
	return &ssm.GetParameterHistoryOutput{Parameters: items, NextToken: next}, nil
}

// Value returns a parameter's present value, as ECS injects it into containers; ref is a name or an ARN.
func (s *Service) Value(id wire.Identity, ref string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(id, ref, true)
	if err != nil {
		return "", err
	}
	return *found.Value, nil
}

// find resolves a reference. The lock is held.
func (s *Service) find(id wire.Identity, ref string, decrypt bool) (*types.Parameter, error) {
	name, selector, selected := strings.Cut(bareName(id, ref), ":")
	p := s.parameters[key(id, name)]
	if p == nil {
		return nil, notFound()
	}
	if !selected {
		return p.render(id, p.latest(), decrypt), nil
	}
	for i := range p.Versions {
		v := &p.Versions[i]
		if strconv.FormatInt(v.Number, 10) == selector || slices.Contains(v.Labels, selector) {
			found := p.render(id, v, decrypt)
			found.Selector = aws.String(":" + selector)
			return found, nil
		}
	}
	return nil, wire.Errorf("ParameterVersionNotFound", 400, "Systems Manager could not find version %s of %s. "+
		"Verify the version and try again.", selector, name)
}

// bareName takes the name out of an ARN; of a name without hierarchy the ARN has dropped nothing.
func bareName(id wire.Identity, ref string) string {
	rest, isARN := strings.CutPrefix(ref, id.Resource("ssm", "parameter/"))
	switch {
	case !isARN:
		return ref
	case strings.Contains(rest, "/"):
		return "/" + rest
	default:
		return rest
	}
}

func (p *parameter) render(id wire.Identity, v *version, decrypt bool) *types.Parameter {
	value := v.Value
	if v.Type == types.ParameterTypeSecureString && !decrypt {
		value = base64.StdEncoding.EncodeToString([]byte("encrypted by " + v.KeyID))
	}
	return &types.Parameter{ARN: aws.String(arn(id, p.Name)), Name: &p.Name, Type: v.Type, Value: &value, Version: v.Number,
		LastModifiedDate: &v.Modified, DataType: aws.String("text")}
}

// inScope lists the caller's parameters by name. The lock is held.
func (s *Service) inScope(id wire.Identity) []*parameter {
	var mine []*parameter
	for k, p := range s.parameters {
		if strings.HasPrefix(k, id.Scope()+" ") {
			mine = append(mine, p)
		}
	}
	slices.SortFunc(mine, func(a, b *parameter) int { return strings.Compare(a.Name, b.Name) })
	return mine
}
