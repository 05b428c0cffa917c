package deployecs

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ecr "github.com/awslabs/amazon-ecr-credential-helper/ecr-login"
	"github.com/google/go-containerregistry/pkg/authn"

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
	cfg.RetryMaxAttempts = max(retries, 1)
	caller, err := awsclient.Identity(ctx, cfg)
	if err != nil {
		return nil, err
	}
	end, undated, err := credentialsEnd(ctx, cfg, rt.Getenv)
	if err != nil {
		return nil, err
	}
	core := ecs.NewFromConfig(cfg)
	keychain := authn.NewMultiKeychain(authn.DefaultKeychain, authn.NewKeychainFromHelper(ecr.NewECRHelper(ecr.WithLogger(io.Discard))))
	return &ecsdeploy.Clients{
		TaskDefinitions: core, Services: core, Deployments: core, Tasks: core,
		Logs: cloudwatchlogs.NewFromConfig(cfg), Targets: elasticloadbalancingv2.NewFromConfig(cfg),
		Parameters: ssm.NewFromConfig(cfg), Secrets: secretsmanager.NewFromConfig(cfg), Roles: iam.NewFromConfig(cfg),
		Alarms: cloudwatch.NewFromConfig(cfg), Autoscaling: applicationautoscaling.NewFromConfig(cfg),
		CodeDeploy: codedeploy.NewFromConfig(cfg), Images: ecsdeploy.Registry{Keychain: keychain},
		Region: cfg.Region, Account: caller.AccountID, Caller: caller.ARN, CredentialsEnd: end,
		CredentialsUndated: undated,
	}, nil
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
