package cloudformation_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

func TestChangeSetsCreateAndUpdate(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	_, err := w.CreateChangeSet(ctx, &sdk.CreateChangeSetInput{StackName: new("xy"), ChangeSetName: new("u"),
		TemplateBody: new(parameterStack), ChangeSetType: types.ChangeSetTypeUpdate})
	wantError(t, err, "ValidationError", "Stack [xy] does not exist")

	set := w.changeSet(t, "xy", "c", parameterStack, types.ChangeSetTypeCreate)
	if set.Status != types.ChangeSetStatusCreateComplete || len(set.Changes) != 2 ||
		set.Changes[0].ResourceChange.Action != types.ChangeActionAdd {
		t.Fatalf("change set: %+v", set)
	}
	w.await(t, "xy", types.StackStatusReviewInProgress)
	again, err := w.CreateChangeSet(ctx, &sdk.CreateChangeSetInput{
		StackName: new("xy"), ChangeSetName: new("c"), TemplateBody: new(parameterStack),
		ChangeSetType: types.ChangeSetTypeCreate, ClientToken: new("token-c"),
	})
	if err != nil || *again.Id != *set.ChangeSetId {
		t.Errorf("same token: %v %v", again, err)
	}
	execute := &sdk.ExecuteChangeSetInput{StackName: new("xy"), ChangeSetName: new("c"), ClientRequestToken: new("go")}
	for range 2 { // the second has no effect
		if _, err := w.ExecuteChangeSet(ctx, execute); err != nil {
			t.Fatal(err)
		}
	}
	w.await(t, "xy", types.StackStatusCreateComplete)
	_, err = w.ExecuteChangeSet(ctx, &sdk.ExecuteChangeSetInput{StackName: new("xy"), ChangeSetName: new("c")})
	wantError(t, err, "InvalidChangeSetStatus", "cannot be executed")
	_, err = w.CreateChangeSet(ctx, &sdk.CreateChangeSetInput{StackName: new("xy"), ChangeSetName: new("d"),
		TemplateBody: new(parameterStack), ChangeSetType: types.ChangeSetTypeCreate})
	wantError(t, err, "ValidationError", "already exists and cannot be created again")

	same := w.changeSet(t, "xy", "same", parameterStack, types.ChangeSetTypeUpdate)
	if same.Status != types.ChangeSetStatusFailed ||
		!strings.HasPrefix(*same.StatusReason, "The submitted information didn't contain changes.") {
		t.Errorf("no change: %s %v", same.Status, *same.StatusReason)
	}
	renamed := strings.Replace(parameterStack, "/xy/first", "/xy/new", 1)
	other := w.changeSet(t, "xy", "other", renamed, types.ChangeSetTypeUpdate)
	var got []string
	for _, c := range other.Changes {
		got = append(got, *c.ResourceChange.LogicalResourceId+" "+string(c.ResourceChange.Action)+" "+string(c.ResourceChange.Replacement))
	}
	if joined := strings.Join(got, ", "); joined != "First Modify True, Second Modify False" {
		t.Errorf("changes: %s", joined)
	}
	if _, err := w.ExecuteChangeSet(ctx, &sdk.ExecuteChangeSetInput{StackName: new("xy"),
		ChangeSetName: new("other")}); err != nil {
		t.Fatal(err)
	}
	w.await(t, "xy", types.StackStatusUpdateComplete)
	if got := w.parameter(t, "/xy/first") + " " + w.parameter(t, "/xy/new"); got != "ParameterNotFound one" {
		t.Errorf("after the replacement: %s", got)
	}
	_, err = w.DescribeChangeSet(ctx, &sdk.DescribeChangeSetInput{StackName: new("xy"), ChangeSetName: new("same")})
	wantError(t, err, "ChangeSetNotFound", "does not exist")
}

func TestReviewIsDeletedWithoutResources(t *testing.T) {
	w := start(t)
	set := w.changeSet(t, "xy", "c", parameterStack, types.ChangeSetTypeCreate)
	if _, err := w.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: new("xy")}); err != nil {
		t.Fatal(err)
	}
	w.await(t, *set.StackId, types.StackStatusDeleteComplete)
}
