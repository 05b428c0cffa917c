// Package awsclient makes the AWS configuration that every action shares: the
// default credentials chain, a retry policy for a link that loses packets, the
// guard against the wrong account, and plain words for what AWS refuses.
package awsclient

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/org/shipkit/pkg/diag"
)

// Options say where and as whom an action works.
type Options struct {
	// Region overrides AWS_REGION and the profile; "" keeps them.
	Region string
	// ExpectedAccountID refuses to work in another account; "" works in any.
	ExpectedAccountID string
}

// The retry policy. A call on a link that loses packets fails more often than
// the SDK's three attempts allow, and its retry quota, made for a service in
// trouble, would run out.
const (
	maxAttempts = 8
	maxBackoff  = 20 * time.Second
)

var (
	accountID = regexp.MustCompile(`^\d{12}$`)
	region    = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d+$`)
)

// Load returns the configuration of the default chain: environment variables
// (which aws-actions/configure-aws-credentials sets), profile, web identity,
// container and instance role. AWS_ENDPOINT_URL is honoured. Only with
// ExpectedAccountID does it call AWS.
func Load(ctx context.Context, options Options) (aws.Config, error) {
	if err := options.check(); err != nil {
		return aws.Config{}, err
	}
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(options.Region),
		config.WithAppID("shipkit"),
		config.WithRetryer(newRetryer),
		config.WithHTTPClient(newHTTPClient()),
	)
	if err != nil {
		return aws.Config{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return aws.Config{}, &diag.Diagnostic{
			Summary: "no AWS region is set",
			Try:     "set the input aws-region, or AWS_REGION as aws-actions/configure-aws-credentials does",
		}
	}
	if options.ExpectedAccountID == "" {
		return cfg, nil
	}
	return cfg, checkAccount(ctx, cfg, options.ExpectedAccountID)
}

func (o Options) check() error {
	var problems diag.List
	if o.Region != "" && !region.MatchString(o.Region) {
		problems.Errorf("write one such as eu-west-1", "AWS region %q is not the name of a region", o.Region)
	}
	if o.ExpectedAccountID != "" && !accountID.MatchString(o.ExpectedAccountID) {
		problems.Errorf("write its 12 digits in quotes, or YAML takes a leading zero away",
			"expected account %q is not an AWS account ID", o.ExpectedAccountID)
	}
	return problems.Err()
}

func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.MaxBackoff = maxBackoff
		o.RateLimiter = ratelimit.None
	})
}

// newHTTPClient waits longer than the SDK for a handshake, which takes four
// round trips of maybe 300 ms with losses, but not for ever for an answer: a
// connection that died without a word is noticed.
func newHTTPClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.TLSHandshakeTimeout = 30 * time.Second
		t.ResponseHeaderTimeout = time.Minute
	})
}
