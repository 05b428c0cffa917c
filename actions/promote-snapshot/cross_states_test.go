package promotesnapshot

import (
	"maps"
	"strings"
	"testing"
	"time"

	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/pkg/snapshot"
	"github.com/org/shipkit/pkg/snapshot/database"
)

// twoNotes is a stack that is no database.
const twoNotes = `
Parameters: {Value: {Type: String, Default: one}}
Resources:
  First: {Type: AWS::SSM::Parameter, Properties: {Name: !Sub "/somebody/${AWS::StackName}/first", Type: String, Value: !Ref Value}}
  Second: {Type: AWS::SSM::Parameter, DependsOn: First, Properties: {Name: !Sub "/somebody/${AWS::StackName}/second", Type: String, Value: !Ref Value}}
`

// states are the ways into each state that a stack can be left in.
var states = map[types.StackStatus]func(s *somebody){
	types.StackStatusReviewInProgress: func(s *somebody) {
		_, err := s.client.CreateChangeSet(s.t.Context(), &cfn.CreateChangeSetInput{
			StackName: &s.name, ChangeSetName: new("draft"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: new(twoNotes), Tags: s.tags,
		})
		s.must(err)
	},
	types.StackStatusCreateComplete: func(s *somebody) { s.create("") },
	types.StackStatusCreateFailed: func(s *somebody) {
		s.fail("Second", "CREATE")
		s.create(types.OnFailureDoNothing)
	},
	types.StackStatusRollbackComplete: func(s *somebody) {
		s.fail("Second", "CREATE")
		s.create("")
	},
	types.StackStatusRollbackFailed: func(s *somebody) {
		s.fail("Second", "CREATE")
		s.fail("First", "DELETE")
		s.create("")
	},
	types.StackStatusUpdateComplete: func(s *somebody) {
		s.create("")
		s.update()
	},
	types.StackStatusUpdateRollbackComplete: func(s *somebody) {
		s.create("")
		s.fail("Second", "UPDATE")
		s.update()
	},
	types.StackStatusUpdateRollbackFailed: func(s *somebody) {
		s.create("")
		s.fail("Second", "UPDATE")
		s.fail("First", "ROLLBACK")
		s.update()
	},
	types.StackStatusDeleteFailed: func(s *somebody) {
		s.create("")
		s.fail("First", "DELETE")
		_, err := s.client.DeleteStack(s.t.Context(), &cfn.DeleteStackInput{StackName: &s.name})
		s.must(err)
		s.settle()
	},
}

// somebody works on a stack by hand.
type somebody struct {
	t      *testing.T
	w      *cross
	client *cfn.Client
	name   string
	tags   []types.Tag
}

func (s *somebody) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *somebody) fail(resource, verb string) {
	s.w.CloudFormation.FailResource(resource, verb, "out of luck")
}

func (s *somebody) create(onFailure types.OnFailure) {
	_, err := s.client.CreateStack(s.t.Context(), &cfn.CreateStackInput{StackName: &s.name, TemplateBody: new(twoNotes), Tags: s.tags, OnFailure: onFailure})
	s.must(err)
	s.settle()
}

func (s *somebody) update() {
	_, err := s.client.UpdateStack(s.t.Context(), &cfn.UpdateStackInput{
		StackName: &s.name, TemplateBody: new(twoNotes), Parameters: []types.Parameter{{ParameterKey: new("Value"), ParameterValue: new("two")}},
	})
	s.must(err)
	s.settle()
}

// state is the stack's; "" if there is none.
func (s *somebody) state() types.StackStatus {
	out, err := s.client.DescribeStacks(s.t.Context(), &cfn.DescribeStacksInput{StackName: &s.name})
	if err != nil {
		return ""
	}
	return out.Stacks[0].StackStatus
}

