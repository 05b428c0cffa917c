package ephemeralenv

import (
	"strings"
	"testing"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/internal/localaws/fault"
)

// A permission that is missing is named, and what needed it leaves nothing.
func TestMissingPermissions(t *testing.T) {
	w := start(t)
	template := small(t)
	w.github.Pulls = []githubtest.Pull{{Number: 7, State: "open", SHA: sha}}
	for _, test := range []struct{ command, service, operation, want string }{
		{"up", "ssm", "GetParametersByPath", "ssm:GetParametersByPath"},
		{"up", "ssm", "PutParameter", "ssm:PutParameter"},
		{"up", "scheduler", "CreateSchedule", "scheduler:CreateSchedule"},
		{"up", "cloudformation", "CreateChangeSet", "cloudformation:CreateChangeSet"},
		{"list", "tagging", "GetResources", "tag:GetResources"},
		{"reap", "tagging", "GetResources", "tag:GetResources"},
		{"up", "cloudformation", "DescribeStacks", "cloudformation:DescribeStacks"},
	} {
		allow := w.Faults.Add(fault.Rule{Service: test.service, Operation: test.operation, Effect: fault.Deny})
		got := w.smallStep(t, template, map[string]string{"command": test.command})
		allow()
		if got.ExitCode == 0 || !strings.Contains(got.Log, test.want) || !strings.Contains(got.Log, "Try:") {
			t.Errorf("%s without %s: %+v", test.command, test.want, got)
		}
		if test.operation == "DescribeStacks" { // it cannot see whether something is left
			continue
		}
		if stacks, parameters, schedules := w.left(t); stacks+parameters+schedules != 0 {
			t.Errorf("%s without %s left %d stacks, %d parameters, %d schedules", test.command, test.want, stacks, parameters, schedules)
		}
	}
	if got := w.smallStep(t, template, map[string]string{"command": "down"}); got.ExitCode != 0 {
		t.Errorf("down: %+v", got)
	}
	if stacks, parameters, schedules := w.left(t); stacks+parameters+schedules != 0 {
		t.Errorf("left %d stacks, %d parameters, %d schedules", stacks, parameters, schedules)
	}
	// A token that may only read, as a fork's: the environment is made all the same.
	w.github.ReadOnly = true
	got := w.smallStep(t, template, nil)
	if got.ExitCode != 0 || got.Outputs["state"] != "ready" || strings.Count(got.Log, "::warning::") != 3 {
		t.Errorf("with a token that reads: %+v", got)
	}
}
