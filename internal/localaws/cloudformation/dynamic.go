package cloudformation

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/internal/localaws/cloudformation/resource"
)

// dynamic is a reference to a value in another service
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html).
var dynamic = regexp.MustCompile(`\{\{resolve:(ssm|ssm-secure|secretsmanager):([^{}]+)\}\}`)

// resolve replaces dynamic references in properties.
func (s *Service) resolve(ctx context.Context, value any) (any, error) {
	switch v := value.(type) {
	case string:
		return s.resolveText(ctx, v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			resolved, err := s.resolve(ctx, item)
			if err != nil {
				return nil, err
			}
			out[i] = resolved
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			resolved, err := s.resolve(ctx, item)
			if err != nil {
				return nil, err
			}
			out[key] = resolved
		}
		return out, nil
	}
	return value, nil
}

func (s *Service) resolveText(ctx context.Context, text string) (string, error) {
	var failure error
	resolved := dynamic.ReplaceAllStringFunc(text, func(found string) string {
		match := dynamic.FindStringSubmatch(found)
		look := s.parameterStore
		if match[1] == "secretsmanager" {
			look = s.secret
		}
		value, err := look(ctx, match[2])
		if err != nil {
			failure = fmt.Errorf("could not resolve %s: %w", found, err)
		}
		return value
	})
	return resolved, failure
}

// parameterStore reads name or name:version.
func (s *Service) parameterStore(ctx context.Context, name string) (string, error) {
	out, err := resource.Call[ssm.GetParameterOutput](ctx, s.world, "ssm", "GetParameter",
		&ssm.GetParameterInput{Name: &name, WithDecryption: new(true)})
	if err != nil {
		return "", fmt.Errorf("read parameter %s: %w", name, err)
	}
	return aws.ToString(out.Parameter.Value), nil
}

// secret reads id:SecretString:key; an id may be an ARN, which has colons.
func (s *Service) secret(ctx context.Context, reference string) (string, error) {
	id, rest, _ := strings.Cut(reference, ":SecretString")
	out, err := resource.Call[secretsmanager.GetSecretValueOutput](ctx, s.world, "secretsmanager", "GetSecretValue",
		&secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return "", fmt.Errorf("read secret %s: %w", id, err)
	}
	parts := strings.Split(strings.TrimPrefix(rest, ":"), ":")
	if parts[0] == "" {
		return aws.ToString(out.SecretString), nil
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(aws.ToString(out.SecretString)), &object); err != nil {
		return "", fmt.Errorf("read secret %s: %w", id, err)
	}
	value, ok := object[parts[0]].(string)
	if !ok {
		return "", fmt.Errorf("secret %s has no key %s", id, parts[0])
	}
	return value, nil
}
