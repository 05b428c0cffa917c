package wire_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/smithy-go"

	"github.com/org/shipkit/internal/localaws/wire"
)

const secret = "secret"

// ring knows a good key, a session and an expired session.
type ring struct{}

func (ring) Lookup(id string) (wire.Key, bool) {
	switch id {
	case "GOOD":
		return wire.Key{AccountID: "111122223333", SecretKey: secret}, true
	case "SESSION":
		return wire.Key{AccountID: "111122223333", SecretKey: secret, SessionToken: "token"}, true
	case "EXPIRED":
		return wire.Key{AccountID: "111122223333", SecretKey: secret, SessionToken: "token", Expires: time.Unix(1, 0)}, true
	}
	return wire.Key{}, false
}

func serve(t *testing.T, around wire.Around) string {
	t.Helper()
	e := wire.NewService(wire.ServiceInfo{Name: "ecs", Protocol: wire.JSON11, LowerCamel: true})
	wire.Handle(e, "DescribeClusters", func(ctx context.Context, in *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
		switch in.Clusters[0] {
		case "typed":
			return nil, &types.ClusterNotFoundException{Message: aws.String("Cluster not found.")}
		case "broken":
			return nil, errors.New("disk on fire")
		}
		arn := wire.Caller(ctx).Resource("ecs", "cluster/a")
		return &ecs.DescribeClustersOutput{Clusters: []types.Cluster{{ClusterArn: &arn}}}, nil
	})
	r := wire.NewService(wire.ServiceInfo{Name: "rds", Protocol: wire.Query})
	wire.Handle(r, "DescribeDBInstances", func(context.Context, *rds.DescribeDBInstancesInput) (*rds.DescribeDBInstancesOutput, error) {
		return nil, wire.Errorf("DBInstanceNotFound", 404, "DBInstance %s not found.", "a")
	})
	mux := wire.NewMux(ring{}, around)
	mux.Add(e, r)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func config(url, id, secretKey, token string) aws.Config {
	return aws.Config{Region: "eu-west-1", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secretKey, token)}
}

func describe(t *testing.T, c aws.Config, cluster string) (string, error) {
	t.Helper()
	out, err := ecs.NewFromConfig(c).DescribeClusters(t.Context(), &ecs.DescribeClustersInput{Clusters: []string{cluster}})
	if err != nil {
		return "", err
	}
	return *out.Clusters[0].ClusterArn, nil
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func TestCredentials(t *testing.T) {
	url := serve(t, nil)
	tests := []struct{ name, id, secret, token, json, query string }{
		{"unknown key", "NOBODY", secret, "", "UnrecognizedClientException", "InvalidClientTokenId"},
		{"wrong secret", "GOOD", "other", "", "InvalidSignatureException", "SignatureDoesNotMatch"},
		{"wrong session token", "SESSION", secret, "other", "UnrecognizedClientException", "InvalidClientTokenId"},
		{"no session token", "SESSION", secret, "", "UnrecognizedClientException", "InvalidClientTokenId"},
		{"expired session", "EXPIRED", secret, "token", "ExpiredTokenException", "ExpiredToken"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := config(url, test.id, test.secret, test.token)
			if _, err := describe(t, c, "a"); code(err) != test.json {
				t.Errorf("JSON: %v, want %s", err, test.json)
			}
			_, err := rds.NewFromConfig(c).DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
			if code(err) != test.query {
				t.Errorf("query: %v, want %s", err, test.query)
			}
		})
	}
	for _, good := range []aws.Config{config(url, "GOOD", secret, ""), config(url, "SESSION", secret, "token")} {
		arn, err := describe(t, good, "a")
		if err != nil || arn != "arn:aws:ecs:eu-west-1:111122223333:cluster/a" {
			t.Errorf("good credentials: %s, %v", arn, err)
		}
	}
}

func TestErrors(t *testing.T) {
	url := serve(t, nil)
	c := config(url, "GOOD", secret, "")
	_, err := describe(t, c, "typed")
	if code(err) != "ClusterNotFoundException" || !strings.HasSuffix(err.Error(), ": Cluster not found.") {
		t.Errorf("a typed error arrived as %v", err)
	}
	if _, err := describe(t, c, "broken"); code(err) != "InternalFailure" || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("an internal error arrived as %v", err)
	}
	_, err = rds.NewFromConfig(c).DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{})
	if code(err) != "DBInstanceNotFound" || !strings.Contains(err.Error(), "StatusCode: 404") {
		t.Errorf("a query error arrived as %v", err)
	}
	_, err = ecs.NewFromConfig(c).ListClusters(t.Context(), nil)
	if code(err) != "UnknownOperationException" || !strings.Contains(err.Error(), `no operation "ListClusters" in service "ecs"`) {
		t.Errorf("an unknown operation: %v", err)
	}
	_, err = rds.NewFromConfig(c).StopDBInstance(t.Context(), &rds.StopDBInstanceInput{DBInstanceIdentifier: aws.String("a")})
	if code(err) != "InvalidAction" || !strings.Contains(err.Error(), `"StopDBInstance"`) {
		t.Errorf("an unknown query action: %v", err)
	}
}

// TestMalformedRequests sends what no SDK would, without a signature and with one that is no signature.
func TestMalformedRequests(t *testing.T) {
	url := serve(t, nil)
	tests := []struct{ name, contentType, authorization, body, want string }{
		{"nothing at all", "", "", "", "MissingAuthenticationTokenException"},
		{"a form without signature", "application/x-www-form-urlencoded", "", "Action=DescribeDBInstances", "MissingAuthenticationToken"},
		{"not SigV4", "application/x-amz-json-1.1", "Basic YTpi", "{}", "IncompleteSignatureException"},
		{"half a scope", "application/x-amz-json-1.1", "AWS4-HMAC-SHA256 Credential=GOOD/ecs, SignedHeaders=host, Signature=0", "{}",
			"IncompleteSignatureException"},
		{"an unknown service", "application/x-amz-json-1.1",
			"AWS4-HMAC-SHA256 Credential=GOOD/20260101/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0", "{}",
			`local AWS has no service \"lambda\"`},
		{"a forged signature", "application/x-amz-json-1.1",
			"AWS4-HMAC-SHA256 Credential=GOOD/20260101/eu-west-1/ecs/aws4_request, SignedHeaders=host, Signature=0", "{}",
			"InvalidSignatureException"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", test.contentType)
			req.Header.Set("Authorization", test.authorization)
			req.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.DescribeClusters")
			if test.authorization == "" {
				req.Header.Del("Authorization")
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode < 400 || !strings.Contains(string(body), test.want) {
				t.Errorf("%d %s, want %s", resp.StatusCode, body, test.want)
			}
		})
	}
}

func TestAroundMayDropTheConnection(t *testing.T) {
	url := serve(t, func(_ context.Context, call wire.Call, next func() (any, error)) (any, error) {
		if call.Operation != "DescribeClusters" || call.Caller.AccessKeyID != "GOOD" {
			t.Errorf("call = %+v", call)
		}
		_, _ = next()
		return nil, wire.ErrDrop
	})
	_, err := describe(t, config(url, "GOOD", secret, ""), "a")
	if !errors.Is(err, io.EOF) {
		t.Errorf("err = %v, want EOF", err)
	}
}
