package policytest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/localaws/fault"
)

func TestAllowedAndNeeded(t *testing.T) {
	readme := filepath.Join(t.TempDir(), "README.md")
	text := "```json\n{\"Statement\":[{\"Action\":\"ssm:GetParameter\"},{\"Action\":[\"rds:StopDBInstance\",\"ssm:GetParameter\"]},{\"Principal\":\"*\",\"Action\":\"kms:Decrypt\"}]}\n```\n"
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

func TestUnused(t *testing.T) {
	allowed := []string{"ecs:RunTask", "iam:PassRole", "ssm:GetParameter", "tag:GetResources"}
	unseen := map[string]string{"ssm:GetParameter": "a fake answers"}
	if got := unused(allowed, []string{"ecs:runtask", "tag:GetResources"}, unseen); len(got) != 0 {
		t.Errorf("complaints of an exact policy: %v", got)
	}
	unseen["ssm:PutParameter"] = "a fake answers"
	got := unused(allowed, []string{"ecs:RunTask", "ssm:GetParameter"}, unseen)
	if len(got) != 2 || !strings.Contains(got[0], "tag:GetResources") || !strings.Contains(got[1], "ssm:PutParameter") {
		t.Errorf("complaints %v", got)
	}
}