// settle waits until the operation is over.
func (s *somebody) settle() {
	s.t.Helper()
	for range 1000 {
		if !strings.HasSuffix(string(s.state()), "IN_PROGRESS") {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.t.Fatalf("stack %s stays in %s", s.name, s.state())
}

// begin starts a promotion, leaves it at its snapshot, and returns the stack
// that it will want.
func (w *cross) begin(t *testing.T, tagged bool) *somebody {
	t.Helper()
	got := w.run(t, map[string]string{"source-database": "dev-db", "detach": "true"})
	ts, ok := strings.CutPrefix(got.Outputs["operation-id"], "promote-snapshot-")
	if got.ExitCode != 0 || got.Outputs["phase"] != "detached" || !ok {
		t.Fatalf("begin: %+v", got)
	}
	s := &somebody{t: t, w: w, client: cfn.NewFromConfig(w.Config()), name: "xy-0146-prod-db-" + ts}
	if tagged {
		s.tags = []types.Tag{{Key: new("shipkit:namespace"), Value: new("xy-0146-prod")}, {Key: new("shipkit:timestamp"), Value: &ts}}
	}
	return s
}

// TestStackLeftBySomebody: a promotion whose stack's name is taken leaves the
// stranger's as it is, says so, takes its own back, and the next one succeeds.
func TestStackLeftBySomebody(t *testing.T) {
	for state, leave := range states {
		t.Run(string(state), func(t *testing.T) {
			w := startCross(t, localaws.Options{NoData: true})
			here := w.at(thisAccount, home)
			here.instance(t, "postgres", "")
			s := w.begin(t, false)
			leave(s)
			if got := s.state(); got != state {
				t.Fatalf("the stack is in %s, not %s", got, state)
			}
			resumed := w.run(t, map[string]string{"mode": "resume"})
			if state == types.StackStatusReviewInProgress { // a name, nothing more
				if resumed.ExitCode != 0 || resumed.Outputs["phase"] != "done" {
					t.Errorf("with a change set of somebody: %+v", resumed)
				}
				return
			}
			if resumed.ExitCode != 1 || resumed.Outputs["phase"] != "undone" || !strings.Contains(resumed.Log, "stack "+s.name) {
				t.Errorf("%+v", resumed)
			}
			if got := s.state(); got != state {
				t.Errorf("the stranger's stack is in %q now", got)
			}
			if here.pointer(t) != "" {
				t.Errorf("the pointer is %s", here.pointer(t))
			}
			if state == types.StackStatusRollbackComplete {
				w.promote(t, map[string]string{"source-database": "dev-db"})
			}
		})
	}
}

// TestStackLeftByUs: what an earlier run left under our tags is removed, and
// nothing of the operation stays.
func TestStackLeftByUs(t *testing.T) {
	for state, leave := range states {
		t.Run(string(state), func(t *testing.T) {
			w := startCross(t, localaws.Options{NoData: true})
			here := w.at(thisAccount, home)
			here.instance(t, "postgres", "")
			s := w.begin(t, true)
			leave(s)
			resumed := w.run(t, map[string]string{"mode": "resume"})
			if state == types.StackStatusReviewInProgress {
				if resumed.ExitCode != 0 || resumed.Outputs["phase"] != "done" {
					t.Errorf("with an earlier change set: %+v", resumed)
				}
				return
			}
			if resumed.ExitCode != 1 || resumed.Outputs["phase"] != "undone" {
				t.Errorf("%+v", resumed)
			}
			if got := s.state(); got != "" {
				t.Errorf("the stack is in %s", got)
			}
			out, err := here.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{})
			if err != nil || len(out.DBSnapshots) != 0 {
				t.Errorf("%d snapshots are left, %v", len(out.DBSnapshots), err)
			}
		})
	}
}

// TestStackThatCannotBeDeleted: the run ends and says why, and once the cause
// is gone the next one ends what it began.
func TestStackThatCannotBeDeleted(t *testing.T) {
	w := startCross(t, localaws.Options{NoData: true})
	w.at(thisAccount, home).instance(t, "postgres", "")
	s := w.begin(t, true)
	states[types.StackStatusDeleteFailed](s)
	for range 5 {
		s.fail("First", "DELETE")
	}
	stuck := w.run(t, map[string]string{"mode": "resume"})
	if stuck.ExitCode != 1 || stuck.Outputs["phase"] != "undoing" || !strings.Contains(stuck.Log, "cannot be deleted") ||
		!strings.Contains(stuck.Log, "out of luck") {
		t.Errorf("%+v", stuck)
	}
	again := w.run(t, map[string]string{"mode": "resume"})
	if again.Outputs["phase"] != "undone" || s.state() != "" {
		t.Errorf("after that: %+v, the stack is in %q", again, s.state())
	}
}

// TestActiveStackChangedByHand: a promotion takes over from a database whose
// stack somebody has left broken, and removes it.
func TestActiveStackChangedByHand(t *testing.T) {
	w := startCross(t, localaws.Options{NoData: true})
	here := w.at(thisAccount, home)
	here.instance(t, "postgres", "")
	first := w.promote(t, map[string]string{"source-database": "dev-db"})
	s := &somebody{t: t, w: w, client: cfn.NewFromConfig(w.Config()), name: "xy-0146-prod-db-" + first.Outputs["timestamp"]}
	s.fail("Database", "UPDATE")
	_, err := s.client.UpdateStack(t.Context(), &cfn.UpdateStackInput{
		StackName: &s.name, TemplateBody: new(snapshot.Template(database.Instance)), Parameters: []types.Parameter{
			{ParameterKey: new("DatabaseIdentifier"), ParameterValue: &s.name},
			{ParameterKey: new("SnapshotIdentifier"), ParameterValue: new("xy-0146-prod-snap-" + first.Outputs["timestamp"])},
			{ParameterKey: new("BackupRetentionDays"), ParameterValue: new("9")},
		},
	})
	s.must(err)
	s.settle()
	if s.state() == types.StackStatusCreateComplete {
		t.Fatal("the stack is as before")
	}
	w.promote(t, map[string]string{"source-database": "dev-db", "old-retention": "0s"})
	if s.state() != "" {
		t.Errorf("the old stack is in %s", s.state())
	}
	out, err := here.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{
		DBSnapshotIdentifier: new("xy-0146-prod-final-" + first.Outputs["timestamp"]),
	})
	if err != nil || *out.DBSnapshots[0].Status != "available" {
		t.Errorf("the final snapshot of the old database: %v %v", out, err)
	}
}

