package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/org/shipkit/internal/acttest"
	"github.com/org/shipkit/pkg/history"
	"github.com/org/shipkit/pkg/namespace"
)

// withDatabase is an environment whose database comes from dev.
const withDatabase = settings + `
      promote-snapshot: {source-database: dev-db, verify-command: eval "$VERIFY"}
    promote-from: dev
  dev: {}
`

// shipWithDatabase is a pipeline: what comes after staging waits for it.
const shipWithDatabase = `
on: push
permissions: {contents: read, id-token: write}
jobs:
  staging:
    uses: org/shipkit/.github/workflows/ship.yml@v1
    with:
      environment: staging
      image-ref: ${{ vars.IMAGE }}
      promote-database: true
    secrets:
      webhook-url: ${{ secrets.WEBHOOK }}
  next:
    needs: staging
    runs-on: ubuntu-latest
    steps:
      - id: next
        run: exit 0
`

// promoted is a chain whose dev has a database, and somebody who is told.
type promoted struct {
	*chain
	told chan string
	hook string
}

func startPromoted(t *testing.T) *promoted {
	t.Helper()
	c := startFast(t, 300, "v1", "v2")
	if _, err := c.aws.RDS.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: new("dev-db"), DBInstanceClass: new("db.t4g.micro"), Engine: new("postgres"),
		MasterUsername: new("shop"), MasterUserPassword: new("not-a-secret"), AllocatedStorage: new(int32(20)), DBName: new("shop"),
	}); err != nil {
		t.Fatal(err)
	}
	c.aws.Clock.Advance(time.Hour)
	err := rds.NewDBInstanceAvailableWaiter(rds.NewFromConfig(c.aws.Config()), func(o *rds.DBInstanceAvailableWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 50*time.Millisecond
	}).Wait(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: new("dev-db")}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	p := &promoted{chain: c, told: make(chan string, 10)}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		p.told <- string(text)
	}))
	t.Cleanup(hook.Close)
	p.hook = hook.URL
	return p
}

// runs a workflow of a commit that was made at that hour.
func (p *promoted) runs(yaml, version string, hour int, w acttest.Workflow) acttest.Result {
	p.Helper()
	w.YAML, w.Env, w.Stubs = yaml, p.env, acttest.OfOthers
	w.Vars, w.Secrets = map[string]string{"IMAGE": p.images[version]}, map[string]string{"WEBHOOK": p.hook}
	w.Files = map[string]string{".shipkit.yml": withDatabase, "version": version}
	w.CommitTime = time.Date(2026, 1, 2, hour, 0, 0, 0, time.UTC)
	return acttest.Run(p, w)
}

// active is the database that staging is pointed at, by its timestamp.
func (p *promoted) active() string {
	p.Helper()
	staging := namespace.Namespace{Customer: "xy", Project: "0146", Environment: "staging"}
	out, err := p.aws.SSM.GetParameter(p.Context(), &ssm.GetParameterInput{Name: new(staging.Active())})
	if err != nil {
		p.Fatal(err)
	}
	return *out.Parameter.Value
}

// databases are all that there are.
func (p *promoted) databases() int {
	p.Helper()
	out, err := p.aws.RDS.DescribeDBInstances(p.Context(), &rds.DescribeDBInstancesInput{})
	if err != nil {
		p.Fatal(err)
	}
	return len(out.DBInstances)
}

// TestAPromotionInWorkflows begins one in a job that does not wait and ends it
// in the next, as the README shows; has one fail in the middle of ship.yml, and
// runs that again; and goes back to the first database with rollback.yml.
func TestAPromotionInWorkflows(t *testing.T) {
	t.Parallel()
	p := startPromoted(t)
	detached := p.runs(example(t, "actions/promote-snapshot/README.md", "detach: true"), "v0", 10, acttest.Workflow{})
	if detached.ExitCode != 0 || !strings.Contains(detached.Summary, "goes on by itself") || !strings.Contains(detached.Summary, "is active") {
		t.Fatalf("two jobs: %v\n%s\n%s", detached.Annotations, detached.Summary, detached.Log)
	}
	first := p.active()

	p.env["VERIFY"] = "echo there are 41 orders; exit 1"
	failed := p.runs(shipWithDatabase, "v1", 11, acttest.Workflow{})
	if failed.ExitCode == 0 || failed.Steps["promote"] != "failure" || failed.Steps["deploy"] == "success" || failed.Steps["smoke"] == "success" ||
		failed.Steps["next"] == "success" || p.serves() != "v0" || p.active() != first || p.databases() != 2 {
		t.Errorf("a promotion that fails: steps %v, %s serves, %s is active of %d databases\n%s", failed.Steps, p.serves(), p.active(), p.databases(), failed.Log)
	}
	for _, want := range []string{"everything was taken back, `" + first + "` serves as before", "there are 41 orders", "promote failed: "} {
		if !strings.Contains(failed.Summary, want) {
			t.Errorf("the summary of a promotion that fails lacks %q:\n%s", want, failed.Summary)
		}
	}
	if record := failed.Outputs["record"]; record["status"] != "failed" || !strings.HasPrefix(record["reason"], "promote failed: ") {
		t.Errorf("recorded is %v", record)
	}
	if told := <-p.told; !strings.Contains(told, "to staging: failed") {
		t.Errorf("told is %s", told)
	}

	p.env["VERIFY"] = "exit 0"
	again := p.runs(shipWithDatabase, "v1", 11, acttest.Workflow{})
	if again.ExitCode != 0 || again.Steps["next"] != "success" || p.serves() != "v1" || p.active() == first || p.databases() != 3 {
		t.Errorf("run again: steps %v, %s serves, %s is active\n%s", again.Steps, p.serves(), p.active(), again.Log)
	}

	second := p.active()
	back := p.runs(example(t, "docs/reusable-workflows.md", "rollback.yml"), "v1", 11, acttest.Workflow{
		Event: "workflow_dispatch", Inputs: map[string]string{"environment": "staging", "database": "true"},
	})
	if back.ExitCode != 0 || back.Steps["rollback"] == "success" || p.active() != first || p.serves() != "v1" ||
		!strings.Contains(back.Summary, "`"+second+"` | available | **active**") {
		t.Errorf("back: %s is active\n%s\n%s", p.active(), back.Summary, back.Log)
	}
	if now := history.Current(p.history()); now == nil || string(now.Database) != first || now.Image != p.images["v1"] || now.Version != again.Outputs["record"]["version"] {
		t.Errorf("the history says %+v", now)
	}
}

// example is the first of a page with a word in it.
func example(t *testing.T, page, word string) string {
	t.Helper()
	for _, text := range examples(t, page) {
		if strings.Contains(text, word) {
			return text
		}
	}
	t.Fatalf("%s has no example with %s", page, word)
	return ""
}
