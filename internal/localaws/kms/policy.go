package kms

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// usage is what an account must be allowed to do with a key for a service to
// encrypt and decrypt with it on its behalf
// (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html).
var usage = []string{"kms:DescribeKey", "kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext"}

// Use returns the ARN of the key that a reference names, if a service may
// encrypt and decrypt with it for the caller. Between accounts the key's policy
// decides.
func (s *Service) Use(caller wire.Identity, ref string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := s.find(caller, ref)
	if err != nil {
		return "", err
	}
	for _, action := range usage {
		if !k.grants(caller.AccountID, action) {
			return "", wire.Errorf("AccessDeniedException", 400, "The policy of %s does not allow %s to account %s", k.ARN, action,
				caller.AccountID)
		}
	}
	return k.ARN, nil
}

// Managed tells whether AWS manages a key.
func (s *Service) Managed(arn string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[arn] != nil && s.keys[arn].Manager == types.KeyManagerTypeAws
}

// grants tells whether an account may do something with the key. Its own
// account may do all: local AWS enforces no IAM policies.
func (k *key) grants(account, action string) bool {
	if account == k.Account {
		return true
	}
	var policy struct {
		Statement []struct {
			Effect    string
			Principal any
			Action    any
		}
	}
	if json.Unmarshal([]byte(k.Policy), &policy) != nil {
		return false
	}
	for _, statement := range policy.Statement {
		principals := statement.Principal
		if of, ok := principals.(map[string]any); ok {
			principals = of["AWS"]
		}
		if statement.Effect == "Allow" && slices.ContainsFunc(texts(principals), ofAccount(account)) &&
			slices.ContainsFunc(texts(statement.Action), func(pattern string) bool {
				ok, err := path.Match(pattern, action)
				return ok && err == nil
			}) {
			return true
		}
	}
	return false
}

// ofAccount recognises a principal that stands for an account or is one of it.
func ofAccount(account string) func(string) bool {
	return func(principal string) bool {
		return principal == "*" || principal == account || strings.HasPrefix(principal, "arn:aws:iam::"+account+":")
	}
}

// texts reads one text or a list.
func texts(v any) []string {
	if one, ok := v.(string); ok {
		return []string{one}
	}
	items, _ := v.([]any)
	list := make([]string, 0, len(items))
	for _, item := range items {
		if text, ok := item.(string); ok {
			list = append(list, text)
		}
	}
	return list
}
