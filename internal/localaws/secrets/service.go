// Package secrets is Secrets Manager: secrets with versions and staging labels.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/
package secrets

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/org/shipkit/internal/localaws/kept"
	"github.com/org/shipkit/internal/localaws/wire"
)

// Clock tells the simulated time.
type Clock interface{ Now() time.Time }

// Service is Secrets Manager.
type Service struct {
	kept.State

	clock Clock

	mu      sync.Mutex
	secrets map[string]*secret // by account/region and name
}

type secret struct {
	Name        string
	ARN         string
	Description string
	KMSKeyID    string
	Created     time.Time
	Changed     time.Time
	Deleted     *time.Time // when it will be gone; nil while it lives
	Tags        map[string]string
	Versions    map[string]*version // by version ID
}

type version struct {
	String  *string
	Binary  []byte
	Created time.Time
	Stages  []string
}

// Staging labels: https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

// New returns a service without secrets.
func New(c Clock) *Service {
	s := &Service{clock: c, secrets: map[string]*secret{}}
	s.State = kept.Of(&s.mu, &s.secrets)
	return s
}

// Wire puts the service on the wire.
func (s *Service) Wire() *wire.Service {
	w := wire.NewService(wire.ServiceInfo{Name: "secretsmanager", Protocol: wire.JSON11, TargetPrefix: "secretsmanager"})
	wire.Handle(w, "CreateSecret", s.CreateSecret)
	wire.Handle(w, "PutSecretValue", s.PutSecretValue)
	wire.Handle(w, "UpdateSecret", s.UpdateSecret)
	wire.Handle(w, "GetSecretValue", s.GetSecretValue)
	wire.Handle(w, "DescribeSecret", s.DescribeSecret)
	wire.Handle(w, "ListSecrets", s.ListSecrets)
	wire.Handle(w, "DeleteSecret", s.DeleteSecret)
	wire.Handle(w, "RestoreSecret", s.RestoreSecret)
	wire.Handle(w, "TagResource", s.TagResource)
	wire.Handle(w, "UntagResource", s.UntagResource)
	return w
}

// find resolves a name, an ARN, or an ARN without its random ending. The lock is held.
func (s *Service) find(id wire.Identity, ref string) (*secret, error) {
	for k, x := range s.secrets {
		owned := strings.HasPrefix(k, id.Scope()+" ") || strings.HasPrefix(ref, "arn:")
		if owned && (x.Name == ref || x.ARN == ref || x.ARN[:len(x.ARN)-7] == ref) && !s.gone(k, x) {
			return x, nil
		}
	}
	return nil, wire.Errorf("ResourceNotFoundException", 400, "Secrets Manager can't find the specified secret.")
}

// live is find for operations that a secret scheduled for deletion refuses.
func (s *Service) live(id wire.Identity, ref string) (*secret, error) {
	x, err := s.find(id, ref)
	if err != nil {
		return nil, err
	}
	if x.Deleted != nil {
		return nil, wire.Errorf("InvalidRequestException", 400,
			"You can't perform this operation on the secret because it was marked for deletion.")
	}
	return x, nil
}

// gone removes a secret whose recovery window has ended.
func (s *Service) gone(k string, x *secret) bool {
	if x.Deleted == nil || s.clock.Now().Before(*x.Deleted) {
		return false
	}
	delete(s.secrets, k)
	return true
}

// put adds a version that becomes the current one.
func (x *secret) put(id string, v *version, now time.Time) {
	for _, old := range x.Versions {
		old.Stages = without(old.Stages, previous)
	}
	for _, old := range x.Versions {
		if slices.Contains(old.Stages, current) {
			old.Stages = append(without(old.Stages, current), previous)
		}
	}
	v.Created, v.Stages, x.Changed = now, []string{current}, now
	x.Versions[id] = v
}

// versionID is the client's token, or one of our own in the form of a UUID.
func versionID(token *string) string {
	if token != nil && *token != "" {
		return *token
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func without(list []string, s string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(x string) bool { return x == s })
}
