package deployecs

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"go.yaml.in/yaml/v3"

	"github.com/org/shipkit/pkg/action"
)

// upstream is an action that users move over from with one changed line.
type upstream struct {
	Action, Version string
	Outputs         []string
	Inputs          map[string]struct{ Default, Here string }
}

// Every input and output of the actions that users move over from is here, with
// the same default or a difference that the README owns up to.
func TestInputsOfTheActionsToMoveOverFrom(t *testing.T) {
	data, err := os.ReadFile("testdata/aws-actions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []upstream
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&all); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	meta, err := Spec.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	for _, theirs := range all {
		if !strings.Contains(string(readme), "`"+theirs.Action+"` ("+theirs.Version+")") {
			t.Errorf("the README does not name %s %s", theirs.Action, theirs.Version)
		}
		for name, want := range theirs.Inputs {
			ours, ok := meta.Input(strings.ToLower(name)) // GitHub does not tell capitals apart
			if !ok || !strings.Contains(string(readme), "\n| `"+name+"` | ") {
				t.Errorf("input %s of %s is not in action.yml and in the README's table", name, theirs.Action)
			}
			compareDefault(t, ours, want.Default, want.Here, string(readme))
		}
		for _, name := range theirs.Outputs {
			if !meta.HasOutput(name) {
				t.Errorf("output %s of %s is missing", name, theirs.Action)
			}
		}
	}
}

// compareDefault demands the same default, written out or in the description,
// or a row of the README that names both.
func compareDefault(t *testing.T, ours action.Input, theirs, here, readme string) {
	t.Helper()
	row := "| `" + ours.Name + "` | " + theirs + " | " + here + " | "
	switch {
	case here != "" && !strings.Contains(readme, row):
		t.Errorf("the README lacks the row %q", row)
	case here == "" && theirs == "" && ours.Default != "":
		t.Errorf("input %s: the default is %q, theirs is none", ours.Name, ours.Default)
	case here == "" && theirs != "" && ours.Default != theirs && !strings.Contains(ours.Description, "Without it `"+theirs+"`"):
		t.Errorf("input %s: the default is %q, theirs %q", ours.Name, ours.Default, theirs)
	}
}

// answers is a link that answers with an error, or drops every connection.
type answers struct{ status, calls int }

func (a *answers) Do(r *http.Request) (*http.Response, error) {
	a.calls++
	if a.status == 0 {
		return nil, &os.SyscallError{Syscall: "connect", Err: os.ErrDeadlineExceeded}
	}
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// max-retries counts what AWS answers; a link that drops has eight tries.
func TestMaxRetries(t *testing.T) {
	for _, tt := range []struct {
		name                string
		status, given, want int
	}{
		{"an answer", http.StatusServiceUnavailable, 3, 3},
		{"more tries than the link has", http.StatusServiceUnavailable, 10, 10},
		{"no answer", 0, 3, 8},
		{"no answer, more tries", 0, 10, 10},
		{"none still is one", http.StatusServiceUnavailable, 0, 1},
		{"what no repetition helps", http.StatusBadRequest, 3, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				link := &answers{status: tt.status}
				cfg := aws.Config{
					Region: "eu-west-1", HTTPClient: link, Credentials: credentials.NewStaticCredentialsProvider("AK", "secret", ""),
					Retryer: func() aws.Retryer {
						return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.RateLimiter = 8, ratelimit.None })
					},
				}
				limitAnswered(&cfg, tt.given)
				if _, err := ecs.NewFromConfig(cfg).ListClusters(t.Context(), &ecs.ListClustersInput{}); err == nil {
					t.Error("the call succeeded")
				}
				if link.calls != tt.want {
					t.Errorf("%d tries, want %d", link.calls, tt.want)
				}
			})
		})
	}
}
