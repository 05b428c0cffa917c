// Package keyring holds the access keys of local AWS: the well-known pair of the default account, one pair for each
// other account and session, and the temporary ones that STS gives out.
package keyring

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/org/shipkit/internal/localaws/wire"
)

// Ring is a set of access keys; it implements wire.Keyring.
type Ring struct {
	mu   sync.RWMutex
	keys map[string]wire.Key
}

// New returns a ring with the default account's key pair.
func New() *Ring {
	return &Ring{keys: map[string]wire.Key{wire.DefaultAccessKey: {
		AccountID: wire.DefaultAccount, SecretKey: wire.DefaultSecretKey,
		ARN: "arn:aws:iam::" + wire.DefaultAccount + ":user/local",
	}}}
}

// Lookup implements wire.Keyring.
func (r *Ring) Lookup(accessKeyID string) (wire.Key, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	key, ok := r.keys[accessKeyID]
	return key, ok
}

// User creates a long-term key pair for a user of an account.
func (r *Ring) User(accountID, name string) (accessKeyID string, key wire.Key) {
	key = wire.Key{AccountID: accountID, SecretKey: rand.Text(), ARN: "arn:aws:iam::" + accountID + ":user/" + name}
	return r.add("AKIA", key), key
}

// Session creates temporary credentials for an assumed role.
func (r *Ring) Session(accountID, arn string, expires time.Time) (accessKeyID string, key wire.Key) {
	key = wire.Key{AccountID: accountID, SecretKey: rand.Text(), SessionToken: rand.Text() + rand.Text(), Expires: expires, ARN: arn}
	return r.add("ASIA", key), key
}

// Expire ends temporary credentials now, as if their time had come.
func (r *Ring) Expire(accessKeyID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if key, ok := r.keys[accessKeyID]; ok {
		key.Expires = time.Now()
		r.keys[accessKeyID] = key
	}
}

func (r *Ring) add(prefix string, key wire.Key) (accessKeyID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	accessKeyID = prefix + rand.Text()[:16]
	r.keys[accessKeyID] = key
	return accessKeyID
}

// Save returns the ring's keys, so that credentials outlive a restart.
func (r *Ring) Save() ([]byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out, err := json.Marshal(r.keys)
	if err != nil {
		return nil, fmt.Errorf("save access keys: %w", err)
	}
	return out, nil
}

// Load adds saved keys to the ring.
func (r *Ring) Load(state []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := json.Unmarshal(state, &r.keys); err != nil {
		return fmt.Errorf("load access keys: %w", err)
	}
	return nil
}
