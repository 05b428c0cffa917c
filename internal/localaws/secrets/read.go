package secrets

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/org/shipkit/internal/localaws/page"
	"github.com/org/shipkit/internal/localaws/wire"
)

// GetSecretValue returns one version: by ID, by stage, or the current one.
func (s *Service) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.live(wire.Caller(ctx), aws.ToString(in.SecretId))
	if err != nil {
		return nil, err
	}
	vid, v, err := x.version(aws.ToString(in.VersionId), aws.ToString(in.VersionStage))
	if err != nil {
		return nil, err
	}
	return &secretsmanager.GetSecretValueOutput{ARN: &x.ARN, Name: &x.Name, VersionId: &vid, VersionStages: v.Stages,
		SecretString: v.String, SecretBinary: v.Binary, CreatedDate: &v.Created}, nil
}

func (x *secret) version(id, stage string) (string, *version, error) {
	if stage == "" && id == "" {
		stage = current
	}
	for vid, v := range x.Versions {
		if (id == "" || vid == id) && (stage == "" || slices.Contains(v.Stages, stage)) {
			return vid, v, nil
		}
	}
	what := "staging label: " + stage
	if id != "" {
		what = "VersionId: " + id
	}
	return "", nil, wire.Errorf("ResourceNotFoundException", 400,
		"Secrets Manager can't find the specified secret value for %s", what)
}

// Value returns what ECS injects into a container: ref is an ARN or a name, with ECS's optional endings
// :json-key:version-stage:version-id.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
func (s *Service) Value(id wire.Identity, ref string) (string, error) {
	secretID, parts := ref, []string{"", "", ""}
	if fields := strings.Split(ref, ":"); strings.HasPrefix(ref, "arn:") && len(fields) == 10 {
		secretID, parts = strings.Join(fields[:7], ":"), fields[7:]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.live(id, secretID)
	if err != nil {
		return "", err
	}
	_, v, err := x.version(parts[2], parts[1])
	if err != nil {
		return "", err
	}
	if parts[0] == "" {
		return aws.ToString(v.String), nil
	}
	var fields map[string]any
	if json.Unmarshal([]byte(aws.ToString(v.String)), &fields) != nil || fields[parts[0]] == nil {
		return "", wire.Errorf("ResourceNotFoundException", 400, "retrieved secret from Secrets Manager did not contain json "+
			"key %s", parts[0])
	}
	if text, ok := fields[parts[0]].(string); ok {
		return text, nil
	}
	out, _ := json.Marshal(fields[parts[0]]) // came out of JSON, goes back
	return string(out), nil
}

// DescribeSecret tells everything but the value.
func (s *Service) DescribeSecret(ctx context.Context, in *secretsmanager.DescribeSecretInput) (*secretsmanager.DescribeSecretOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.find(wire.Caller(ctx), aws.ToString(in.SecretId))
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.DescribeSecretOutput{ARN: &x.ARN, Name: &x.Name, CreatedDate: &x.Created, LastChangedDate: &x.Changed,
		DeletedDate: x.Deleted, Tags: x.tags(), VersionIdsToStages: map[string][]string{}}
	if x.Description != "" {
		out.Description = &x.Description
	}
	if x.KMSKeyID != "" {
		out.KmsKeyId = &x.KMSKeyID
	}
	for vid, v := range x.Versions {
		if len(v.Stages) > 0 {
			out.VersionIdsToStages[vid] = v.Stages
		}
	}
	return out, nil
}

// ListSecrets lists the caller's secrets, filtered by name prefix, tag-key and tag-value.
func (s *Service) ListSecrets(ctx context.Context, in *secretsmanager.ListSecretsInput) (*secretsmanager.ListSecretsOutput, error) {
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []types.SecretListEntry
	for k, x := range s.secrets {
		mine := strings.HasPrefix(k, id.Scope()+" ") && !s.gone(k, x)
		if mine && (x.Deleted == nil || aws.ToBool(in.IncludePlannedDeletion)) && x.passes(in.Filters) {
			found = append(found, types.SecretListEntry{ARN: &x.ARN, Name: &x.Name, CreatedDate: &x.Created,
				LastChangedDate: &x.Changed, DeletedDate: x.Deleted, Tags: x.tags()})
		}
	}
	slices.SortFunc(found, func(a, b types.SecretListEntry) int { return strings.Compare(*a.Name, *b.Name) })
	items, next, err := page.Cut(found, in.NextToken, page.Size(in.MaxResults, 100), "InvalidNextTokenException")
	if err != nil {
		return nil, err
	}
	return &secretsmanager.ListSecretsOutput{SecretList: items, NextToken: next}, nil
}

func (x *secret) passes(filters []types.Filter) bool {
	for _, f := range filters {
		if !slices.ContainsFunc(f.Values, func(want string) bool { return x.matches(f.Key, want) }) {
			return false
		}
	}
	return true
}

func (x *secret) matches(key types.FilterNameStringType, want string) bool {
	begins := func(s string) bool { return strings.HasPrefix(s, want) }
	switch key {
	case types.FilterNameStringTypeName:
		return begins(x.Name)
	case types.FilterNameStringTypeDescription:
		return strings.Contains(x.Description, want)
	}
	for k, v := range x.Tags {
		if key == types.FilterNameStringTypeTagKey && begins(k) || key == types.FilterNameStringTypeTagValue && begins(v) {
			return true
		}
	}
	return false
}

func (x *secret) tags() []types.Tag {
	tags := make([]types.Tag, 0, len(x.Tags))
	for k, v := range x.Tags {
		tags = append(tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	slices.SortFunc(tags, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return tags
}

// Tagged calls f with the ARN and the tags of each of the caller's secrets, for the tagging API.
func (s *Service) Tagged(id wire.Identity, f func(arn string, tags map[string]string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, x := range s.secrets {
		if strings.HasPrefix(k, id.Scope()+" ") && x.Deleted == nil {
			f(x.ARN, x.Tags)
		}
	}
}
