// Package kms knows keys and who may use them; local AWS encrypts nothing.
// https://docs.aws.amazon.com/kms/latest/APIReference/
package kms

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// Clock tells the simulated time.
type Clock interface{ Now() time.Time }

// Service is the Key Management Service.
type Service struct {
	clock Clock

	mu      sync.Mutex
	keys    map[string]*key   // by ARN
	aliases map[string]string // account/region and alias: ARN of the key
}

type key struct {
	ARN, ID, Account, Description string
	Manager                       types.KeyManagerType
	Created                       time.Time
	Policy                        string
}

// New returns a service that has the aws/… keys of each account on demand, and no others.
func New(c Clock) *Service {
	return &Service{clock: c, keys: map[string]*key{}, aliases: map[string]string{}}
}

// Wire puts the service on the wire.
func (s *Service) Wire() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "kms", Protocol: wire.JSON11, TargetPrefix: "TrentService"})
	wire.Handle(w, "CreateKey", s.CreateKey)
	wire.Handle(w, "DescribeKey", s.DescribeKey)
	wire.Handle(w, "CreateAlias", s.CreateAlias)
	wire.Handle(w, "ListAliases", s.ListAliases)
	wire.Handle(w, "GetKeyPolicy", s.GetKeyPolicy)
	wire.Handle(w, "PutKeyPolicy", s.PutKeyPolicy)
	return w
}

// CreateKey makes a customer key.
func (s *Service) CreateKey(ctx context.Context, in *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.add(wire.Caller(ctx), types.KeyManagerTypeCustomer, aws.ToString(in.Description))
	if in.Policy != nil {
		k.Policy = *in.Policy
	}
	return &kms.CreateKeyOutput{KeyMetadata: k.metadata()}, nil
}

