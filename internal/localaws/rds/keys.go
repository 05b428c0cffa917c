package rds

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/org/shipkit/internal/localaws/wire"
)

// Keys is the part of KMS that says which keys there are and who may use them.
type Keys interface {
	// Use returns the ARN of the key that a reference (ARN, ID, alias) names, if
	// the caller's account and region may encrypt and decrypt with it.
	Use(caller wire.Identity, ref string) (arn string, err error)
	// Managed tells whether AWS manages a key: such a one cannot be shared.
	Managed(arn string) bool
}

// defaultKey is the alias of the key that AWS manages for RDS.
const defaultKey = "alias/aws/rds"

// use returns the ARN of a key that the caller may use.
func (s *Service) use(ctx context.Context, ref string) (*string, error) {
	arn, err := s.options.Keys.Use(wire.Caller(ctx), ref)
	if err != nil {
		return nil, wire.Errorf("KMSKeyNotAccessibleFault", 400,
			"Specified KMS key [%s] does not exist, is not enabled or you do not have permissions to access it.", ref)
	}
	return &arn, nil
}

// encryption returns the key that a new database is encrypted with: nil for
// none.
func (s *Service) encryption(ctx context.Context, encrypted *bool, keyID *string) (*string, error) {
	switch id := aws.ToString(keyID); {
	case id != "":
		return s.use(ctx, id)
	case aws.ToBool(encrypted):
		return s.use(ctx, defaultKey)
	}
	return nil, nil
}

// anyKey takes every name for a key: for a service without KMS.
type anyKey struct{}

// Use implements Keys.
func (anyKey) Use(caller wire.Identity, ref string) (string, error) {
	switch {
	case strings.HasPrefix(ref, "arn:"):
		return ref, nil
	case strings.HasPrefix(ref, "alias/"):
		return caller.Resource("kms", ref), nil
	default:
		return caller.Resource("kms", "key/"+ref), nil
	}
}

// Managed implements Keys.
func (anyKey) Managed(arn string) bool { return strings.HasSuffix(arn, ":"+defaultKey) }
