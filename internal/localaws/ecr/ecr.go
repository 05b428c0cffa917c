// Package ecr is the control plane of Amazon ECR before a registry of this machine: repositories, tokens that
// expire, immutable tags, images.
package ecr

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/org/shipkit/internal/localaws/registry"
	"github.com/org/shipkit/internal/localaws/wire"
)

// tokenLifetime is how long an authorization token is good.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
const tokenLifetime = 12 * time.Hour

// Service implements ECR's operations. It is also the registry's Policy and the check of its credentials.
type Service struct {
	now       func() time.Time
	host      string            // the registry's host:port, set by Attach
	transport http.RoundTripper // the way into the registry's storage, set by Attach
	own       string            // the password of local AWS itself, which does not expire

	mu     sync.Mutex
	repos  map[string]*repository
	tokens map[string]time.Time // password to expiry
	mount  string               // the account setting BLOB_MOUNTING
}

// repository is one repository and what was pushed to it.
type repository struct {
	types.Repository
	Lifecycle string
	Images    map[string]*stored // by digest
}

// stored is what ECR remembers of a manifest; the registry has its bytes.
type stored struct {
	MediaType string
	Size      int64
	PushedAt  time.Time
	Tags      []string
}

// New returns a service without repositories; now tells simulated time.
func New(now func() time.Time) *Service {
	return &Service{
		now: now, own: rand.Text(), mount: "DISABLED",
		repos: map[string]*repository{}, tokens: map[string]time.Time{},
	}
}

// Attach binds the service to its registry, which was started with Auth and the service as its Policy.
func (s *Service) Attach(r *registry.Registry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.host, s.transport = r.Host(), r.Transport()
}

// Auth is how the registry asks for ECR's tokens.
func (s *Service) Auth() registry.Auth {
	return registry.Basic{Check: func(_ context.Context, user, password string) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		expiry, ok := s.tokens[password]
		return user == "AWS" && (password == s.own || ok && s.now().Before(expiry))
	}}
}

// Host is host:port of the registry, the first part of every repository URI.
func (s *Service) Host() string { return s.host }

// Transport is the way to the registry's content for other services of local AWS.
func (s *Service) Transport() http.RoundTripper { return s.transport }

// Credentials are a user and a password for the registry that do not expire: those of the ECS agent.
func (s *Service) Credentials() (user, password string) { return "AWS", s.own }

// GetAuthorizationToken hands out a password for the registry that is good for 12 hours.
func (s *Service) GetAuthorizationToken(
	_ context.Context, _ *ecr.GetAuthorizationTokenInput,
) (*ecr.GetAuthorizationTokenOutput, error) {
	password, expiry := rand.Text(), s.now().Add(tokenLifetime)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[password] = expiry
	return &ecr.GetAuthorizationTokenOutput{AuthorizationData: []types.AuthorizationData{{
		AuthorizationToken: aws.String(base64.StdEncoding.EncodeToString([]byte("AWS:" + password))),
		ExpiresAt:          aws.Time(expiry),
		ProxyEndpoint:      aws.String("http://" + s.host),
	}}}, nil
}

// Exists implements registry.Policy: ECR creates no repository on a push.
func (s *Service) Exists(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repos[name] != nil
}

// Immutable implements registry.Policy.
func (s *Service) Immutable(name, tag string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo := s.repos[name]
	return repo != nil && repo.immutable(tag)
}

// immutable reports whether the tag may not move; see
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html.
func (r *repository) immutable(tag string) bool {
	excluded := false
	for _, f := range r.ImageTagMutabilityExclusionFilters {
		ok, err := path.Match(aws.ToString(f.Filter), tag)
		excluded = excluded || ok && err == nil
	}
	switch r.ImageTagMutability {
	case types.ImageTagMutabilityImmutable:
		return true
	case types.ImageTagMutabilityImmutableWithExclusion:
		return !excluded
	case types.ImageTagMutabilityMutableWithExclusion:
		return excluded
	default:
		return false
	}
}

// describe is a copy, which is encoded without the lock.
func (r *repository) describe() *types.Repository {
	d := r.Repository
	return &d
}

// find returns a repository; the caller holds the lock.
func (s *Service) find(name *string, account string) (*repository, error) {
	if repo := s.repos[aws.ToString(name)]; repo != nil {
		return repo, nil
	}
	return nil, &types.RepositoryNotFoundException{Message: aws.String(fmt.Sprintf(
		"The repository with name '%s' does not exist in the registry with id '%s'", aws.ToString(name), account))}
}

// Wire is the service at the endpoint.
func (s *Service) Wire() *wire.Service {
	svc := wire.NewService(wire.ServiceInfo{
		Name: "ecr", Protocol: wire.JSON11, TargetPrefix: "AmazonEC2ContainerRegistry_V20150921", LowerCamel: true,
	})
	wire.Handle(svc, "GetAuthorizationToken", s.GetAuthorizationToken)
	wire.Handle(svc, "CreateRepository", s.CreateRepository)
	wire.Handle(svc, "DescribeRepositories", s.DescribeRepositories)
	wire.Handle(svc, "DeleteRepository", s.DeleteRepository)
	wire.Handle(svc, "PutImageTagMutability", s.PutImageTagMutability)
	wire.Handle(svc, "PutLifecyclePolicy", s.PutLifecyclePolicy)
	wire.Handle(svc, "GetLifecyclePolicy", s.GetLifecyclePolicy)
	wire.Handle(svc, "GetAccountSetting", s.GetAccountSetting)
	wire.Handle(svc, "PutAccountSetting", s.PutAccountSetting)
	wire.Handle(svc, "BatchCheckLayerAvailability", s.BatchCheckLayerAvailability)
	wire.Handle(svc, "DescribeImages", s.DescribeImages)
	wire.Handle(svc, "ListImages", s.ListImages)
	wire.Handle(svc, "BatchGetImage", s.BatchGetImage)
	wire.Handle(svc, "BatchDeleteImage", s.BatchDeleteImage)
	wire.Handle(svc, "PutImage", s.PutImage)
	return svc
}