func (s *Service) add(id wire.Identity, manager types.KeyManagerType, description string) *key {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	uuid := fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	k := &key{ARN: id.Resource("kms", "key/"+uuid), ID: uuid, Account: id.AccountID, Description: description, Manager: manager,
		Created: s.clock.Now(), Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` +
			id.AccountID + `:root"},"Action":"kms:*","Resource":"*"}]}`}
	s.keys[k.ARN] = k
	return k
}

// find resolves a key ID, an ARN, an alias or an alias's ARN. AWS makes an aws/… key at its first use. The lock is held.
func (s *Service) find(id wire.Identity, ref string) (*key, error) {
	if parts := strings.SplitN(ref, ":", 6); len(parts) == 6 && strings.HasPrefix(parts[5], "alias/") {
		ref, id.Region, id.AccountID = parts[5], parts[3], parts[4]
	}
	if strings.HasPrefix(ref, "alias/") {
		return s.findAlias(id, ref)
	}
	if !strings.HasPrefix(ref, "arn:") {
		ref = id.Resource("kms", "key/"+ref)
	}
	k := s.keys[ref]
	if k == nil || k.region() != id.Region {
		return nil, wire.Errorf("NotFoundException", 400, "Key '%s' does not exist", ref)
	}
	return k, nil
}

func (k *key) region() string { return strings.Split(k.ARN, ":")[3] }

func (s *Service) findAlias(id wire.Identity, alias string) (*key, error) {
	arn := s.aliases[id.Scope()+" "+alias]
	if arn == "" && strings.HasPrefix(alias, "alias/aws/") {
		k := s.add(id, types.KeyManagerTypeAws, "Default key that protects my data when no other key is defined")
		s.aliases[id.Scope()+" "+alias] = k.ARN
		return k, nil
	}
	if k := s.keys[arn]; k != nil {
		return k, nil
	}
	return nil, wire.Errorf("NotFoundException", 400, "Alias %s is not found.", id.Resource("kms", alias))
}

func (k *key) metadata() *types.KeyMetadata {
	return &types.KeyMetadata{KeyId: &k.ID, Arn: &k.ARN, AWSAccountId: &k.Account, CreationDate: &k.Created, Enabled: true,
		Description: &k.Description, KeyManager: k.Manager, KeyState: types.KeyStateEnabled, Origin: types.OriginTypeAwsKms,
		KeyUsage: types.KeyUsageTypeEncryptDecrypt, KeySpec: types.KeySpecSymmetricDefault, MultiRegion: aws.Bool(false)}
}

// DescribeKey tells who manages a key: AWS's own cannot be shared with other accounts.
func (s *Service) DescribeKey(ctx context.Context, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := wire.Caller(ctx)
	k, err := s.find(id, aws.ToString(in.KeyId))
	if err != nil {
		return nil, err
	}
	if !k.grants(id.AccountID, "kms:DescribeKey") {
		return nil, wire.Errorf("AccessDeniedException", 400, "User: %s is not authorized to perform: kms:DescribeKey on resource: %s "+
			"because no resource-based policy allows the kms:DescribeKey action", id.ARN, k.ARN)
	}
	return &kms.DescribeKeyOutput{KeyMetadata: k.metadata()}, nil
}

// CreateAlias names a key.
func (s *Service) CreateAlias(ctx context.Context, in *kms.CreateAliasInput) (*kms.CreateAliasOutput, error) {
	alias, id := aws.ToString(in.AliasName), wire.Caller(ctx)
	if !strings.HasPrefix(alias, "alias/") || strings.HasPrefix(alias, "alias/aws/") {
		return nil, wire.Errorf("InvalidAliasNameException", 400,
			"Alias must start with the prefix \"alias/\" and not with \"alias/aws/\": %s", alias)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aliases[id.Scope()+" "+alias] != "" {
		return nil, wire.Errorf("AlreadyExistsException", 400, "An alias with the name %s already exists", id.Resource("kms", alias))
	}
	k, err := s.find(id, aws.ToString(in.TargetKeyId))
	if err != nil {
		return nil, err
	}
	s.aliases[id.Scope()+" "+alias] = k.ARN
	return &kms.CreateAliasOutput{}, nil
}

// ListAliases lists the caller's aliases, of one key if it is given.
func (s *Service) ListAliases(ctx context.Context, in *kms.ListAliasesInput) (*kms.ListAliasesOutput, error) {
	id := wire.Caller(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &kms.ListAliasesOutput{Aliases: []types.AliasListEntry{}}
	for name, arn := range s.aliases {
		alias, mine := strings.CutPrefix(name, id.Scope()+" ")
		k := s.keys[arn]
		if mine && (in.KeyId == nil || *in.KeyId == k.ID || *in.KeyId == k.ARN) {
			out.Aliases = append(out.Aliases, types.AliasListEntry{AliasName: &alias, TargetKeyId: &k.ID,
				AliasArn: aws.String(id.Resource("kms", alias))})
		}
	}
	slices.SortFunc(out.Aliases, func(a, b types.AliasListEntry) int { return strings.Compare(*a.AliasName, *b.AliasName) })
	return out, nil
}

// GetKeyPolicy returns the policy that says who may use a key.
func (s *Service) GetKeyPolicy(ctx context.Context, in *kms.GetKeyPolicyInput) (*kms.GetKeyPolicyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(wire.Caller(ctx), aws.ToString(in.KeyId))
	if err != nil {
		return nil, err
	}
	return &kms.GetKeyPolicyOutput{Policy: &k.Policy, PolicyName: aws.String("default")}, nil
}

// PutKeyPolicy replaces it.
func (s *Service) PutKeyPolicy(ctx context.Context, in *kms.PutKeyPolicyInput) (*kms.PutKeyPolicyOutput, error) {
	if !json.Valid([]byte(aws.ToString(in.Policy))) {
		return nil, wire.Errorf("MalformedPolicyDocumentException", 400, "The policy is not valid JSON.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(wire.Caller(ctx), aws.ToString(in.KeyId))
	if err != nil {
		return nil, err
	}
	k.Policy = *in.Policy
	return &kms.PutKeyPolicyOutput{}, nil
}

type saved struct {
	Keys    map[string]*key
	Aliases map[string]string
}

// Save implements persistence.
func (s *Service) Save() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := json.Marshal(saved{s.keys, s.aliases})
	if err != nil {
		return nil, fmt.Errorf("save keys: %w", err)
	}
	return out, nil
}

// Load implements persistence.
func (s *Service) Load(state []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := saved{s.keys, s.aliases}
	if err := json.Unmarshal(state, &old); err != nil {
		return fmt.Errorf("load keys: %w", err)
	}
	s.keys, s.aliases = old.Keys, old.Aliases
	return nil
}
