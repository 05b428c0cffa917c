package ssm

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// Limits: https://docs.aws.amazon.com/general/latest/gr/ssm.html
const (
	maxName          = 1011
	maxVersions      = 100
	maxLevels        = 15
	maxStandardValue = 4096
	maxAdvancedValue = 8192
	maxTags          = 50
)

var validName = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

// PutParameter creates a parameter or, with Overwrite, adds a version. Without Overwrite it is the one atomic operation
// of Parameter Store: of two callers, one gets ParameterAlreadyExists.
func (s *Service) PutParameter(ctx context.Context, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	if err := checkPut(in); err != nil {
		return nil, err
	}
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parameters[key(id, *in.Name)]
	switch {
	case p == nil && in.Type == "":
		return nil, invalid("A parameter type is required when you create a parameter.")
	case p != nil && !aws.ToBool(in.Overwrite):
		return nil, wire.Errorf("ParameterAlreadyExists", 400, "The parameter already exists. "+
			"To overwrite this value, set the overwrite option in the request to true.")
	case p == nil:
		if err := s.rested(key(id, *in.Name), *in.Name); err != nil {
			return nil, err
		}
		p = &parameter{Name: *in.Name, Type: in.Type, Tier: types.ParameterTierStandard, Tags: map[string]string{}}
		s.parameters[key(id, *in.Name)] = p
	}
	p.update(in)
	return s.addVersion(id, p, in)
}

func checkPut(in *ssm.PutParameterInput) error {
	name, value := aws.ToString(in.Name), aws.ToString(in.Value)
	limit := maxStandardValue
	if in.Tier == types.ParameterTierAdvanced || in.Tier == types.ParameterTierIntelligentTiering {
		limit = maxAdvancedValue
	}
	bare := strings.ToLower(strings.TrimPrefix(name, "/"))
	switch {
	case !validName.MatchString(name) || len(name) > maxName:
		return invalid("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive), and consists of " +
			"letters, numbers and the symbols .-_/")
	case strings.HasPrefix(bare, "aws") || strings.HasPrefix(bare, "ssm"):
		return wire.Errorf("AccessDeniedException", 400, "No access to reserved parameter name: %s.", name)
	case strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return invalid("Parameter name must be a fully qualified name.")
	case strings.Count(name, "/") > maxLevels:
		return wire.Errorf("HierarchyLevelLimitExceededException", 400,
			"The hierarchy can have a maximum of %d levels.", maxLevels)
	case value == "":
		return invalid("1 validation error detected: Value '' at 'value' failed to satisfy constraint: " +
			"Member must have length greater than or equal to 1")
	case len(value) > limit:
		return invalid("%s tier parameters support a maximum parameter value of %d characters.", tierName(in.Tier), limit)
	case in.Type != "" && !slices.Contains(in.Type.Values(), in.Type):
		return invalid("1 validation error detected: Value '%s' at 'type' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [SecureString, StringList, String]", in.Type)
	case aws.ToBool(in.Overwrite) && len(in.Tags) > 0:
		return invalid("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, " +
			"please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource.")
	case len(in.Tags) > maxTags:
		return wire.Errorf("TooManyTagsError", 400, "A parameter can have at most %d tags.", maxTags)
	}
	return checkPattern(in.AllowedPattern, value)
}

func tierName(t types.ParameterTier) types.ParameterTier {
	if t == "" {
		return types.ParameterTierStandard
	}
	return t
}

func checkPattern(pattern *string, value string) error {
	if aws.ToString(pattern) == "" {
		return nil
	}
	re, err := regexp.Compile(*pattern)
	if err != nil {
		return wire.Errorf("InvalidAllowedPatternException", 400, "The allowed pattern is not valid: %v", err)
	}
	if !re.MatchString(value) {
		return wire.Errorf("ParameterPatternMismatchException", 400,
			"Parameter value, cannot be validated against allowedPattern: %s", *pattern)
	}
	return nil
}

func (p *parameter) update(in *ssm.PutParameterInput) {
	if in.Type != "" {
		p.Type = in.Type
	}
	if in.Description != nil {
		p.Description = *in.Description
	}
	if in.Tier == types.ParameterTierAdvanced {
		p.Tier = in.Tier
	}
	for _, tag := range in.Tags {
		p.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
}

// addVersion keeps a hundred versions. The oldest goes, unless a label holds it.
func (s *Service) addVersion(id wire.Identity, p *parameter, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	next := version{Number: 1, Value: *in.Value, Type: p.Type, Modified: s.clock.Now(), User: id.ARN}
	if len(p.Versions) > 0 {
		next.Number = p.latest().Number + 1
	}
	if p.Type == types.ParameterTypeSecureString {
		if next.KeyID = aws.ToString(in.KeyId); next.KeyID == "" {
			next.KeyID = "alias/aws/ssm"
		}
	}
	if len(p.Versions) == maxVersions {
		if oldest := p.Versions[0]; len(oldest.Labels) > 0 {
			return nil, wire.Errorf("ParameterMaxVersionLimitExceeded", 400, "You attempted to create a new version of %s by "+
				"calling the PutParameter API with the overwrite flag. Version %d, the oldest version, can't be deleted because "+
				"it has a label associated with it. Move the label to another version of the parameter, and try again.",
				p.Name, oldest.Number)
		}
		p.Versions = p.Versions[1:]
	}
	p.Versions = append(p.Versions, next)
	return &ssm.PutParameterOutput{Version: next.Number, Tier: p.Tier}, nil
}
