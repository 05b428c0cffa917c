package policytest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/org/shipkit/internal/localaws/fault"
)

func TestAllowedAndNeeded(t *testing.T) {
	readme := filepath.Join(t.TempDir(), "README.md")
	text := "```json\n{\"Statement\":[{\"Action\":\"ssm:GetParameter\"},{\"Action\":[\"rds:StopDBInstance\",\"ssm:GetParameter\"]}]}\n```\n"
	if err := os.WriteFile(readme, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Allowed(t, readme); !slices.Equal(got, []string{"rds:StopDBInstance", "ssm:GetParameter"}) {
		t.Errorf("allowed %v", got)
	}
	calls := []fault.Call{
		{Service: "ssm", Operation: "GetParameter", AccessKeyID: "A"},
		{Service: "sts", Operation: "GetCallerIdentity", AccessKeyID: "A"},
		{Service: "tagging", Operation: "GetResources", AccessKeyID: "A"},
		{Service: "rds", Operation: "DeleteDBInstance", AccessKeyID: "A", InProcess: true},
		{Service: "rds", Operation: "CreateDBInstance", AccessKeyID: "setup"},
	}
	if got := Needed(calls, "A"); !slices.Equal(got, []string{"ssm:GetParameter", "tag:GetResources"}) {
		t.Errorf("needed %v", got)
	}
}
