package promotesnapshot

import (
	"maps"
	"path"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/internal/localaws/fault"
)

// waiters are the calls that are only made while something is waited for.
var waiters = map[string]bool{
	"DescribeChangeSet": true, "DescribeServiceRevisions": true, "DescribeServiceDeployments": true, "DescribeDBSnapshots": true,
}

// beyondPolling counts an access key's calls without those that poll. To poll
// is to ask again: how far what was started is, whether the lock is still ours,
// or anything that was asked before; and to note that a wait is long.
func beyondPolling(calls []fault.Call, key string) map[string]int {
	asked, count, journal := map[string]bool{}, map[string]int{}, 0
	for _, c := range calls {
		if c.InProcess || c.AccessKeyID != key || waiters[c.Operation] {
			continue
		}
		question := c.Operation + " " + path.Base(c.Resource)
		if reads(c) && asked[question] {
			continue
		}
		if question == "PutParameter operation" {
			journal++
			continue
		}
		asked[question] = true
		count[c.Operation]++
	}
	count["PutParameter"] += min(journal, 2) // its beginning and its end; between them are notes
	return count
}

// A promotion over an earlier one, with a service, makes fewer than 40 calls
// beyond polling, and these.
func TestCallsOfAPromotion(t *testing.T) {
	w := newPlane(t)
	for range 2 {
		w.Faults.Forget()
		if got := w.run(t.Context(), t, nil); got.ExitCode != 0 {
			t.Fatalf("%+v", got)
		}
	}
	got, sum := beyondPolling(w.Calls(), w.key), 0
	for n := range maps.Values(got) {
		sum += n
	}
	want := map[string]int{
		// the gates
		"DescribeDBClusters": 1, "DescribeAccountAttributes": 1, "DescribeDBEngineVersions": 1,
		// the source's, the old and the new database
		"DescribeDBInstances": 3, "CreateDBSnapshot": 2, "ModifyDBInstance": 1, "StopDBInstance": 1,
		"DescribeStacks": 1, "CreateChangeSet": 1, "ExecuteChangeSet": 1,
		// the pointer, the journal and the lock; written are the lock twice, the journal twice, the pointer, six facts
		// of the new version and one of the old
		"GetParameter": 3, "GetParametersByPath": 1, "PutParameter": 11,
		// the service
		"DescribeClusters": 1, "DescribeServices": 1, "DescribeTaskDefinition": 1, "ListServiceDeployments": 1, "GetParameters": 1,
		"RegisterTaskDefinition": 1, "UpdateService": 1,
	}
	t.Logf("%d calls", sum)
	if diff := cmp.Diff(want, got); diff != "" || sum >= 40 {
		t.Errorf("%d calls (-want +got):\n%s", sum, diff)
	}
}