// TestParametersEditedByHand: each is found, named, and nothing is changed or
// lost.
func TestParametersEditedByHand(t *testing.T) {
	const ns = "/xy-0146-prod/db/"
	source := map[string]string{"source-database": "dev-db"}
	mode := func(name string) map[string]string {
		with := maps.Clone(source)
		with["mode"] = name
		return with
	}
	remove := mode("orphans")
	remove["remove-orphans"] = "true"
	w := startCross(t, localaws.Options{NoData: true})
	here := w.at(thisAccount, home)
	here.instance(t, "postgres", "")
	old := w.promote(t, source).Outputs["timestamp"]
	ts := w.promote(t, source).Outputs["timestamp"]
	in := strings.NewReplacer("TS", ts, "OLD", old)
	for name, test := range map[string]struct {
		parameter, value string // TS stands for the active version
		with             map[string]string
		want             string
	}{
		"pointer to nonsense":      {ns + "active", "yesterday", source, `parameter /xy-0146-prod/db/active: timestamp "yesterday"`},
		"pointer to nothing there": {ns + "active", "20200102t030405z", source, "the pointer names database 20200102t030405z, which is not there"},
		"pointer into the future":  {ns + "active", "29990102t030405z", source, "the pointer names database 29990102t030405z, which is not there"},
		"pointer, undo":            {ns + "active", "yesterday", map[string]string{"mode": "undo"}, "was it edited by hand?"},
		"journal":                  {ns + "operation", "{", source, "/xy-0146-prod/db/operation"},
		"journal, resume":          {ns + "operation", "{", map[string]string{"mode": "resume"}, "/xy-0146-prod/db/operation"},
		"previous":                 {ns + "TS/previous", "yesterday", map[string]string{"mode": "undo"}, "/xy-0146-prod/db/TS/previous"},
		"retention, retire":        {ns + "OLD/retire-after", "next week", map[string]string{"mode": "retire"}, "/xy-0146-prod/db/OLD/retire-after"},
		"endpoint":                 {ns + "TS/endpoint", "elsewhere", source, `parameter /xy-0146-prod/db/TS/endpoint is "elsewhere", but RDS says "`},
		"endpoint, plan":           {ns + "TS/endpoint", "elsewhere", mode("plan"), `parameter /xy-0146-prod/db/TS/endpoint is "elsewhere", but RDS says "`},
		"endpoint, status":         {ns + "TS/endpoint", "elsewhere", mode("status"), `parameter /xy-0146-prod/db/TS/endpoint is "elsewhere", but RDS says "`},
		"endpoint, orphans":        {ns + "TS/endpoint", "elsewhere", mode("orphans"), `parameter /xy-0146-prod/db/TS/endpoint is "elsewhere", but RDS says "`},
		"endpoint of old, undo":    {ns + "OLD/endpoint", "elsewhere", mode("undo"), `parameter /xy-0146-prod/db/OLD/endpoint is "elsewhere", but RDS says "`},
		"port":                     {ns + "TS/port", "1433", source, `parameter /xy-0146-prod/db/TS/port is "1433", but RDS says "5432"`},
		"port, undo":               {ns + "TS/port", "1433", mode("undo"), `parameter /xy-0146-prod/db/TS/port is "1433", but RDS says "5432"`},
		"name":                     {ns + "TS/name", "bakery", source, `parameter /xy-0146-prod/db/TS/name is "bakery", but RDS says "shop"`},
		"name of old, status":      {ns + "OLD/name", "bakery", mode("status"), `parameter /xy-0146-prod/db/OLD/name is "bakery", but RDS says "shop"`},
		"kind":                     {ns + "TS/kind", "cluster", source, `parameter /xy-0146-prod/db/TS/kind is "cluster", but RDS says "instance"`},
		"kind, status":             {ns + "TS/kind", "cluster", mode("status"), `parameter /xy-0146-prod/db/TS/kind says that it is of kind "cluster"`},
		"kind, undo":               {ns + "TS/kind", "cluster", mode("undo"), `parameter /xy-0146-prod/db/TS/kind says that it is of kind "cluster"`},
		"pointer to none, orphans": {ns + "active", "20200102t030405z", remove, `parameter /xy-0146-prod/db/active is "20200102t030405z", but TS was in use`},
		"pointer to old, orphans":  {ns + "active", "OLD", remove, `parameter /xy-0146-prod/db/active is "OLD", but TS was in use and nothing has replaced it`},
		"retention, orphans":       {ns + "OLD/retire-after", "next week", remove, "/xy-0146-prod/db/OLD/retire-after"},
	} {
		t.Run(name, func(t *testing.T) {
			parameter := in.Replace(test.parameter)
			before := here.parameter(t, parameter)
			here.put(t, parameter, in.Replace(test.value))
			defer here.put(t, parameter, before)
			w.Faults.Forget()
			w.refused(t, w.run(t, test.with), in.Replace(test.want))
			for _, version := range []string{old, ts} {
				if db := here.promoted(t, version); *db.DBInstanceStatus == "deleting" {
					t.Errorf("database %s is being deleted", version)
				}
			}
		})
	}
}

