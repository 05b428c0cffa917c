package cloudformation_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// A change set that was computed before a restart is executed after it.
func TestStacksSurviveARestart(t *testing.T) {
	first := start(t)
	first.create(t, "done", parameterStack)
	first.await(t, "done", types.StackStatusCreateComplete)
	first.changeSet(t, "planned", "c", parameterStack, types.ChangeSetTypeCreate)
	data, err := first.service.Save()
	if err != nil {
		t.Fatal(err)
	}
	second := start(t)
	if err := second.service.Load(data); err != nil {
		t.Fatal(err)
	}
	if st := second.await(t, "done", types.StackStatusCreateComplete); output(st, "Value") != "one" {
		t.Errorf("outputs: %v", st.Outputs)
	}
	if _, err := second.ExecuteChangeSet(t.Context(),
		&sdk.ExecuteChangeSetInput{StackName: new("planned"), ChangeSetName: new("c")}); err != nil {
		t.Fatal(err)
	}
	st := second.await(t, "planned", types.StackStatusCreateComplete)
	wantHistory(t, second.history(t, *st.StackId), `
planned REVIEW_IN_PROGRESS
planned CREATE_IN_PROGRESS
First CREATE_IN_PROGRESS
First CREATE_COMPLETE
Second CREATE_IN_PROGRESS
Second CREATE_COMPLETE
planned CREATE_COMPLETE`)
}
