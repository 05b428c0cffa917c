package ephemeralenv

import (
	"testing"

	"github.com/org/shipkit/internal/policytest"
)

func TestMain(m *testing.M) {
	unseen := map[string]string{
		"cloudformation:DeleteChangeSet":     "a change set that is given up",
		"cloudformation:DescribeStackEvents": "a stack that fails",
		"rds:DescribeDBClusters":             "pause and wake of a database",
		"rds:DescribeDBInstances":            "pause and wake of a database",
		"rds:DescribeDBSnapshots":            "db-snapshot latest",
		"rds:StartDBCluster":                 "pause and wake of a database",
		"rds:StartDBInstance":                "pause and wake of a database",
		"rds:StopDBCluster":                  "pause and wake of a database",
		"rds:StopDBInstance":                 "pause and wake of a database",
	}
	exitTidily(func() int { return policytest.Main(m, unseen) })
}
