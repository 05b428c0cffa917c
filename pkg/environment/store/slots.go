package store

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/namespace"
)

// Slots keeps each slot in a parameter /<shared namespace>/env/slot/<number>,
// created with Overwrite=false, so that two claims have one winner.
type Slots struct {
	SSM *ssm.Client
	// Shared is the project's namespace of common things.
	Shared namespace.Namespace
}

var _ environment.Slots = Slots{}

func (s Slots) name(i int) string { return s.Shared.Parameter("env", "slot", strconv.Itoa(i)) }

// Claim implements environment.Slots.
func (s Slots) Claim(ctx context.Context, owner string, limit int) error {
	owners, err := s.owners(ctx)
	if err != nil {
		return err
	}
	for _, known := range owners {
		if known == owner {
			return nil
		}
	}
	taken := make([]string, 0, limit)
	for i := 1; i <= limit; i++ {
		if known, ok := owners[i]; ok {
			taken = append(taken, known)
			continue
		}
		_, err := s.SSM.PutParameter(ctx, &ssm.PutParameterInput{
			Name: aws.String(s.name(i)), Value: &owner, Type: types.ParameterTypeString, Overwrite: aws.Bool(false),
		})
		var exists *types.ParameterAlreadyExists
		switch {
		case errors.As(err, &exists):
			taken = append(taken, "another one, a moment ago")
		case err != nil:
			return fmt.Errorf("claim slot %d: %w", i, err)
		default:
			return nil
		}
	}
	return &environment.FullError{Limit: limit, Owners: taken}
}

// Release implements environment.Slots.
func (s Slots) Release(ctx context.Context, owner string) error {
	owners, err := s.owners(ctx)
	if err != nil {
		return err
	}
	for i, known := range owners {
		if known != owner {
			continue
		}
		if err := deleteParameter(ctx, s.SSM, s.name(i)); err != nil {
			return err
		}
	}
	return nil
}

func (s Slots) owners(ctx context.Context) (map[int]string, error) {
	owners := map[int]string{}
	root := s.Shared.Parameter("env", "slot")
	pages := ssm.NewGetParametersByPathPaginator(s.SSM, &ssm.GetParametersByPathInput{Path: &root})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list slots below %s: %w", root, err)
		}
		for _, parameter := range page.Parameters {
			if i, err := strconv.Atoi(path.Base(aws.ToString(parameter.Name))); err == nil {
				owners[i] = aws.ToString(parameter.Value)
			}
		}
	}
	return owners, nil
}
