package deployecs

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/ecsdeploy"
)

// connect makes the clients of everything that a deployment touches.
func connect(ctx context.Context, rt *action.Runtime, region, account string, retries int) (*ecsdeploy.Clients, error) {
	cfg, err := awsclient.Load(ctx, awsclient.Options{Region: region, ExpectedAccountID: account})
	if err != nil {
		return nil, err
	}
	limitAnswered(&cfg, retries)
	caller, err := awsclient.Identity(ctx, cfg)
	if err != nil {
		return nil, err
	}
	end, undated, err := credentialsEnd(ctx, cfg, rt.Getenv)
	if err != nil {
		return nil, err
	}
	clients := ecsdeploy.FromConfig(cfg, caller.AccountID, caller.ARN)
	clients.CredentialsEnd, clients.CredentialsUndated = end, undated
	return clients, nil
}

// credentialsEnd is when the credentials run out for good. A chain that can
// renew them (web identity, an instance's role) never does. Keys in the
// environment cannot be renewed, and seldom say when they end.
func credentialsEnd(ctx context.Context, cfg aws.Config, getenv func(string) string) (end time.Time, undated bool, err error) {
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("read AWS credentials: %w", awsclient.Explain(err))
	}
	if credentials.Source != config.CredentialsSourceName || credentials.SessionToken == "" {
		return time.Time{}, false, nil
	}
	end, err = time.Parse(time.RFC3339, getenv("AWS_CREDENTIAL_EXPIRATION"))
	return end, err != nil, nil
}
