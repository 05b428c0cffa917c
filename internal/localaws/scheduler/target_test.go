package scheduler

import "testing"

func TestPascal(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{"DBInstanceIdentifier": "DbInstanceIdentifier", "StackName": "StackName",
		"DBClusterIdentifier": "DbClusterIdentifier", "ResourceARN": "ResourceArn", "EnableIAMDatabaseAuthentication": "EnableIamDatabaseAuthentication"} {
		if got := pascal("", field); got != want {
			t.Errorf("pascal(%s) = %s, want %s", field, got, want)
		}
	}
}
