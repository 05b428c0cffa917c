package deployecs

import (
	"os"
	"testing"

	"github.com/org/shipkit/internal/policytest"
)

func TestMain(m *testing.M) {
	os.Exit(policytest.Main(m, map[string]string{
		"cloudwatch:DescribeAlarms":     "pkg/ecsdeploy, for a service with alarms",
		"iam:GetRole":                   "pkg/ecsdeploy, for a task definition with roles",
		"iam:SimulatePrincipalPolicy":   "pkg/ecsdeploy, for a task definition with roles",
		"secretsmanager:DescribeSecret": "pkg/ecsdeploy, for a container with secrets",
	}))
}
