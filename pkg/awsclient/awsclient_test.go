package awsclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/diag"
)

// serveSTS answers GetCallerIdentity, and points the default chain at it. The
// first failures calls are cut off.
func serveSTS(t *testing.T, failures int64) *atomic.Int64 {
	t.Helper()
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) <= failures {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if !strings.Contains(r.Header.Get("User-Agent"), "app/shipkit") {
			t.Error("user agent:", r.Header.Get("User-Agent"))
		}
		fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
			`<Arn>arn:aws:sts::111122223333:assumed-role/deploy/run</Arn><UserId>A:run</UserId><Account>111122223333</Account>`+
			`</GetCallerIdentityResult></GetCallerIdentityResponse>`)
	}))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CA_BUNDLE", "")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	return &calls
}

func TestLoadGuardsTheAccount(t *testing.T) {
	calls := serveSTS(t, 2)
	cfg, err := awsclient.Load(t.Context(), awsclient.Options{Region: "eu-west-1", ExpectedAccountID: "111122223333"})
	if err != nil || cfg.Region != "eu-west-1" {
		t.Fatal(cfg.Region, err)
	}
	if calls.Load() != 3 {
		t.Errorf("%d calls, want two failures and a success", calls.Load())
	}
	_, err = awsclient.Load(t.Context(), awsclient.Options{Region: "eu-west-1", ExpectedAccountID: "999999999999"})
	if err == nil || !strings.Contains(err.Error(), "account 111122223333, not to the expected 999999999999") {
		t.Error(err)
	}
}

func TestLoadCallsNobodyWithoutAGuard(t *testing.T) {
	calls := serveSTS(t, 0)
	if _, err := awsclient.Load(t.Context(), awsclient.Options{Region: "eu-west-1"}); err != nil || calls.Load() != 0 {
		t.Error(calls.Load(), err)
	}
}

func TestLoadRefusesBadOptions(t *testing.T) {
	serveSTS(t, 0)
	for name, test := range map[string]struct {
		options awsclient.Options
		want    []string
	}{
		"no region": {awsclient.Options{}, []string{"no AWS region is set", "aws-region"}},
		"both wrong": {
			awsclient.Options{Region: "Europe", ExpectedAccountID: "12345"},
			[]string{`"Europe" is not the name of a region`, `"12345" is not an AWS account ID`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := awsclient.Load(t.Context(), test.options)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v: lacks %q", err, want)
				}
			}
		})
	}
}

func TestExplain(t *testing.T) {
	denied := "User: arn:aws:sts::1:assumed-role/deploy/x is not authorized to perform: ecs:UpdateService on resource: " +
		"arn:aws:ecs:eu-west-1:1:service/c/web because no identity-based policy allows the ecs:UpdateService action"
	api := func(code, message string) error {
		return &smithy.OperationError{
			ServiceID: "ECS", OperationName: "UpdateService", Err: &smithy.GenericAPIError{Code: code, Message: message},
		}
	}
	for name, test := range map[string]struct {
		err          error
		summary, try string
	}{
		"expired": {api("ExpiredTokenException", "The security token included in the request is expired"),
			"the AWS credentials have expired", "role-duration-seconds"},
		"denied": {api("AccessDeniedException", denied),
			"AWS denied ecs:UpdateService on arn:aws:ecs:eu-west-1:1:service/c/web", `"Resource": "arn:aws:ecs:eu-west-1:1:service/c/web"`},
		"denied by EC2": {api("UnauthorizedOperation", "You are not authorized to perform this operation. User: arn:aws:sts::1:assumed-role/deploy/x "+
			"is not authorized to perform: ec2:DescribeSecurityGroups because no identity-based policy allows the ec2:DescribeSecurityGroups action"),
			"AWS denied ec2:DescribeSecurityGroups", "allow ec2:DescribeSecurityGroups in the policy"},
		"denied without words": {api("AccessDenied", "Access Denied"), "AWS denied ecs:UpdateService", "allow ecs:UpdateService"},
		"unknown key":          {api("InvalidClientTokenId", "no"), "AWS does not know these credentials", "access key"},
		"no credentials": {errors.New("get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found"),
			"no AWS credentials were found", "id-token: write"},
	} {
		t.Run(name, func(t *testing.T) {
			var d *diag.Diagnostic
			if !errors.As(awsclient.Explain(test.err), &d) {
				t.Fatal("no diagnostic")
			}
			if d.Summary != test.summary || !strings.Contains(d.Try, test.try) || !errors.Is(d, test.err) {
				t.Errorf("%+v", d)
			}
		})
	}
	once := fmt.Errorf("ask for the identity: %w", awsclient.Explain(api("AccessDenied", "Access Denied")))
	if got := awsclient.Explain(once); got != once { //nolint:errorlint // the very same
		t.Error("explained twice:", got)
	}
	plain := api("ClusterNotFoundException", "Cluster not found.")
	if got := awsclient.Explain(plain); got != plain { //nolint:errorlint // the very same
		t.Error(got)
	}
}

func TestNoCredentialsIsExplained(t *testing.T) {
	serveSTS(t, 0)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	_, err := awsclient.Load(context.Background(), awsclient.Options{Region: "eu-west-1", ExpectedAccountID: "111122223333"})
	if err == nil || !strings.Contains(err.Error(), "no AWS credentials were found") {
		t.Error(err)
	}
}
