package cloudformation_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	rdsclient "github.com/aws/aws-sdk-go-v2/service/rds"
	ssmclient "github.com/aws/aws-sdk-go-v2/service/ssm"
)

const parameterStack = `
Parameters:
  Text: {Type: String, Default: one}
Resources:
  First:
    Type: AWS::SSM::Parameter
    Properties: {Name: /xy/first, Type: String, Value: !Ref Text}
  Second:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !Sub "after ${First}"}
Outputs:
  Name: {Value: !Ref Second}
  Value: {Value: !GetAtt First.Value}
`

func (w *world) parameter(t *testing.T, name string) string {
	t.Helper()
	out, err := w.ssm.GetParameter(t.Context(), &ssmclient.GetParameterInput{Name: &name})
	if err != nil {
		code, _ := failure(err)
		return code
	}
	return *out.Parameter.Value
}

func TestStackLives(t *testing.T) {
	w := start(t)
	w.create(t, "xy", parameterStack)
	st := w.await(t, "xy", types.StackStatusCreateComplete)
	if got := w.parameter(t, "/xy/first") + ", " + w.parameter(t, output(st, "Name")); got != "one, after /xy/first" {
		t.Errorf("parameters: %s", got)
	}
	wantError(t, w.update(t, "xy", parameterStack), "ValidationError", "No updates are to be performed.")
	if err := w.update(t, "xy", parameterStack, "Text", "two"); err != nil {
		t.Fatal(err)
	}
	st = w.await(t, "xy", types.StackStatusUpdateComplete)
	if got := output(st, "Value") + " " + w.parameter(t, "/xy/first"); got != "two two" {
		t.Errorf("after the update: %s", got)
	}
	if _, err := w.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: new("xy")}); err != nil {
		t.Fatal(err)
	}
	w.await(t, *st.StackId, types.StackStatusDeleteComplete)
	if got := w.parameter(t, "/xy/first"); got != "ParameterNotFound" {
		t.Errorf("after the deletion: %s", got)
	}
	_, err := w.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: new("xy")})
	wantError(t, err, "ValidationError", "Stack with id xy does not exist")
	wantHistory(t, w.history(t, *st.StackId), `
xy CREATE_IN_PROGRESS
First CREATE_IN_PROGRESS
First CREATE_COMPLETE
Second CREATE_IN_PROGRESS
Second CREATE_COMPLETE
xy CREATE_COMPLETE
xy UPDATE_IN_PROGRESS
First UPDATE_IN_PROGRESS
First UPDATE_COMPLETE
xy UPDATE_COMPLETE_CLEANUP_IN_PROGRESS
xy UPDATE_COMPLETE
xy DELETE_IN_PROGRESS
Second DELETE_IN_PROGRESS
Second DELETE_COMPLETE
First DELETE_IN_PROGRESS
First DELETE_COMPLETE
xy DELETE_COMPLETE`)
}

func TestCreationRollsBack(t *testing.T) {
	w := start(t)
	w.service.FailResource("Second", "CREATE", "out of luck")
	id := w.create(t, "xy", parameterStack)
	st := w.await(t, "xy", types.StackStatusRollbackComplete)
	if got := w.parameter(t, "/xy/first"); got != "ParameterNotFound" {
		t.Errorf("after the rollback: %s", got)
	}
	wantHistory(t, w.history(t, id), `
xy CREATE_IN_PROGRESS
First CREATE_IN_PROGRESS
First CREATE_COMPLETE
Second CREATE_IN_PROGRESS
Second CREATE_FAILED
xy ROLLBACK_IN_PROGRESS
Second DELETE_IN_PROGRESS
Second DELETE_COMPLETE
First DELETE_IN_PROGRESS
First DELETE_COMPLETE
xy ROLLBACK_COMPLETE`)
	wantError(t, w.update(t, "xy", parameterStack, "Text", "two"), "ValidationError",
		"is in ROLLBACK_COMPLETE state and can not be updated")
	_, err := w.CreateStack(t.Context(), &sdk.CreateStackInput{StackName: new("xy"), TemplateBody: new(parameterStack)})
	wantError(t, err, "AlreadyExistsException", "Stack [xy] already exists")
	if _, err := w.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: st.StackName}); err != nil {
		t.Fatal(err)
	}
	w.await(t, id, types.StackStatusDeleteComplete)
}

