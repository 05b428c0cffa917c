package ecsdeploy

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func TestLastGood(t *testing.T) {
	for _, test := range []struct{ history, current, want string }{
		{"v3 v2 v1", "v3", "v2"},
		{"v3! v2 v1", "v2", "v1"},         // v3 was rolled back by ECS
		{"v2 v3 v2 v1", "v2", "v1"},       // v3 was found bad later, and v2 deployed again
		{"v2 v4 v2 v3 v2 v1", "v2", "v1"}, // twice
		{"v1 v2 v1", "v1", ""},            // there is nothing good to go back to
		{"v4 v2 v3 v2 v1", "v4", "v2"},    // on from there
		{"v2 v2 v1", "v2", "v1"},          // a forced deployment of the same
		{"", "v1", ""},
	} {
		var history []Past
		for _, revision := range strings.Fields(test.history) {
			status := types.ServiceDeploymentStatusSuccessful
			if name, bad := strings.CutSuffix(revision, "!"); bad {
				revision, status = name, types.ServiceDeploymentStatusRollbackSuccessful
			}
			history = append(history, Past{TaskDefinition: revision, Status: status})
		}
		if got := lastGood(history, test.current); got != test.want {
			t.Errorf("lastGood(%s) at %s = %q, want %q", test.history, test.current, got, test.want)
		}
	}
}
