package cloudformation_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	rdsclient "github.com/aws/aws-sdk-go-v2/service/rds"
	ssmclient "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"

	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/cloudformation"
	"github.com/org/shipkit/internal/localaws/ec2"
	"github.com/org/shipkit/internal/localaws/keyring"
	"github.com/org/shipkit/internal/localaws/logs"
	"github.com/org/shipkit/internal/localaws/rds"
	"github.com/org/shipkit/internal/localaws/secrets"
	"github.com/org/shipkit/internal/localaws/ssm"
	"github.com/org/shipkit/internal/localaws/wire"
)

// world is CloudFormation with the services that its stacks need here.
type world struct {
	*sdk.Client
	service *cloudformation.Service
	rds     *rdsclient.Client
	ssm     *ssmclient.Client
}

func start(t *testing.T) *world {
	t.Helper()
	c := clock.New(5000)
	keys := keyring.New()
	mux := wire.NewMux(keys, nil)
	vault := secrets.New(c)
	databases := rds.New(c, rds.Options{NoData: true, Secrets: vault})
	stacks := cloudformation.New(c, mux)
	mux.Add(databases.Wire(), stacks.Wire(), ssm.New(c).Wire(), vault.Wire(), logs.New(c).Wire(), ec2.New().Wire())
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		if err := errors.Join(stacks.Close(), databases.Close()); err != nil {
			t.Error(err)
		}
		c.Close()
	})
	id, key := keys.User(wire.DefaultAccount, "test")
	cfg := aws.Config{
		Region: wire.DefaultRegion, BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider(id, key.SecretKey, ""),
	}
	return &world{Client: sdk.NewFromConfig(cfg), service: stacks, rds: rdsclient.NewFromConfig(cfg),
		ssm: ssmclient.NewFromConfig(cfg)}
}

// create creates a stack and returns its ID.
func (w *world) create(t *testing.T, name, body string, parameters ...string) string {
	t.Helper()
	out, err := w.CreateStack(t.Context(), &sdk.CreateStackInput{StackName: &name, TemplateBody: &body,
		Parameters: pairs(parameters)})
	if err != nil {
		t.Fatal(err)
	}
	return *out.StackId
}

func (w *world) update(t *testing.T, name, body string, parameters ...string) error {
	t.Helper()
	_, err := w.UpdateStack(t.Context(), &sdk.UpdateStackInput{StackName: &name, TemplateBody: &body,
		Parameters: pairs(parameters)})
	return err
}

// changeSet creates a change set and waits until it is computed.
func (w *world) changeSet(t *testing.T, stack, name, body string, typ types.ChangeSetType) *sdk.DescribeChangeSetOutput {
	t.Helper()
	_, err := w.CreateChangeSet(t.Context(), &sdk.CreateChangeSetInput{
		StackName: &stack, ChangeSetName: &name, TemplateBody: &body, ChangeSetType: typ, ClientToken: new("token-" + name),
	})
	if err != nil {
		t.Fatal(err)
	}
	var out *sdk.DescribeChangeSetOutput
	await(t, "change set "+name, "done", func(ctx context.Context) string {
		out, err = w.DescribeChangeSet(ctx, &sdk.DescribeChangeSetInput{StackName: &stack, ChangeSetName: &name})
		if err != nil {
			return err.Error()
		}
		if out.Status == types.ChangeSetStatusCreateComplete || out.Status == types.ChangeSetStatusFailed {
			return "done"
		}
		return string(out.Status)
	})
	return out
}

func pairs(list []string) (parameters []types.Parameter) {
	for i := 0; i < len(list); i += 2 {
		parameters = append(parameters, types.Parameter{ParameterKey: &list[i], ParameterValue: &list[i+1]})
	}
	return parameters
}

// await waits for a stack's state and returns the stack.
func (w *world) await(t *testing.T, name string, want types.StackStatus) types.Stack {
	t.Helper()
	var st types.Stack
	defer func() {
		if t.Failed() {
			w.explain(t, name)
		}
	}()
	await(t, "stack "+name, string(want), func(ctx context.Context) string {
		out, err := w.DescribeStacks(ctx, &sdk.DescribeStacksInput{StackName: &name})
		if err != nil {
			return err.Error()
		}
		st = out.Stacks[0]
		return string(st.StackStatus)
	})
	return st
}

// explain logs why resources failed.
func (w *world) explain(t *testing.T, name string) {
	t.Helper()
	out, err := w.DescribeStackEvents(context.WithoutCancel(t.Context()), &sdk.DescribeStackEventsInput{StackName: &name})
	if err != nil {
		t.Log(err)
		return
	}
	for _, e := range out.StackEvents {
		t.Log(*e.LogicalResourceId, e.ResourceStatus, aws.ToString(e.ResourceStatusReason))
	}
}

func await(t *testing.T, what, want string, look func(context.Context) string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	got := look(ctx)
	for got != want {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: got %s, want %s", what, got, want)
		case <-time.After(2 * time.Millisecond):
			got = look(ctx)
		}
	}
}

// history lists a stack's events, oldest first, as "logicalID STATUS".
func (w *world) history(t *testing.T, name string) (lines []string) {
	t.Helper()
	pages := sdk.NewDescribeStackEventsPaginator(w.Client, &sdk.DescribeStackEventsInput{StackName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.StackEvents {
			lines = append(lines, *e.LogicalResourceId+" "+string(e.ResourceStatus))
		}
	}
	slices.Reverse(lines)
	return lines
}

func wantHistory(t *testing.T, got []string, want string) {
	t.Helper()
	if joined := strings.Join(got, "\n"); joined != strings.TrimSpace(want) {
		t.Errorf("events:\n%s\nwant:\n%s", joined, strings.TrimSpace(want))
	}
}

func output(st types.Stack, key string) string {
	for _, o := range st.Outputs {
		if *o.OutputKey == key {
			return *o.OutputValue
		}
	}
	return ""
}

// failure returns AWS's code and message.
func failure(err error) (code, message string) {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode(), api.ErrorMessage()
	}
	if err != nil {
		return "", err.Error()
	}
	return "", ""
}

func wantError(t *testing.T, err error, code, part string) {
	t.Helper()
	if gotCode, message := failure(err); gotCode != code || !strings.Contains(message, part) {
		t.Errorf("error: got %q: %q, want %q: %q", gotCode, message, code, part)
	}
}
