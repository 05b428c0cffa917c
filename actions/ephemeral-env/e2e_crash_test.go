package ephemeralenv

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/internal/githubtest"
	"github.com/org/shipkit/internal/localaws"
	"github.com/org/shipkit/internal/localaws/clock"
	"github.com/org/shipkit/internal/localaws/fault"
	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/action/actiontest"
	"github.com/org/shipkit/pkg/environment/store"
	"github.com/org/shipkit/pkg/namespace"
)

// wire is a local AWS without tasks and data, whose clock is moved instead of
// waited for: a whole life over the wire takes little, and is repeated for
// every call.
type wire struct {
	*world
	mortal aws.Config // with the access key of the runs that are killed
	with   map[string]string
}

// leap is the clock of local AWS for one who does not wait: it moves, and far,
// since a look at the same thing again is no other call.
type leap struct{ *clock.Clock }

// Sleep implements saga.Clock.
func (c leap) Sleep(ctx context.Context, d time.Duration) error {
	c.Advance(60 * d)
	runtime.Gosched()
	return context.Cause(ctx) //nolint:wrapcheck // as the interface says
}

func newWire(t *testing.T) *wire {
	t.Helper()
	server, err := localaws.Start(t.Context(), localaws.Options{Factor: 500, Engine: localaws.Process, NoData: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &wire{world: &world{Server: server, github: githubtest.New(t, repository), images: map[string]string{}}}
	w.share(t)
	w.key, w.mortal = server.Session("action")
	w.mortal.HTTPClient = http.DefaultClient // one pool of connections for all runs
	w.mortal.Retryer = localaws.Once         // the dead try nothing again
	client := rds.NewFromConfig(server.Config())
	_, err = client.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: new("dev-db"), DBInstanceClass: new("db.t4g.micro"), Engine: new("postgres"),
		MasterUsername: new("shop"), MasterUserPassword: new("correct-horse-battery"), AllocatedStorage: new(int32(20)),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.await(t, func() string {
		out, err := client.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: new("dev-db")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.DBInstances[0].DBInstanceStatus
	})
	if _, err := client.CreateDBSnapshot(t.Context(), &rds.CreateDBSnapshotInput{DBInstanceIdentifier: new("dev-db"), DBSnapshotIdentifier: new("golden")}); err != nil {
		t.Fatal(err)
	}
	w.await(t, func() string {
		out, err := client.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: new("golden")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.DBSnapshots[0].Status
	})
	return w
}

func (w *wire) await(t *testing.T, status func() string) {
	t.Helper()
	for range 100 {
		if status() == "available" {
			return
		}
		w.Clock.Advance(time.Minute)
	}
	t.Fatalf("it is %s, and does not become available", status())
}

// do is one run of the action, but for its credentials and its clock.
func (w *wire) do(ctx context.Context, t *testing.T, command string) actiontest.Result {
	t.Helper()
	spec := action.Define("ephemeral-env", metadata, func(ctx context.Context, rt *action.Runtime, in inputs) error {
		job, err := newJob(ctx, rt, in, func(context.Context, inputs) (aws.Config, error) { return w.mortal, nil })
		if err != nil {
			return err
		}
		job.hurry(leap{w.Clock})
		return job.perform(ctx)
	})
	with := map[string]string{
		"command": command, "namespace": "xy-0146-dev", "name": "crash", "schedule-role-arn": "arn:aws:iam::123456789012:role/ttl",
		"template": "testdata/database.yml", "template-parameters": "Name=${namespace}\nRelease=1", "wait": "0s", "dry-run": "false",
		"hours": "mon-fri 08:00-18:00 Africa/Lagos", "github-token": "",
		"ttl": "8760h", // all runs together take months of the moved clock
	}
	maps.Copy(with, w.with)
	return actiontest.Run(ctx, t, actiontest.Step{Spec: spec, With: with, Env: map[string]string{
		"GITHUB_REPOSITORY": repository, "GITHUB_RUN_ID": "1", "GITHUB_JOB": "environment", "GITHUB_SERVER_URL": "https://github.com",
	}})
}

// must is a run that nobody kills.
func (w *wire) must(t *testing.T, what, command string) {
	t.Helper()
	if got := w.do(t.Context(), t, command); got.ExitCode != 0 {
		t.Errorf("%s: %s: %+v", what, command, got)
	}
}

// expire has the environment's time be over.
func (w *world) expire(t *testing.T, name string) {
	t.Helper()
	w.endOf(t, name, -time.Minute)
}

// end moves the end that the record of pull request 7 promises.
func (w *world) end(t *testing.T, in time.Duration) {
	t.Helper()
	w.endOf(t, "pr7", in)
}

func (w *world) endOf(t *testing.T, name string, in time.Duration) {
	t.Helper()
	n := namespace.Namespace{Customer: "xy", Project: "0146", Environment: name}
	records := store.Records{SSM: ssm.NewFromConfig(w.Config()), Tagging: tagging.NewFromConfig(w.Config())}
	record, err := records.Get(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if record == nil {
		return
	}
	record.Expires = time.Now().Add(in).Truncate(time.Second) // as all are
	if err := records.Put(t.Context(), n, *record); err != nil {
		t.Fatal(err)
	}
}

// generation is the end of the name of a slot's parameter.
var generation = regexp.MustCompile(`(/slot/\d+)/\d+$`)

// there lists what is there of environments, but for journals, locks, and slots
// that are free again.
func (w *world) there(t *testing.T) []string {
	t.Helper()
	ctx, cfg := t.Context(), w.Config()
	var all []string
	stacks, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stacks.Stacks {
		if s.StackStatus != "DELETE_COMPLETE" {
			all = append(all, "stack "+*s.StackName+" "+string(s.StackStatus))
		}
	}
	databases, err := rds.NewFromConfig(cfg).DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range databases.DBInstances {
		if *d.DBInstanceIdentifier != "dev-db" {
			all = append(all, "database "+*d.DBInstanceIdentifier)
		}
	}
	schedules, err := scheduler.NewFromConfig(cfg).ListSchedules(ctx, &scheduler.ListSchedulesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range schedules.Schedules {
		all = append(all, "schedule "+*s.Name)
	}
	pages := ssm.NewGetParametersByPathPaginator(ssm.NewFromConfig(cfg), &ssm.GetParametersByPathInput{Path: new("/"), Recursive: new(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Parameters {
			free := strings.Contains(*p.Name, "/env/slot/") && strings.Contains(*p.Value, `"freed"`)
			if !free && !strings.Contains(*p.Name, "/env/operation") {
				all = append(all, "parameter "+generation.ReplaceAllString(*p.Name, "$1"))
			}
		}
	}
	slices.Sort(all)
	return all
}

// whole is what one environment consists of.
var whole = []string{
	"database xy-0146-crash-db", "parameter /xy-0146-crash/env/record", "parameter /xy-0146-shared/env/slot/1",
	"schedule xy-0146-crash-app-off", "schedule xy-0146-crash-app-on", "schedule xy-0146-crash-ttl", "stack xy-0146-crash-app CREATE_COMPLETE",
}

func (w *wire) expect(t *testing.T, what string, want []string) {
	t.Helper()
	if got := w.there(t); !slices.Equal(got, want) {
		t.Errorf("%s:\nthere is %q\nwant     %q", what, got, want)
	}
}

// writes tells which calls of a run change anything. A run that dies after
// another one leaves what one leaves that dies before the next call.
func (w *wire) writes(t *testing.T, command string) []bool {
	t.Helper()
	var all []bool
	for _, call := range w.undisturbed(t, command) {
		all = append(all, writes(call))
	}
	return all
}

// undisturbed are the calls of a run.
func (w *wire) undisturbed(t *testing.T, command string) []fault.Call {
	t.Helper()
	w.Faults.Forget()
	w.must(t, "undisturbed", command)
	return slices.DeleteFunc(w.Calls(), func(c fault.Call) bool { return c.AccessKeyID != w.key || c.InProcess })
}

func writes(call fault.Call) bool {
	return !strings.HasPrefix(call.Operation, "Get") && !strings.HasPrefix(call.Operation, "Describe") && !strings.HasPrefix(call.Operation, "List")
}

// A run of up or down dies before each of its calls, and after each that
// changes something. An up after it leaves one environment; a down, or a reap
// after its time, leaves nothing.
func TestKilledAtEveryCallOverTheWire(t *testing.T) {
	w := newWire(t)
	nexts := []string{"up", "down", "reap"}
	points := map[string]int{}
	for _, first := range []string{"up", "down"} {
		if first == "down" {
			w.must(t, "before", "up")
		}
		calls := w.writes(t, first)
		w.must(t, "after", "down")
		for i, write := range calls {
			// Before a call is after the one that it follows.
			if (i == 0 || !calls[i-1]) && w.strike(t, first, i+1, fault.Before, nexts[i%len(nexts)]) {
				points[first]++
			}
			for _, next := range nexts {
				if write && w.strike(t, first, i+1, fault.After, next) {
					points[first]++
				}
			}
		}
	}
	t.Logf("%v points converge", points)
	if points["up"] < 60 || points["down"] < 60 {
		t.Errorf("only %v points", points)
	}
}

// strike kills a command at a call and has the next one mend it. It is false
// if the command ended before that call.
func (w *wire) strike(t *testing.T, command string, n int, moment fault.Moment, next string) bool {
	t.Helper()
	what := fmt.Sprintf("%s killed %s call %d, then %s", command, moment, n, next)
	if command == "down" {
		w.must(t, what, "up")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.Faults.DieAt(w.key, n, moment, cancel)
	w.do(ctx, t, command)
	died := w.Faults.Died(w.key)
	w.Faults.Revive(w.key)
	if next == "reap" {
		w.expire(t, "crash")
	}
	w.must(t, what, next)
	if next == "up" {
		w.expect(t, what, whole)
		w.must(t, what, "down")
	}
	w.expect(t, what, nil)
	return died
}
