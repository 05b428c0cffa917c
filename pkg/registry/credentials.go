package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
)

// ECRTokens hands out ECR passwords. [ecr.Client] does.
type ECRTokens interface {
	GetAuthorizationToken(ctx context.Context, in *ecr.GetAuthorizationTokenInput, opts ...func(*ecr.Options)) (*ecr.GetAuthorizationTokenOutput, error)
}

var _ ECRTokens = (*ecr.Client)(nil)

// ECRKeychain finds credentials for private ECR registries through the AWS
// credential chain, and renews them when a push outlives their 12 hours.
//
// clients returns a client for a region; it is called at the first use of the
// region. Hosts are registries that are ECR without looking like it.
func ECRKeychain(clients func(region string) ECRTokens, hosts ...string) authn.Keychain {
	return &ecrKeychain{clients: clients, hosts: hosts, found: map[string]*ecrAuth{}}
}

type ecrKeychain struct {
	clients func(region string) ECRTokens
	hosts   []string
	mutex   sync.Mutex
	found   map[string]*ecrAuth
}

// Resolve implements [authn.Keychain].
func (k *ecrKeychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	region := ""
	if parts := ecrHost.FindStringSubmatch(target.RegistryStr()); parts != nil {
		region = parts[3]
	} else if !slices.Contains(k.hosts, target.RegistryStr()) {
		return authn.Anonymous, nil
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.found[region] == nil {
		k.found[region] = &ecrAuth{client: k.clients(region), now: time.Now}
	}
	return k.found[region], nil
}

// ecrAuth is a password with an end.
type ecrAuth struct {
	client ECRTokens
	now    func() time.Time
	mutex  sync.Mutex
	config authn.AuthConfig
	until  time.Time
}

// renewBefore is how long before its end a password is replaced.
const renewBefore = 15 * time.Minute

var _ authn.ContextAuthenticator = (*ecrAuth)(nil)

// Authorization implements [authn.Authenticator].
func (a *ecrAuth) Authorization() (*authn.AuthConfig, error) {
	return a.AuthorizationContext(context.Background())
}

// AuthorizationContext implements [authn.ContextAuthenticator]. The transport
// calls it for every request.
func (a *ecrAuth) AuthorizationContext(ctx context.Context) (*authn.AuthConfig, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.now().Add(renewBefore).Before(a.until) {
		return &a.config, nil
	}
	out, err := a.client.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return nil, fmt.Errorf("get an ECR password: %w", err)
	}
	if len(out.AuthorizationData) == 0 || out.AuthorizationData[0].AuthorizationToken == nil {
		return nil, errors.New("get an ECR password: the answer holds none")
	}
	data := out.AuthorizationData[0]
	plain, err := base64.StdEncoding.DecodeString(*data.AuthorizationToken)
	user, password, ok := strings.Cut(string(plain), ":")
	if err != nil || !ok {
		return nil, errors.New("get an ECR password: the token is not base64 of user:password")
	}
	a.config = authn.AuthConfig{Username: user, Password: password}
	// A token without a sensible end is used for this run's next hours.
	a.until = a.now().Add(12 * time.Hour)
	if data.ExpiresAt != nil && data.ExpiresAt.After(a.now()) {
		a.until = *data.ExpiresAt
	}
	return &a.config, nil
}

// TokenKeychain logs in to one host with a fixed user and token, such as
// GITHUB_TOKEN at ghcr.io.
func TokenKeychain(host, user, token string) authn.Keychain {
	return tokenKeychain{host: host, auth: authn.FromConfig(authn.AuthConfig{Username: user, Password: token})}
}

type tokenKeychain struct {
	host string
	auth authn.Authenticator
}

// Resolve implements [authn.Keychain].
func (k tokenKeychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	if target.RegistryStr() != k.host {
		return authn.Anonymous, nil
	}
	return k.auth, nil
}
