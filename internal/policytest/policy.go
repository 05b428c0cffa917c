// Package policytest holds the IAM policies of the documentation against the
// calls that an action really makes.
package policytest

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/org/shipkit/internal/localaws/fault"
)

var block = regexp.MustCompile("(?s)```json\n(.*?)```")

// Allowed returns the IAM actions that the policies of a README allow the
// action. Those of a resource, which name a principal, are not the action's.
func Allowed(t testing.TB, readme string) []string {
	t.Helper()
	actions, err := allowed(readme)
	if err != nil {
		t.Fatal(err)
	}
	return actions
}

func allowed(readme string) ([]string, error) {
	text, err := os.ReadFile(readme) //nolint:gosec // the test names it
	if err != nil {
		return nil, fmt.Errorf("read the policies: %w", err)
	}
	var actions []string
	for _, match := range block.FindAllSubmatch(text, -1) {
		var policy struct {
			Statement []struct{ Action, Principal any }
		}
		if err := json.Unmarshal(match[1], &policy); err != nil {
			return nil, fmt.Errorf("%s: a policy is no JSON: %w", readme, err)
		}
		for _, statement := range policy.Statement {
			if statement.Principal == nil {
				actions = append(actions, List(statement.Action)...)
			}
		}
	}
	slices.Sort(actions)
	return slices.Compact(actions), nil
}

// List reads a value of a policy that is one text or several.
func List(value any) []string {
	if one, ok := value.(string); ok {
		return []string{one}
	}
	items, _ := value.([]any)
	actions := make([]string, 0, len(items))
	for _, item := range items {
		if action, ok := item.(string); ok {
			actions = append(actions, action)
		}
	}
	return actions
}

// prefixes are IAM's names of services that differ from the signing names.
var prefixes = map[string]string{"tagging": "tag", "monitoring": "cloudwatch", "application-autoscaling": "application-autoscaling"}

// free calls need no permission
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
var free = map[string]bool{"sts:GetCallerIdentity": true}

// Needed returns the IAM actions that the calls of one access key need.
func Needed(calls []fault.Call, accessKeyID string) []string {
	var actions []string
	for _, call := range calls {
		if call.InProcess || call.AccessKeyID != accessKeyID {
			continue
		}
		prefix := call.Service
		if known, ok := prefixes[prefix]; ok {
			prefix = known
		}
		if action := prefix + ":" + call.Operation; !free[action] {
			actions = append(actions, action)
		}
	}
	slices.Sort(actions)
	return slices.Compact(actions)
}

// Covers fails for each action that the calls need and no policy of the
// READMEs allows.
func Covers(t testing.TB, calls []fault.Call, accessKeyID string, readmes ...string) {
	t.Helper()
	var allowed []string
	for _, readme := range readmes {
		allowed = append(allowed, Allowed(t, readme)...)
	}
	needed := Needed(calls, accessKeyID)
	remember(needed)
	if len(needed) == 0 {
		t.Errorf("no call of %s was recorded", accessKeyID)
	}
	for _, action := range needed {
		if !slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, action) }) {
			t.Errorf("the action calls %s, which no policy of %s allows", action, strings.Join(readmes, " and "))
		}
	}
}
