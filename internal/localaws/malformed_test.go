package localaws_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/org/shipkit/internal/localaws"
)

// rawCall is what no SDK would send.
type rawCall struct {
	service, method, path, contentType, target, body string
}

// send signs a call with good credentials. A connection that is dropped fails the test: local AWS has crashed.
func send(t *testing.T, cfg aws.Config, c rawCall) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), c.method, *cfg.BaseEndpoint+c.path, bytes.NewReader([]byte(c.body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", c.contentType)
	if c.target != "" {
		req.Header.Set("X-Amz-Target", c.target)
	}
	credentials, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(c.body))
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, req, hex.EncodeToString(sum[:]), c.service, cfg.Region, time.Now()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Errorf("%+v: %v", c, err)
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(answer)
}

const (
	form     = "application/x-www-form-urlencoded"
	jsonBody = "application/x-amz-json-1.1"
)

// TestNothingGiven calls every operation without any member: it answers with an error of AWS's or does what needs none,
// but never crashes.
func TestNothingGiven(t *testing.T) {
	s := start(t, localaws.Options{Engine: localaws.Process, NoData: true})
	forms := []string{"rds", "sts", "iam", "cloudformation", "elasticloadbalancing", "sns"}
	rest := []string{"scheduler", "s3", "ses"} // below, since they are addressed by paths
	var calls []rawCall
	for service, operations := range s.Operations() {
		for _, operation := range operations {
			switch {
			case slices.Contains(forms, service):
				calls = append(calls, rawCall{service, "POST", "/", form, "", "Action=" + operation})
			case service == "monitoring":
				calls = append(calls, rawCall{service, "POST", "/service/GraniteServiceVersion20100801/operation/" + operation,
					"application/cbor", "", "\xa0"})
			case !slices.Contains(rest, service):
				calls = append(calls, rawCall{service, "POST", "/", jsonBody, "X." + operation, "{}"})
			}
		}
	}
	for _, path := range []string{"/schedules/a", "/schedule-groups/a", "/tags/a", "/v2/email/outbound-emails"} {
		service := "scheduler"
		if strings.HasPrefix(path, "/v2") {
			service = "ses"
		}
		for _, method := range []string{"POST", "PUT", "GET", "DELETE"} {
			calls = append(calls, rawCall{service, method, path, "application/json", "", "{}"})
		}
	}
	for _, c := range calls {
		if status, body := send(t, s.Config(), c); status >= 500 && status != http.StatusNotImplemented {
			t.Errorf("%+v: %d %s", c, status, body)
		}
	}
}

// TestMalformedRequests: one clear line each, which names what is wrong.
func TestMalformedRequests(t *testing.T) {
	s := start(t, localaws.Options{Engine: localaws.Process, NoData: true})
	for name, test := range map[string]struct {
		call   rawCall
		status int
		want   []string
	}{
		"JSON that ends early": {rawCall{"ecs", "POST", "/", jsonBody, "X.CreateCluster", `{"clusterName":`}, 400,
			[]string{"SerializationException", "the body is not JSON"}},
		"a number for a text": {rawCall{"ecs", "POST", "/", jsonBody, "X.CreateCluster", `{"clusterName":5}`}, 400,
			[]string{"SerializationException", "clusterName: expected string, got 5"}},
		"a list for an object": {rawCall{"ecs", "POST", "/", jsonBody, "X.CreateCluster", `[]`}, 400,
			[]string{"SerializationException", "must be a JSON object, got a list"}},
		"a text for a number": {rawCall{"rds", "POST", "/", form, "", "Action=CreateDBInstance&AllocatedStorage=lots"}, 400,
			[]string{"MalformedQueryString", "AllocatedStorage: expected int32"}},
		"a broken form": {rawCall{"rds", "POST", "/", form, "", "Action=CreateDBInstance&%zz"}, 400,
			[]string{"MalformedQueryString", "invalid URL escape"}},
		"no action": {rawCall{"rds", "POST", "/", form, "", ""}, 400, []string{"MissingAction", "names no operation"}},
		"no target": {rawCall{"ecs", "POST", "/", jsonBody, "", "{}"}, 400, []string{"MissingAction", "names no operation"}},
		"a required member of a form": {rawCall{"elasticloadbalancing", "POST", "/", form, "", "Action=CreateLoadBalancer"}, 400,
			[]string{"ValidationError", "Value null at &#39;name&#39; failed"}},
		"a required member of RDS": {rawCall{"rds", "POST", "/", form, "", "Action=DeleteDBInstance"}, 400,
			[]string{"MissingParameter", "The request must contain the parameter DBInstanceIdentifier."}},
		"a required member of JSON": {rawCall{"ssm", "POST", "/", jsonBody, "X.GetParameter", "{}"}, 400,
			[]string{"ValidationException", "Value null at 'name' failed"}},
		"a required enum": {rawCall{"application-autoscaling", "POST", "/", jsonBody, "X.DescribeScalableTargets", "{}"}, 400,
			[]string{"ValidationException", "'serviceNamespace'"}},
		"an operation that is not there": {rawCall{"ecs", "POST", "/", jsonBody, "X.DescribeCapacityProviders", "{}"}, 501,
			[]string{"UnknownOperationException", `no operation \"DescribeCapacityProviders\" in service \"ecs\"; it has: ContinueService`}},
		"a service that is not there": {rawCall{"lambda", "POST", "/", jsonBody, "X.Invoke", "{}"}, 501,
			[]string{"UnknownOperationException", `no service \"lambda\"; it has: application-autoscaling, `}},
		"a service that is not there, in a form": {rawCall{"redshift", "POST", "/", form, "", "Action=DescribeClusters"}, 501,
			[]string{"<Code>UnknownOperationException</Code>", "no service &#34;redshift&#34;; it has: application-autoscaling, "}},
		"an operation of EC2 that is not there": {rawCall{"ec2", "POST", "/", form, "", "Action=DescribeVpcs"}, 501,
			[]string{"<Response><Errors><Error><Code>InvalidAction</Code>", "it has: CreateSecurityGroup, "}},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := send(t, s.Config(), test.call)
			for _, want := range test.want {
				if status != test.status || !strings.Contains(body, want) {
					t.Errorf("%d %s, want %d with %q", status, body, test.status, want)
				}
			}
		})
	}
}
