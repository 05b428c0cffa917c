package ephemeralenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/namespace"
)

// runTest runs the user's command against the environment.
func (j *job) runTest(ctx context.Context, url string) error {
	began := time.Now()
	command := exec.CommandContext(ctx, "sh", "-c", j.in.TestCommand) //nolint:gosec // the user's own command
	command.Env = append(os.Environ(), "SHIPKIT_URL="+url, "SHIPKIT_ENVIRONMENT="+j.subject.env.String())
	out, err := command.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	last := strings.Join(lines[max(0, len(lines)-30):], "\n")
	j.rt.Infof("%s", last)
	j.rt.Summary(testView(j.in.TestCommand, last, time.Since(began), err))
	if err != nil {
		return fmt.Errorf("test-command: %w", err)
	}
	return nil
}

// keepHours switches environments off that run outside of their hours, as on a
// holiday, which no schedule knows.
func (j *job) keepHours(ctx context.Context, records []environment.Record, doomed []environment.Doomed) error {
	if j.subject.clock == nil || j.subject.clock.On(time.Now()) {
		return nil
	}
	gone := map[string]bool{}
	for _, d := range doomed {
		gone[d.Record.Namespace] = true
	}
	for _, record := range records {
		n, err := namespace.Parse(record.Namespace)
		if err != nil || gone[record.Namespace] || record.State != environment.Ready || record.Repository != j.manager.Repository {
			continue
		}
		if _, err := j.manager.Pause(ctx, n); err != nil {
			return err
		}
	}
	return nil
}
