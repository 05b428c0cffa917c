package localaws

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/org/shipkit/internal/localaws/wire"
)

// Config is for the SDK's clients: the default account in eu-west-1.
func (s *Server) Config() aws.Config {
	return s.config(wire.DefaultRegion, wire.DefaultAccessKey, wire.DefaultSecretKey, "")
}

// ConfigFor is Config for another account and region.
func (s *Server) ConfigFor(accountID, region string) aws.Config {
	id, key := s.keys.User(accountID, "local")
	return s.config(region, id, key.SecretKey, "")
}

// Session is Config with an access key of its own, whose ID it returns: faults and the record of calls tell clients
// apart by it, so that a test can kill a run (Faults.DieAt) and go on looking at what it left.
func (s *Server) Session(name string) (accessKeyID string, cfg aws.Config) {
	id, key := s.keys.User(wire.DefaultAccount, name)
	return id, s.config(wire.DefaultRegion, id, key.SecretKey, "")
}

func (s *Server) config(region, id, secret, token string) aws.Config {
	return aws.Config{Region: region, BaseEndpoint: aws.String(s.URL),
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token)}
}

// Env are the variables that point any AWS tool at local AWS, in the form of os.Environ.
func (s *Server) Env() []string { return Env(s.URL) }

// Env are the variables for a server that runs elsewhere, by its URL.
func Env(url string) []string { return environment(url, wire.DefaultAccessKey, wire.DefaultSecretKey) }

// SessionEnv is Env with an access key of its own, as Session is Config with one.
func (s *Server) SessionEnv(name string) (accessKeyID string, env []string) {
	id, key := s.keys.User(wire.DefaultAccount, name)
	return id, environment(s.URL, id, key.SecretKey)
}

func environment(url, id, secret string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + url,
		"AWS_REGION=" + wire.DefaultRegion,
		"AWS_DEFAULT_REGION=" + wire.DefaultRegion,
		"AWS_ACCESS_KEY_ID=" + id,
		"AWS_SECRET_ACCESS_KEY=" + secret,
		"AWS_EC2_METADATA_DISABLED=true",
	}
}

// SessionConfig is Config with the temporary credentials that STS gave out.
func (s *Server) SessionConfig(c *types.Credentials) aws.Config {
	return s.config(wire.DefaultRegion, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// Expire ends temporary credentials now, as if their hour had passed.
func (s *Server) Expire(accessKeyID string) { s.keys.Expire(accessKeyID) }

// Once retries nothing, so that every fault reaches what is tested, but an answer whose connection broke in this very
// process: on a busy machine Go's client now and then closes one that is still being read.
func Once() aws.Retryer {
	torn := func(err error) aws.Ternary {
		return aws.BoolTernary(strings.Contains(err.Error(), "use of closed network connection"))
	}
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(torn)}
		o.MaxBackoff, o.RateLimiter = time.Millisecond, ratelimit.None
	})
}
