package ephemeralenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/shell"
)

// check is one test of a run, and how it ended.
type check struct {
	// What is "command" or "task"; Shown is which, and not for notices.
	What, Shown string
	// Output are its last lines.
	Output string
	Report *tests
	Took   time.Duration
	Err    error
}

// test is the one-click test environment: up, the tests, down whatever happens.
func (j *job) test(ctx context.Context) error {
	if err := j.checkTask(ctx); err != nil {
		return err
	}
	if err := j.up(ctx); err != nil || j.in.dry() {
		return err
	}
	record, err := j.manager.Records.Get(ctx, j.subject.env)
	if err != nil || record == nil {
		return err
	}
	testErr := j.runTests(ctx, *record)
	j.rt.SetOutput("failed", strconv.FormatBool(testErr != nil))
	// A cancelled run must not leave it: the schedule would, but hours later.
	downErr := j.down(context.WithoutCancel(ctx))
	return errors.Join(testErr, downErr)
}

// runTests runs the command and the task, and the one also if the other fails.
func (j *job) runTests(ctx context.Context, record environment.Record) error {
	var checks []check
	var failures []error
	for _, run := range []struct {
		wanted string
		do     func(context.Context, environment.Record) check
	}{{j.in.TestCommand, j.runCommand}, {j.in.TestTask, j.runTask}} {
		if run.wanted == "" {
			continue
		}
		if ctx.Err() != nil {
			failures = append(failures, context.Cause(ctx))
			break
		}
		c := run.do(ctx, record)
		j.rt.Summary(testView(c))
		checks, failures = append(checks, c), append(failures, c.Err)
	}
	err := errors.Join(failures...)
	if ctx.Err() == nil {
		j.tell(ctx, testedNotice(record, checks, err, time.Now()))
	}
	return err
}

// runCommand runs the user's command against the environment.
func (j *job) runCommand(ctx context.Context, record environment.Record) check {
	began := time.Now()
	env := append(os.Environ(), "SHIPKIT_URL="+record.URL, "SHIPKIT_ENVIRONMENT="+j.subject.env.String())
	out, err := shell.Run(ctx, "", env, "sh", "-c", j.in.TestCommand)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	last := strings.Join(lines[max(0, len(lines)-30):], "\n")
	j.rt.Infof("%s", last)
	report, unread := readTests(j.in.TestReport)
	j.tolerate(unread) // the command's exit code is the verdict
	if err != nil {
		err = fmt.Errorf("test-command: %w", err)
	}
	return check{What: "command", Shown: j.in.TestCommand, Output: last, Report: report, Took: time.Since(began), Err: err}
}
