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

// notes keeps what a Terraform workspace was made from in Parameter Store.
type notes struct{ client *ssm.Client }

var _ terraform.Notes = notes{}

func noteName(n namespace.Namespace) string { return n.Parameter("env", "terraform") }

// Get implements terraform.Notes.
func (s notes) Get(ctx context.Context, n namespace.Namespace) (string, error) {
	out, err := s.client.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(noteName(n))})
	var missing *types.ParameterNotFound
	if errors.As(err, &missing) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read parameter %s: %w", noteName(n), err)
	}
	return aws.ToString(out.Parameter.Value), nil
}

// Put implements terraform.Notes.
func (s notes) Put(ctx context.Context, n namespace.Namespace, note string) error {
	_, err := s.client.PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String(noteName(n)), Value: &note, Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
		Tier: types.ParameterTierIntelligentTiering, // outputs may be longer than the 4 KB that cost nothing
	})
	if err != nil {
		return fmt.Errorf("write parameter %s: %w", noteName(n), err)
	}
	return nil
}

// Delete implements terraform.Notes.
func (s notes) Delete(ctx context.Context, n namespace.Namespace) error {
	_, err := s.client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String(noteName(n))})
	var missing *types.ParameterNotFound
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("delete parameter %s: %w", noteName(n), err)
	}
	return nil
}
