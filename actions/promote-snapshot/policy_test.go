package promotesnapshot

import (
	"os"
	"testing"

	"github.com/org/shipkit/internal/policytest"
)

func TestMain(m *testing.M) {
	os.Exit(policytest.Main(m, map[string]string{
		"cloudformation:DeleteChangeSet": "a change set that is given up",
		"ssm:GetParameters":              "a mask task with parameters in `secrets`",
		"secretsmanager:DescribeSecret":  "a mask task with secrets",
	}))
}
