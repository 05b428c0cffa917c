package ephemeralenv

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/org/shipkit/pkg/action"
	"github.com/org/shipkit/pkg/awsclient"
	"github.com/org/shipkit/pkg/saga"
)

// asAction has the test's binary be the action, for tests that kill it.
const asAction = "SHIPKIT_TEST_AS_ACTION"

// Local AWS is faster: these are 40 s of its time.
func init() {
	rest, taskPoll = 2*time.Second, 50*time.Millisecond
	if os.Getenv(asAction) != "" {
		os.Exit(action.Program{Specs: []action.Spec{swiftly}}.Main(context.Background(), action.OSHost(), []string{"ephemeral-env"}))
	}
}

// swift waits less, as local AWS is faster: the seconds that a cancelled run
// has are real ones, on machines that have much else to do.
type swift struct{ saga.WallClock }

// Sleep implements saga.Clock.
func (c swift) Sleep(ctx context.Context, d time.Duration) error {
	if err := c.WallClock.Sleep(ctx, d/20); err != nil {
		return fmt.Errorf("sleep: %w", err)
	}
	return nil
}

var swiftly = action.Define("ephemeral-env", metadata, func(ctx context.Context, rt *action.Runtime, in inputs) error {
	job, err := newJob(ctx, rt, in, connect)
	if err != nil {
		return awsclient.Explain(err)
	}
	job.hurry(swift{})
	return awsclient.Explain(job.perform(ctx))
})