func TestUpdateRollsBack(t *testing.T) {
	w := start(t)
	w.create(t, "xy", parameterStack)
	w.await(t, "xy", types.StackStatusCreateComplete)
	w.service.FailResource("Third", "CREATE", "out of luck")
	body := strings.Replace(parameterStack, "Outputs:", `  Third:
    Type: AWS::SSM::Parameter
    DependsOn: First
    Properties: {Type: String, Value: three}
Outputs:`, 1)
	if err := w.update(t, "xy", body, "Text", "two"); err != nil {
		t.Fatal(err)
	}
	st := w.await(t, "xy", types.StackStatusUpdateRollbackComplete)
	if got := w.parameter(t, "/xy/first") + " " + output(st, "Value"); got != "one one" {
		t.Errorf("after the rollback: %s", got)
	}
	if *st.Parameters[0].ParameterValue != "one" {
		t.Errorf("parameters: %v", *st.Parameters[0].ParameterValue)
	}
	if err := w.update(t, "xy", parameterStack, "Text", "two"); err != nil {
		t.Errorf("update after the rollback: %v", err)
	}
	w.await(t, "xy", types.StackStatusUpdateComplete)
}

func TestDeletionThatFailsIsTriedAgain(t *testing.T) {
	w := start(t)
	id := w.create(t, "xy", parameterStack)
	w.await(t, "xy", types.StackStatusCreateComplete)
	w.service.FailResource("Second", "DELETE", "in use")
	remove := func() {
		t.Helper()
		if _, err := w.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: new("xy")}); err != nil {
			t.Fatal(err)
		}
	}
	remove()
	st := w.await(t, "xy", types.StackStatusDeleteFailed)
	if got := aws.ToString(st.StackStatusReason); got != "The following resource(s) failed to delete: [Second]. " {
		t.Errorf("reason: %q", got)
	}
	if got := w.parameter(t, "/xy/first"); got != "one" {
		t.Errorf("what the failed resource needs: %s", got)
	}
	remove()
	w.await(t, id, types.StackStatusDeleteComplete)
}

func TestTokensAndProtection(t *testing.T) {
	w := start(t)
	in := &sdk.CreateStackInput{
		StackName: new("xy"), TemplateBody: new(parameterStack), ClientRequestToken: new("once"),
		EnableTerminationProtection: new(true),
	}
	first, err := w.CreateStack(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.CreateStack(t.Context(), in)
	if err != nil || *again.StackId != *first.StackId {
		t.Errorf("same token: %v %v", again, err)
	}
	w.await(t, "xy", types.StackStatusCreateComplete)
	_, err = w.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: new("xy")})
	wantError(t, err, "ValidationError", "TerminationProtection is enabled")
	_, err = w.UpdateTerminationProtection(t.Context(),
		&sdk.UpdateTerminationProtectionInput{StackName: new("xy"), EnableTerminationProtection: new(false)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: new("xy")}); err != nil {
		t.Fatal(err)
	}
	w.await(t, *first.StackId, types.StackStatusDeleteComplete)
}

func TestInputErrors(t *testing.T) {
	w := start(t)
	create := func(body string, parameters ...string) error {
		_, err := w.CreateStack(t.Context(), &sdk.CreateStackInput{StackName: new("xy"), TemplateBody: &body,
			Parameters: pairs(parameters)})
		return err
	}
	required := strings.Replace(parameterStack, ", Default: one", "", 1)
	wantError(t, create(required), "ValidationError", "Parameters: [Text] must have values")
	wantError(t, create(parameterStack, "Other", "x"), "ValidationError", "Parameters: [Other] do not exist in the template")
	wantError(t, create("Resources: {A: {Type: AWS::Lambda::Function}}"), "ValidationError",
		"Unrecognized resource types: [AWS::Lambda::Function]")
	wantError(t, create("Resources: {A: {Type: AWS::IAM::Role}}"), "InsufficientCapabilitiesException", "CAPABILITY_IAM")
	wantError(t, create(""), "ValidationError", "Template")
	wantError(t, w.update(t, "none", parameterStack), "ValidationError", "Stack [none] does not exist")
	_, err := w.DescribeStackEvents(t.Context(), &sdk.DescribeStackEventsInput{StackName: new("none")})
	wantError(t, err, "ValidationError", "does not exist")
	if _, err := w.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: new("none")}); err != nil {
		t.Errorf("deletion of what is not there: %v", err)
	}
}

// A stack that is deleted while it is created leaves nothing.
func TestDeleteWhileCreating(t *testing.T) {
	w := start(t)
	id := w.create(t, "xy", `
Resources:
  DB:
    Type: AWS::RDS::DBInstance
    Properties: {DBInstanceClass: db.t4g.micro, Engine: postgres, AllocatedStorage: 20, MasterUsername: app, MasterUserPassword: correct-horse}
`)
	if _, err := w.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: new("xy")}); err != nil {
		t.Fatal(err)
	}
	w.await(t, id, types.StackStatusDeleteComplete)
	out, err := w.rds.DescribeDBInstances(t.Context(), &rdsclient.DescribeDBInstancesInput{})
	if err != nil || len(out.DBInstances) != 0 {
		t.Errorf("instances left: %v %v", out.DBInstances, err)
	}
}
