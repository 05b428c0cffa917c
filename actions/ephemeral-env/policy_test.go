package ephemeralenv

import (
	"testing"

	"github.com/org/shipkit/internal/policytest"
)

func TestMain(m *testing.M) {
	unseen := map[string]string{"cloudformation:DeleteChangeSet": "a change set that an earlier run left failed"}
	exitTidily(func() int { return policytest.Main(m, unseen) })
}
