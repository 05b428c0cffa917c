package ephemeralenv

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/pkg/environment/terraform"
	"github.com/org/shipkit/pkg/namespace"
)

// notes keeps a text for each environment in Parameter Store, under a name.
type notes struct {
	client *ssm.Client
	what   string
}

var _ terraform.Notes = notes{}

func (s notes) name(n namespace.Namespace) string { return n.Parameter("env", s.what) }

// Get implements terraform.Notes.
func (s notes) Get(ctx context.Context, n namespace.Namespace) (string, error) {
	out, err := s.client.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(s.name(n))})
	var missing *types.ParameterNotFound
	if errors.As(err, &missing) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read parameter %s: %w", s.name(n), err)
	}
	return aws.ToString(out.Parameter.Value), nil
}

// Put implements terraform.Notes.
func (s notes) Put(ctx context.Context, n namespace.Namespace, note string) error {
	_, err := s.client.PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String(s.name(n)), Value: &note, Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
		Tier: types.ParameterTierIntelligentTiering, // outputs may be longer than the 4 KB that cost nothing
	})
	if err != nil {
		return fmt.Errorf("write parameter %s: %w", s.name(n), err)
	}
	return nil
}

// Delete implements terraform.Notes.
func (s notes) Delete(ctx context.Context, n namespace.Namespace) error {
	_, err := s.client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String(s.name(n))})
	var missing *types.ParameterNotFound
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("delete parameter %s: %w", s.name(n), err)
	}
	return nil
}
