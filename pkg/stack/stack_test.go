package stack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/org/shipkit/pkg/diag"
	"github.com/org/shipkit/pkg/progress"
)

var ours = map[string]string{"shipkit:namespace": "xy-0146-dev"}

func request(template string) Request {
	return Request{Name: "xy", Template: template, Tags: ours, Owner: ours, Recreate: true}
}

// history returns the statuses that the stack went through, of the last stack.
func (c *cloud) history() string {
	var statuses []string
	s := c.stacks[len(c.stacks)-1]
	for _, e := range s.events {
		if aws.ToString(e.ResourceType) == stackType {
			statuses = append(statuses, string(e.ResourceStatus))
		}
	}
	return strings.Join(statuses, " ")
}

func ensure(t *testing.T, c *cloud, r Request) *Stack {
	t.Helper()
	s, err := (&Driver{Client: c}).Ensure(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEnsureCreatesUpdatesAndLeavesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		if s := ensure(t, c, request("DB")); !s.Ready() || !s.Bears(ours) {
			t.Errorf("created: %+v", s)
		}
		ensure(t, c, request("DB"))
		ensure(t, c, request("DB Replica"))
		ensure(t, c, request("DB")) // back again is a change of its own
		want := "REVIEW_IN_PROGRESS CREATE_IN_PROGRESS CREATE_COMPLETE UPDATE_IN_PROGRESS UPDATE_COMPLETE UPDATE_IN_PROGRESS UPDATE_COMPLETE"
		if got := c.history(); got != want {
			t.Errorf("history:\n%s\nwant:\n%s", got, want)
		}
	})
}

// A change set without changes is deleted and no error.
func TestNoChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		ensure(t, c, request("DB"))
		r := request("DB")
		r.Parameters = map[string]string{"Unused": "x"}
		started, err := (&Driver{Client: c}).Start(t.Context(), r)
		if err != nil || started.Changed {
			t.Errorf("got %+v, %v", started, err)
		}
		if sets := c.stacks[0].sets; len(sets) != 1 {
			t.Errorf("change sets left: %d", len(sets))
		}
	})
}

// Whatever call the process dies at, before or after it took effect, the next
// run ends with one stack that was created once.
func TestEveryCallMayBeTheLast(t *testing.T) {
	scenarios := map[string]func(ctx context.Context, d *Driver) error{
		"create": func(ctx context.Context, d *Driver) error {
			_, err := d.Ensure(ctx, request("DB"))
			return err
		},
		"delete": func(ctx context.Context, d *Driver) error {
			return d.Delete(ctx, Deletion{Name: "xy", Owner: ours, Unprotect: true})
		},
	}
	points := 0
	for name, run := range scenarios {
		for _, before := range []bool{true, false} {
			for n := 1; ; n++ {
				died := false
				synctest.Test(t, func(t *testing.T) {
					c := &cloud{}
					if name == "delete" {
						ensure(t, c, request("DB"))
						c.stacks[0].EnableTerminationProtection = new(true)
					}
					c.dieAt, c.before = c.calls+n, before
					d := &Driver{Client: c}
					died = errors.Is(run(t.Context(), d), errDied)
					c.dieAt = 0
					if err := run(t.Context(), d); err != nil {
						t.Errorf("%s, died at call %d (before %v): %v", name, n, before, err)
					}
					if got, want := c.history(), map[string]string{
						"create": "REVIEW_IN_PROGRESS CREATE_IN_PROGRESS CREATE_COMPLETE",
						"delete": "REVIEW_IN_PROGRESS CREATE_IN_PROGRESS CREATE_COMPLETE DELETE_IN_PROGRESS DELETE_COMPLETE",
					}[name]; got != want || len(c.stacks) != 1 {
						t.Errorf("%s, died at call %d (before %v): %d stacks, %s", name, n, before, len(c.stacks), got)
					}
				})
				if !died {
					break
				}
				points++
			}
		}
	}
	t.Logf("%d points", points)
	if points < 40 {
		t.Errorf("only %d points: the scenarios must not have run", points)
	}
}

func TestFailureNamesTheFirstCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{fails: map[string]string{"DB": `Resource handler returned message: "Cannot find version 99 for postgres ` +
			`(Service: Rds, Status Code: 400, Request ID: 1-2)" (RequestToken: 3-4, HandlerErrorCode: InvalidRequest)`}}
		_, err := (&Driver{Client: c}).Ensure(t.Context(), request("Group DB Replica"))
		var f *Failure
		if !errors.As(err, &f) || f.Resource != "DB" || f.Status != "ROLLBACK_COMPLETE" {
			t.Fatalf("got %#v", f)
		}
		want := "stack xy ended in ROLLBACK_COMPLETE: DB (RDS DBInstance) failed: Cannot find version 99 for postgres\n" +
			"Try: choose an engine version that the region offers"
		if err.Error() != want {
			t.Errorf("got:\n%v\nwant:\n%s", err, want)
		}
	})
}

func TestStillbornStack(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Request)
		want   string // of the error; "" for none
	}{
		{"ours", func(*Request) {}, ""},
		{"not allowed", func(r *Request) { r.Recreate = false },
			"stack xy ended in ROLLBACK_COMPLETE: DB (RDS DBInstance) failed: out of luck"},
		{"not ours", func(r *Request) { r.Owner = map[string]string{"shipkit:namespace": "ab-1-dev"} },
			"its tags are not ours"},
		{"no owner", func(r *Request) { r.Owner = nil }, "its tags are not ours"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &cloud{fails: map[string]string{"DB": "out of luck"}}
				d := &Driver{Client: c}
				if _, err := d.Ensure(t.Context(), request("DB")); err == nil {
					t.Fatal("no error")
				}
				r := request("DB")
				test.change(&r)
				_, err := d.Ensure(t.Context(), r)
				switch {
				case test.want == "" && (err != nil || len(c.stacks) != 2):
					t.Errorf("got %v, %d stacks", err, len(c.stacks))
				case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || len(c.stacks) != 1):
					t.Errorf("got %v, %d stacks", err, len(c.stacks))
				}
			})
		})
	}
}

// A failed update leaves a stack that the next update starts from.
func TestUpdateAfterARolledBackUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		ensure(t, c, request("DB"))
		c.fails = map[string]string{"Replica": "out of luck"}
		d := &Driver{Client: c}
		if _, err := d.Ensure(t.Context(), request("DB Replica")); err == nil {
			t.Fatal("no error")
		}
		if s := ensure(t, c, request("DB Replica")); s.Status != "UPDATE_COMPLETE" {
			t.Errorf("status: %s", s.Status)
		}
	})
}

func TestSomebodyElseIsChangingTheStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		ensure(t, c, request("DB"))
		d := &Driver{Client: c}
		if _, err := d.Start(t.Context(), request("DB Theirs")); err != nil {
			t.Fatal(err)
		}
		_, err := d.Start(t.Context(), request("DB Ours"))
		if err == nil || !strings.Contains(err.Error(), "somebody else is changing it") {
			t.Errorf("got %v", err)
		}
		time.Sleep(2 * time.Minute)
	})
}

// Answers that are out of date do not pass for the end.
func TestStaleAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{stale: 20 * time.Second}
		ensure(t, c, request("DB"))
		if s := ensure(t, c, request("DB Replica")); s.Status != "UPDATE_COMPLETE" {
			t.Errorf("status: %s", s.Status)
		}
		if err := (&Driver{Client: c}).Delete(t.Context(), Deletion{Name: "xy", Owner: ours}); err != nil {
			t.Error(err)
		}
	})
}

