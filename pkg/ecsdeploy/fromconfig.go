package ecsdeploy

import (
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
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
)

// FromConfig returns the clients of AWS itself. Account and Caller say who the
// configuration's credentials belong to.
func FromConfig(cfg aws.Config, account, caller string) *Clients {
	core := ecs.NewFromConfig(cfg)
	keychain := authn.NewMultiKeychain(authn.DefaultKeychain, authn.NewKeychainFromHelper(ecr.NewECRHelper(ecr.WithLogger(io.Discard))))
	return &Clients{
		TaskDefinitions: core, Services: core, Deployments: core, Tasks: core,
		Logs: cloudwatchlogs.NewFromConfig(cfg), Targets: elasticloadbalancingv2.NewFromConfig(cfg),
		Parameters: ssm.NewFromConfig(cfg), Secrets: secretsmanager.NewFromConfig(cfg), Roles: iam.NewFromConfig(cfg),
		Alarms: cloudwatch.NewFromConfig(cfg), Autoscaling: applicationautoscaling.NewFromConfig(cfg),
		CodeDeploy: codedeploy.NewFromConfig(cfg), Images: Registry{Keychain: keychain},
		Region: cfg.Region, Account: account, Caller: caller,
	}
}