// TestSnapshotsThatCannotBePromoted: not there, being deleted, older than what
// is active, of another account; and one that is older if that is wanted.
func TestSnapshotsThatCannotBePromoted(t *testing.T) {
	w := startCross(t, localaws.Options{NoData: true})
	here := w.at(thisAccount, home)
	here.instance(t, "postgres", "")
	here.snapshot(t, "dev-db", "going")
	here.snapshot(t, "dev-db", "old")
	w.RDS.HangDeletion("going")
	if _, err := here.DeleteDBSnapshot(t.Context(), &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: new("going")}); err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(time.Minute)
	active := w.promote(t, map[string]string{"source-database": "dev-db"}).Outputs["timestamp"]
	for id, want := range map[string]string{
		"nowhere": `snapshot "nowhere" is not there`,
		"going":   `snapshot "going" is deleting`,
		"old":     "is older than the active database " + active + "%0ATry: allow-older: true",
		"arn:aws:rds:eu-west-1:444455556666:snapshot:theirs":   "is of account 444455556666 in eu-west-1, but the source is account 111122223333",
		"arn:aws:rds:eu-central-1:111122223333:snapshot:there": "source-region: eu-central-1",
	} {
		w.Faults.Forget()
		w.refused(t, w.run(t, map[string]string{"snapshot": id}), want)
	}
	w.promote(t, map[string]string{"snapshot": "old", "allow-older": "true"})
}

// TestSourcesThatAreNotThere: an environment without a database, and a
// database that does not exist.
func TestSourcesThatAreNotThere(t *testing.T) {
	w := startCross(t, localaws.Options{NoData: true})
	w.refused(t, w.run(t, map[string]string{"from": "nowhere"}), "environment xy-0146-nowhere has no database", "source-database")
	w.refused(t, w.run(t, map[string]string{"source-database": "nowhere"}), `source database "nowhere" is not there`)
	w.at(thisAccount, home).put(t, "/xy-0146-dev/db/active", "20200102t030405z")
	w.refused(t, w.run(t, map[string]string{"from": "dev"}), `source database "xy-0146-dev-db-20200102t030405z" is not there`)
}
