package secrets

import (
	"context"
	"crypto/rand"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

var validName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`)

const maxSecret = 65536 // bytes

func invalid(format string, args ...any) error {
	return wire.Errorf("InvalidParameterException", 400, format, args...)
}

// CreateSecret creates a secret, with or without a first version.
func (s *Service) CreateSecret(ctx context.Context, in *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error) {
	name := aws.ToString(in.Name)
	if !validName.MatchString(name) {
		return nil, wire.Errorf("ValidationException", 400, "Invalid name. Must be a valid name containing alphanumeric "+
			"characters, or any of the following: -/_+=.@!")
	}
	if err := checkValue(in.SecretString, in.SecretBinary); err != nil {
		return nil, err
	}
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, err := s.find(id, name); err == nil {
		if old.Deleted != nil {
			return nil, wire.Errorf("InvalidRequestException", 400,
				"You can't create this secret because a secret with this name is already scheduled for deletion.")
		}
		return nil, wire.Errorf("ResourceExistsException", 400,
			"The operation failed because the secret %s already exists.", name)
	}
	now := s.clock.Now()
	x := &secret{Name: name, ARN: id.Resource("secretsmanager", "secret:"+name+"-"+rand.Text()[:6]), Created: now, Changed: now,
		Description: aws.ToString(in.Description), KMSKeyID: aws.ToString(in.KmsKeyId),
		Tags: map[string]string{}, Versions: map[string]*version{}}
	x.tag(in.Tags)
	s.secrets[id.Scope()+" "+name] = x
	out := &secretsmanager.CreateSecretOutput{ARN: &x.ARN, Name: &x.Name}
	if in.SecretString != nil || in.SecretBinary != nil {
		v := versionID(in.ClientRequestToken)
		x.put(v, &version{String: in.SecretString, Binary: in.SecretBinary}, now)
		out.VersionId = &v
	}
	return out, nil
}

// PutSecretValue adds a version, which becomes the current one.
func (s *Service) PutSecretValue(ctx context.Context, in *secretsmanager.PutSecretValueInput) (*secretsmanager.PutSecretValueOutput, error) {
	if in.SecretString == nil && in.SecretBinary == nil {
		return nil, invalid("You must provide either SecretString or SecretBinary.")
	}
	if err := checkValue(in.SecretString, in.SecretBinary); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.live(wire.Caller(ctx), aws.ToString(in.SecretId))
	if err != nil {
		return nil, err
	}
	v := versionID(in.ClientRequestToken)
	if old := x.Versions[v]; old == nil {
		x.put(v, &version{String: in.SecretString, Binary: in.SecretBinary}, s.clock.Now())
	} else if aws.ToString(old.String) != aws.ToString(in.SecretString) {
		return nil, wire.Errorf("ResourceExistsException", 400, "You can't modify an existing version, use a new token.")
	}
	return &secretsmanager.PutSecretValueOutput{ARN: &x.ARN, Name: &x.Name, VersionId: &v, VersionStages: x.Versions[v].Stages}, nil
}

// UpdateSecret changes the description, the key, or the value.
func (s *Service) UpdateSecret(ctx context.Context, in *secretsmanager.UpdateSecretInput) (*secretsmanager.UpdateSecretOutput, error) {
	if err := checkValue(in.SecretString, in.SecretBinary); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.live(wire.Caller(ctx), aws.ToString(in.SecretId))
	if err != nil {
		return nil, err
	}
	if in.Description != nil {
		x.Description = *in.Description
	}
	if in.KmsKeyId != nil {
		x.KMSKeyID = *in.KmsKeyId
	}
	out := &secretsmanager.UpdateSecretOutput{ARN: &x.ARN, Name: &x.Name}
	if in.SecretString != nil || in.SecretBinary != nil {
		v := versionID(in.ClientRequestToken)
		x.put(v, &version{String: in.SecretString, Binary: in.SecretBinary}, s.clock.Now())
		out.VersionId = &v
	}
	return out, nil
}

func checkValue(text *string, binary []byte) error {
	if text != nil && binary != nil {
		return invalid("You can't specify both a binary secret value and a string secret value.")
	}
	if len(aws.ToString(text)) > maxSecret || len(binary) > maxSecret {
		return invalid("The secret value is larger than %d bytes.", maxSecret)
	}
	return nil
}

// DeleteSecret schedules a secret's end in 7 to 30 days (30 by default), or ends it at once.
func (s *Service) DeleteSecret(ctx context.Context, in *secretsmanager.DeleteSecretInput) (*secretsmanager.DeleteSecretOutput, error) {
	force := aws.ToBool(in.ForceDeleteWithoutRecovery)
	days := int64(30)
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
	}
	switch {
	case force && in.RecoveryWindowInDays != nil:
		return nil, invalid("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case days < 7 || days > 30:
		return nil, invalid("RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	}
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.live(id, aws.ToString(in.SecretId))
	if err != nil {
		return nil, err
	}
	end := s.clock.Now()
	if force {
		delete(s.secrets, id.Scope()+" "+x.Name)
	} else {
		end = end.Add(time.Duration(days) * 24 * time.Hour)
		x.Deleted = &end
	}
	return &secretsmanager.DeleteSecretOutput{ARN: &x.ARN, Name: &x.Name, DeletionDate: &end}, nil
}

// RestoreSecret takes back a scheduled deletion.
func (s *Service) RestoreSecret(ctx context.Context, in *secretsmanager.RestoreSecretInput) (*secretsmanager.RestoreSecretOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.find(wire.Caller(ctx), aws.ToString(in.SecretId))
	if err != nil {
		return nil, err
	}
	x.Deleted = nil
	return &secretsmanager.RestoreSecretOutput{ARN: &x.ARN, Name: &x.Name}, nil
}

// TagResource adds tags.
func (s *Service) TagResource(ctx context.Context, in *secretsmanager.TagResourceInput) (*secretsmanager.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.live(wire.Caller(ctx), aws.ToString(in.SecretId))
	if err != nil {
		return nil, err
	}
	x.tag(in.Tags)
	return &secretsmanager.TagResourceOutput{}, nil
}

// UntagResource removes tags by key.
func (s *Service) UntagResource(ctx context.Context, in *secretsmanager.UntagResourceInput) (*secretsmanager.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.live(wire.Caller(ctx), aws.ToString(in.SecretId))
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(x.Tags, k)
	}
	return &secretsmanager.UntagResourceOutput{}, nil
}

func (x *secret) tag(tags []types.Tag) {
	for _, t := range tags {
		x.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
}
