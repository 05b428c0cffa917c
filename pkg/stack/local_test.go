package stack_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/pkg/stack"
)

const parameters = `
Parameters: {Value: {Type: String}}
Resources:
  First: {Type: AWS::SSM::Parameter, Properties: {Name: /xy/first, Type: String, Value: !Ref Value}}
  Second: {Type: AWS::SSM::Parameter, Properties: {Name: /xy/second, Type: String, Value: !GetAtt First.Value}}
Outputs: {Second: {Value: !Ref Second}}
`

var owner = map[string]string{"shipkit:namespace": "xy-0146-dev"}

// TestAgainstLocalAWS takes a stack through its life over the real wire.
func TestAgainstLocalAWS(t *testing.T) {
	server, err := localaws.Start(t.Context(), localaws.Options{Factor: 2000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &stack.Driver{Client: cloudformation.NewFromConfig(server.Config()), Poll: 5 * time.Millisecond}
	store := ssm.NewFromConfig(server.Config())
	r := stack.Request{Name: "xy", Template: parameters, Tags: owner, Owner: owner, Recreate: true}

	r.Parameters = map[string]string{"Value": "one"}
	server.CloudFormation.FailResource("Second", "CREATE", "out of luck")
	if _, err := d.Ensure(t.Context(), r); err == nil ||
		!strings.Contains(err.Error(), "Second (SSM Parameter) failed: out of luck") {
		t.Fatalf("first try: %v", err)
	}
	s, err := d.Ensure(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if s.Outputs["Second"] != "/xy/second" {
		t.Errorf("outputs: %v", s.Outputs)
	}
	r.Parameters = map[string]string{"Value": "two"}
	if _, err := d.Ensure(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	got, err := store.GetParameter(t.Context(), &ssm.GetParameterInput{Name: new("/xy/second")})
	if err != nil || *got.Parameter.Value != "two" {
		t.Errorf("after the update: %v %v", got, err)
	}
	found, err := d.List(t.Context(), owner)
	if err != nil || len(found) != 1 || found[0].Name != "xy" {
		t.Errorf("list: %v %v", found, err)
	}
	if err := d.Delete(t.Context(), stack.Deletion{Name: "xy", Owner: owner}); err != nil {
		t.Fatal(err)
	}
	if s, err := d.Look(t.Context(), "xy"); s != nil || err != nil {
		t.Errorf("after the deletion: %v %v", s, err)
	}
}
