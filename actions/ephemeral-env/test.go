package ephemeralenv

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/shell"
)

// runTest runs the user's command against the environment.
func (j *job) runTest(ctx context.Context, record environment.Record) error {
	began := time.Now()
	env := append(os.Environ(), "SHIPKIT_URL="+record.URL, "SHIPKIT_ENVIRONMENT="+j.subject.env.String())
	out, err := shell.Run(ctx, "", env, "sh", "-c", j.in.TestCommand)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	last := strings.Join(lines[max(0, len(lines)-30):], "\n")
	j.rt.Infof("%s", last)
	took := time.Since(began)
	report, unread := readTests(j.in.TestReport)
	j.tolerate(unread) // the command's exit code is the verdict
	j.rt.Summary(testView(j.in.TestCommand, last, report, took, err))
	if ctx.Err() == nil {
		j.tell(ctx, testedNotice(record, report, took, err, time.Now()))
	}
	if err != nil {
		return fmt.Errorf("test-command: %w", err)
	}
	return nil
}
