package rds

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// managePassword makes a password and keeps it in Secrets Manager, as
// ManageMasterUserPassword asks
// (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html).
func (s *Service) managePassword(ctx context.Context, d *database, kind, user string) (*types.MasterUserSecret, error) {
	if s.options.Secrets == nil {
		return nil, combination("ManageMasterUserPassword needs Secrets Manager, which this local AWS runs without.")
	}
	d.Password = rand.Text()
	value, err := json.Marshal(map[string]string{"username": user, "password": d.Password})
	if err != nil {
		return nil, fmt.Errorf("encode the managed password: %w", err)
	}
	out, err := s.options.Secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		// AWS writes rds!db-…, a name that it refuses to everybody else.
		Name:         new("rds-" + kind + "-" + strings.ToLower(rand.Text()[:12])),
		Description:  new("Secret associated with primary RDS DB " + kind),
		SecretString: new(string(value)),
	})
	if err != nil {
		return nil, fmt.Errorf("keep the managed password: %w", err)
	}
	d.SecretARN = aws.ToString(out.ARN)
	return &types.MasterUserSecret{SecretArn: out.ARN, SecretStatus: new("active")}, nil
}

// changePassword applies what a modification says about the master user's
// password. The lock is held.
func (s *Service) changePassword(
	ctx context.Context, d *database, kind, user string, password *string, manage *bool, secret **types.MasterUserSecret,
) error {
	switch {
	case aws.ToBool(manage) && password != nil:
		return combination("You can't specify MasterUserPassword with ManageMasterUserPassword enabled.")
	case aws.ToBool(manage) && *secret == nil:
		managed, err := s.managePassword(ctx, d, kind, user)
		if err != nil {
			return err
		}
		*secret = managed
	case password != nil && *secret != nil && manage == nil:
		return combination("You can't specify MasterUserPassword while RDS manages the password in Secrets Manager.")
	case password != nil:
		d.Password, *secret = *password, nil
	default:
		return nil
	}
	return d.setMaster(ctx, user, d.Password)
}

// forgetPassword deletes the secret of a database that is gone.
func (s *Service) forgetPassword(ctx context.Context, d database) {
	if d.SecretARN == "" {
		return
	}
	// A secret that somebody deleted already is none to delete.
	_, _ = s.options.Secrets.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{
		SecretId: &d.SecretARN, ForceDeleteWithoutRecovery: new(true),
	})
}
