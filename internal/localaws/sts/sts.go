// Package sts answers who calls, and gives out temporary credentials.
// https://docs.aws.amazon.com/STS/latest/APIReference/
package sts

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// Keys creates temporary credentials.
type Keys interface {
	Session(accountID, arn string, expires time.Time) (accessKeyID string, key wire.Key)
}

// Service is the Security Token Service.
type Service struct{ keys Keys }

// New returns a service whose credentials the given key ring will know.
func New(keys Keys) *Service { return &Service{keys: keys} }

// Wire puts the service on the wire.
func (s *Service) Wire() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "sts", Protocol: wire.Query,
		Namespace: "https://sts.amazonaws.com/doc/2011-06-15/"})
	wire.Handle(w, "GetCallerIdentity", s.GetCallerIdentity)
	wire.Handle(w, "AssumeRole", s.AssumeRole)
	wire.Handle(w, "AssumeRoleWithWebIdentity", s.AssumeRoleWithWebIdentity)
	w.AllowAnonymous("AssumeRoleWithWebIdentity")
	return w
}

// GetCallerIdentity tells the account and the ARN behind the request's key.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	id := wire.Caller(ctx)
	return &sts.GetCallerIdentityOutput{Account: &id.AccountID, Arn: &id.ARN, UserId: &id.AccessKeyID}, nil
}

// AssumeRole gives out credentials for a role of any account; local AWS knows no policies.
func (s *Service) AssumeRole(_ context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	user, creds, err := s.assume(in.RoleArn, in.RoleSessionName, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleOutput{AssumedRoleUser: user, Credentials: creds}, nil
}

// AssumeRoleWithWebIdentity is AssumeRole for a job's OIDC token, which is not verified.
func (s *Service) AssumeRoleWithWebIdentity(_ context.Context, in *sts.AssumeRoleWithWebIdentityInput) (
	*sts.AssumeRoleWithWebIdentityOutput, error) {
	if aws.ToString(in.WebIdentityToken) == "" {
		return nil, wire.Errorf("InvalidIdentityToken", 400, "No OpenIDConnect token was given.")
	}
	user, creds, err := s.assume(in.RoleArn, in.RoleSessionName, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleWithWebIdentityOutput{AssumedRoleUser: user, Credentials: creds}, nil
}

func (s *Service) assume(roleARN, session *string, seconds *int32) (*types.AssumedRoleUser, *types.Credentials, error) {
	parts := strings.SplitN(aws.ToString(roleARN), ":", 6) // arn:aws:iam::111122223333:role/deploy
	if len(parts) != 6 || len(parts[4]) != 12 || !strings.HasPrefix(parts[5], "role/") {
		return nil, nil, wire.Errorf("ValidationError", 400, "%s is invalid", aws.ToString(roleARN))
	}
	if aws.ToString(session) == "" {
		return nil, nil, wire.Errorf("ValidationError", 400, "RoleSessionName must not be empty")
	}
	life := time.Hour
	if seconds != nil {
		life = time.Duration(*seconds) * time.Second
	}
	if life < 15*time.Minute || life > 12*time.Hour {
		return nil, nil, wire.Errorf("ValidationError", 400, "DurationSeconds must be between 900 and 43200")
	}
	role := parts[5][strings.LastIndex(parts[5], "/")+1:]
	arn := "arn:aws:sts::" + parts[4] + ":assumed-role/" + role + "/" + *session
	expires := time.Now().Add(life) // the client's clock decides, so the real time
	id, key := s.keys.Session(parts[4], arn, expires)
	return &types.AssumedRoleUser{Arn: &arn, AssumedRoleId: aws.String("AROALOCAL:" + *session)},
		&types.Credentials{AccessKeyId: &id, SecretAccessKey: &key.SecretKey, SessionToken: &key.SessionToken, Expiration: &expires}, nil
}
