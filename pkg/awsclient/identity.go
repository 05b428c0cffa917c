package awsclient

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/org/shipkit/pkg/diag"
)

// Caller is who the credentials belong to.
type Caller struct {
	AccountID string // 12 digits
	ARN       string // arn:aws:sts::123456789012:assumed-role/deploy/session
}

// Identity asks STS who the credentials of cfg belong to. It needs no
// permission.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func Identity(ctx context.Context, cfg aws.Config) (Caller, error) {
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Caller{}, fmt.Errorf("ask AWS for the caller's identity: %w", Explain(err))
	}
	return Caller{AccountID: aws.ToString(out.Account), ARN: aws.ToString(out.Arn)}, nil
}

func checkAccount(ctx context.Context, cfg aws.Config, expected string) error {
	caller, err := Identity(ctx, cfg)
	if err != nil {
		return err
	}
	if caller.AccountID != expected {
		return &diag.Diagnostic{
			Summary: fmt.Sprintf("the credentials belong to account %s, not to the expected %s; nothing was done", caller.AccountID, expected),
			Detail:  "They are those of " + caller.ARN + ".",
			Try:     "check role-to-assume of aws-actions/configure-aws-credentials, or the input expected-account-id",
		}
	}
	return nil
}
