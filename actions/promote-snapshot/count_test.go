package promotesnapshot

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/shipkit/internal/localaws/fault"
)

// watches says by which question one learns how far a thing has come that an
// operation began.
var watches = map[string]string{
	"CreateDBSnapshot": "DescribeDBSnapshots", "CreateChangeSet": "DescribeChangeSet", "ExecuteChangeSet": "DescribeStacks",
	"UpdateService": "DescribeServiceDeployments", "ModifyDBInstance": "DescribeDBInstances", "StopDBInstance": "DescribeDBInstances",
}

// beyondPolling counts an access key's calls without those that poll. To poll
// is to ask how far that has come which the last change began: a snapshot, a
// change set, a stack, a rollout, a database. All else counts: every look at the
// lock, every note in the journal, whatever was asked or written before.
func beyondPolling(calls []fault.Call, key string) (count map[string]int, polls int) {
	count, began := map[string]int{}, ""
	for _, c := range calls {
		switch {
		case c.InProcess || c.AccessKeyID != key:
		case c.Operation == watches[began]:
			polls++
		default:
			count[c.Operation]++
			if !reads(c) {
				began = c.Operation
			}
		}
	}
	return count, polls
}

// A promotion over an earlier one, with a service, makes fewer than 40 calls
// beyond polling, and these. It looks as often as it does in the world: what
// takes minutes takes many looks.
func TestCallsOfAPromotion(t *testing.T) {
	w := newPlane(t)
	w.patience = 0
	for range 2 {
		w.Faults.Forget()
		if got := w.run(t.Context(), t, nil); got.ExitCode != 0 {
			t.Fatalf("%+v", got)
		}
	}
	got, polls := beyondPolling(w.Calls(), w.key)
	sum := 0
	for n := range maps.Values(got) {
		sum += n
	}
	want := map[string]int{
		// the gates
		"DescribeDBClusters": 1, "DescribeAccountAttributes": 1, "DescribeDBEngineVersions": 1,
		// the source's, the old and the new database
		"DescribeDBInstances": 3, "CreateDBSnapshot": 2, "ModifyDBInstance": 1, "StopDBInstance": 1,
		"CreateChangeSet": 1, "ExecuteChangeSet": 1,
		// the pointer and the journal for the plan, and again under the lock; before the services are deployed, the pointer
		// moves and the old database stops: the lock, the pointer and the new version's facts
		"GetParametersByPath": 1, "GetParameters": 5,
		// the lock twice, the journal twice, the pointer, five facts of the new version and one of the old
		"PutParameter": 11,
		// the service: for the gates, for its definition, before it is changed, before the old database stops
		"DescribeServices": 4, "DescribeTaskDefinition": 1, "RegisterTaskDefinition": 1, "UpdateService": 1,
		// rollouts under way before it, and its own
		"ListServiceDeployments": 2, "DescribeServiceRevisions": 1,
	}
	t.Logf("%d calls beyond polling, %d that poll", sum, polls)
	if diff := cmp.Diff(want, got); diff != "" || sum >= 40 || polls < 10 {
		t.Errorf("%d calls (-want +got), %d polls:\n%s", sum, polls, diff)
	}
}