func TestDeleteClearsTheWayAndNeverForces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		ensure(t, c, request("DB"))
		protected := `Resource handler returned message: "Cannot delete protected DB Instance, please disable deletion protection and try again. ` +
			`(Service: Rds, Status Code: 400, Request ID: 1)" (RequestToken: 2, HandlerErrorCode: InvalidRequest)`
		c.fails = map[string]string{"DB": protected}
		var cleared []string
		d := &Driver{Client: c}
		err := d.Delete(t.Context(), Deletion{Name: "xy", Owner: ours,
			Unblock: func(_ context.Context, failures []Failure) error {
				for _, f := range failures {
					cleared = append(cleared, f.Resource+": "+f.Reason)
				}
				return nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		want := "DB: Cannot delete protected DB Instance, please disable deletion protection and try again"
		if strings.Join(cleared, "\n") != want {
			t.Errorf("cleared: %q", cleared)
		}
		if err := d.Delete(t.Context(), Deletion{Name: "xy", Owner: ours}); err != nil {
			t.Errorf("deletion of what is gone: %v", err)
		}
	})
}

func TestDeleteGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		ensure(t, c, request("DB"))
		tries := 0
		block := func(context.Context, []Failure) error {
			tries++
			c.fails = map[string]string{"DB": "in use"}
			return nil
		}
		_ = block(t.Context(), nil)
		err := (&Driver{Client: c}).Delete(t.Context(), Deletion{Name: "xy", Owner: ours, Unblock: block})
		if tries != 3 || err == nil || !strings.Contains(err.Error(),
			"stack xy ended in DELETE_FAILED: DB (RDS DBInstance) failed: in use") {
			t.Errorf("after %d: %v", tries, err)
		}
		var d *diag.Diagnostic
		if !errors.As(err, &d) || d.Try == "" {
			t.Errorf("no remedy: %v", err)
		}
	})
}

func TestDeleteRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		ensure(t, c, request("DB"))
		d := &Driver{Client: c}
		if err := d.Delete(t.Context(), Deletion{Name: "xy", Owner: map[string]string{"a": "b"}}); err == nil ||
			!strings.Contains(err.Error(), "not ours") {
			t.Errorf("foreign stack: %v", err)
		}
		c.stacks[0].EnableTerminationProtection = new(true)
		err := d.Delete(t.Context(), Deletion{Name: "xy", Owner: ours})
		if err == nil || !strings.Contains(err.Error(), "Try: take termination protection off") {
			t.Errorf("protected stack: %v", err)
		}
	})
}

func TestProgressIsReadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{fails: map[string]string{"DB": "out of luck"}}
		var lines []string
		d := &Driver{Client: c, Progress: func(e progress.Event) {
			if e.Milestone {
				lines = append(lines, fmt.Sprintf("%s: %s", e.Task, e.Text))
			}
		}}
		_, _ = d.Ensure(t.Context(), request("Group DB"))
		want := "stack xy: changes its tags or outputs\nstack xy: Group (RDS DBInstance): create complete\n" +
			"stack xy: DB (RDS DBInstance): create failed: out of luck\nstack xy: xy: rollback complete"
		if got := strings.Join(lines, "\n"); got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	})
}

func TestCancelledWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := (&Driver{Client: c}).Ensure(ctx, request("DB")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(2 * time.Minute)
	})
}

func TestPlain(t *testing.T) {
	for reason, want := range map[string]string{
		"":                            "",
		"Resource creation cancelled": "Resource creation cancelled",
		`Resource handler returned message: "Invalid request provided: bad (Service: Ecs, Status Code: 400, Request ID: x, Extended Request ID: null)" (RequestToken: y, HandlerErrorCode: InvalidRequest)`: "Invalid request provided: bad",
		"User: arn is not authorized to perform: rds:CreateDBInstance (Service: AmazonRDS; Status Code: 403; Error Code: AccessDenied; Request ID: x; Proxy: null)":                                         "User: arn is not authorized to perform: rds:CreateDBInstance",
	} {
		if got := plain(reason); got != want {
			t.Errorf("plain(%q) = %q, want %q", reason, got, want)
		}
	}
}
