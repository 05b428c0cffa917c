package ecr

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// namePattern is the constraint that the API documents for repositoryName.
var namePattern = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

// CreateRepository makes a repository, which pushes need.
func (s *Service) CreateRepository(ctx context.Context, in *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
	name := aws.ToString(in.RepositoryName)
	if len(name) < 2 || len(name) > 256 || !namePattern.MatchString(name) {
		return nil, &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(
			"Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '%s''", namePattern))}
	}
	caller := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.repos[name] != nil {
		return nil, &types.RepositoryAlreadyExistsException{Message: aws.String(fmt.Sprintf(
			"The repository with name '%s' already exists in the registry with id '%s'", name, caller.AccountID))}
	}
	repo := &repository{Images: map[string]*stored{}, Repository: types.Repository{
		CreatedAt:                          aws.Time(s.now()),
		EncryptionConfiguration:            &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256},
		ImageScanningConfiguration:         &types.ImageScanningConfiguration{},
		ImageTagMutability:                 types.ImageTagMutabilityMutable,
		ImageTagMutabilityExclusionFilters: in.ImageTagMutabilityExclusionFilters,
		RegistryId:                         aws.String(caller.AccountID),
		RepositoryArn:                      aws.String(fmt.Sprintf("arn:aws:ecr:%s:%s:repository/%s", caller.Region, caller.AccountID, name)),
		RepositoryName:                     aws.String(name),
		RepositoryUri:                      aws.String(s.host + "/" + name),
	}}
	if in.ImageTagMutability != "" {
		repo.ImageTagMutability = in.ImageTagMutability
	}
	if in.EncryptionConfiguration != nil {
		repo.EncryptionConfiguration = in.EncryptionConfiguration
	}
	if in.ImageScanningConfiguration != nil {
		repo.ImageScanningConfiguration = in.ImageScanningConfiguration
	}
	s.repos[name] = repo
	return &ecr.CreateRepositoryOutput{Repository: repo.describe()}, nil
}

// DescribeRepositories lists repositories, by name or all.
func (s *Service) DescribeRepositories(
	ctx context.Context, in *ecr.DescribeRepositoriesInput,
) (*ecr.DescribeRepositoriesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := in.RepositoryNames
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(s.repos))
	}
	out := &ecr.DescribeRepositoriesOutput{Repositories: []types.Repository{}}
	for _, name := range names {
		repo, err := s.find(&name, wire.Caller(ctx).AccountID)
		if err != nil {
			return nil, err
		}
		out.Repositories = append(out.Repositories, repo.Repository)
	}
	return out, nil
}

// DeleteRepository removes a repository; one with images needs force.
func (s *Service) DeleteRepository(ctx context.Context, in *ecr.DeleteRepositoryInput) (*ecr.DeleteRepositoryOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(in.RepositoryName, wire.Caller(ctx).AccountID)
	if err != nil {
		return nil, err
	}
	if len(repo.Images) > 0 && !in.Force {
		return nil, &types.RepositoryNotEmptyException{Message: aws.String(fmt.Sprintf(
			"The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images",
			*repo.RepositoryName, *repo.RegistryId))}
	}
	delete(s.repos, *repo.RepositoryName)
	return &ecr.DeleteRepositoryOutput{Repository: repo.describe()}, nil
}

// PutImageTagMutability says whether tags may move from now on.
func (s *Service) PutImageTagMutability(
	ctx context.Context, in *ecr.PutImageTagMutabilityInput,
) (*ecr.PutImageTagMutabilityOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(in.RepositoryName, wire.Caller(ctx).AccountID)
	if err != nil {
		return nil, err
	}
	repo.ImageTagMutability, repo.ImageTagMutabilityExclusionFilters = in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters
	return &ecr.PutImageTagMutabilityOutput{
		ImageTagMutability: in.ImageTagMutability, ImageTagMutabilityExclusionFilters: in.ImageTagMutabilityExclusionFilters,
		RegistryId: repo.RegistryId, RepositoryName: repo.RepositoryName,
	}, nil
}

// PutLifecyclePolicy keeps a policy and applies it at once, where AWS takes up to 24 hours.
func (s *Service) PutLifecyclePolicy(
	ctx context.Context, in *ecr.PutLifecyclePolicyInput,
) (*ecr.PutLifecyclePolicyOutput, error) {
	var policy lifecycle
	if err := json.Unmarshal([]byte(aws.ToString(in.LifecyclePolicyText)), &policy); err != nil || len(policy.Rules) == 0 {
		return nil, &types.InvalidParameterException{Message: aws.String(
			"Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: " +
				"object has missing required properties ([\"rules\"])'")}
	}
	s.mu.Lock()
	repo, err := s.find(in.RepositoryName, wire.Caller(ctx).AccountID)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	repo.Lifecycle = *in.LifecyclePolicyText
	expired := policy.expired(repo.Images, s.now())
	s.mu.Unlock()
	for _, digest := range expired {
		if err := s.remove(ctx, repo, digest); err != nil {
			return nil, err
		}
	}
	return &ecr.PutLifecyclePolicyOutput{
		LifecyclePolicyText: in.LifecyclePolicyText, RegistryId: repo.RegistryId, RepositoryName: repo.RepositoryName,
	}, nil
}

// GetLifecyclePolicy returns the policy that was put.
func (s *Service) GetLifecyclePolicy(
	ctx context.Context, in *ecr.GetLifecyclePolicyInput,
) (*ecr.GetLifecyclePolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(in.RepositoryName, wire.Caller(ctx).AccountID)
	if err != nil {
		return nil, err
	}
	if repo.Lifecycle == "" {
		return nil, &types.LifecyclePolicyNotFoundException{Message: aws.String(fmt.Sprintf(
			"Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'",
			*repo.RepositoryName, *repo.RegistryId))}
	}
	return &ecr.GetLifecyclePolicyOutput{
		LifecyclePolicyText: &repo.Lifecycle, RegistryId: repo.RegistryId, RepositoryName: repo.RepositoryName,
	}, nil
}

// GetAccountSetting reads BLOB_MOUNTING, the one setting that a push depends on.
func (s *Service) GetAccountSetting(_ context.Context, in *ecr.GetAccountSettingInput) (*ecr.GetAccountSettingOutput, error) {
	if aws.ToString(in.Name) != "BLOB_MOUNTING" {
		return nil, unknownSetting(in.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &ecr.GetAccountSettingOutput{Name: in.Name, Value: aws.String(s.mount)}, nil
}

// PutAccountSetting sets BLOB_MOUNTING to ENABLED or DISABLED.
func (s *Service) PutAccountSetting(_ context.Context, in *ecr.PutAccountSettingInput) (*ecr.PutAccountSettingOutput, error) {
	if aws.ToString(in.Name) != "BLOB_MOUNTING" {
		return nil, unknownSetting(in.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mount = aws.ToString(in.Value)
	return &ecr.PutAccountSettingOutput{Name: in.Name, Value: in.Value}, nil
}

// Mountable implements registry.Policy: mounting needs the account setting BLOB_MOUNTING.
func (s *Service) Mountable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mount == "ENABLED"
}

func unknownSetting(name *string) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(
		"Invalid parameter at 'name': local AWS knows the account setting BLOB_MOUNTING, not '%s'", aws.ToString(name)))}
}
