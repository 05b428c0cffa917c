package ephemeralenv

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/org/shipkit/pkg/ecsdeploy"
	"github.com/org/shipkit/pkg/environment"
	"github.com/org/shipkit/pkg/environment/store"
	"github.com/org/shipkit/pkg/namespace"
)

// trial is a test that is a task, as it is kept from before the task starts:
// whoever comes next finds it, goes on with it, or ends it.
type trial struct {
	Cluster string `json:"cluster"`
	// Asked identifies what was to run, Token is ECS's way to start it once.
	Asked string    `json:"asked"`
	Token string    `json:"token"`
	Begun time.Time `json:"begun"`
}

// remembered is how long ECS surely shows a task that has stopped.
const remembered = 45 * time.Minute

// trials keeps one trial for each environment.
type trials struct {
	notes     notes
	tasks     ecsdeploy.Stopper
	scheduler *scheduler.Client
}

// starter is what the tasks of an environment's tests are known by.
func starter(n namespace.Namespace) string { return "shipkit-" + n.String() }

// begin notes a trial. One of the same that a dead run has left goes on, another
// one is ended first.
func (t trials) begin(ctx context.Context, n namespace.Namespace, wanted trial) (trial, error) {
	known, err := t.known(ctx, n)
	if err != nil {
		return wanted, err
	}
	if known != nil && known.Cluster == wanted.Cluster && known.Asked == wanted.Asked && time.Since(known.Begun) < remembered {
		return *known, nil
	}
	if err := t.end(ctx, n); err != nil {
		return wanted, err
	}
	wanted.Token, wanted.Begun = rand.Text(), time.Now().UTC()
	text, err := json.Marshal(wanted)
	if err != nil {
		return wanted, fmt.Errorf("note the test of environment %s: %w", n, err)
	}
	return wanted, t.notes.Put(ctx, n, string(text))
}

func (t trials) known(ctx context.Context, n namespace.Namespace) (*trial, error) {
	text, err := t.notes.Get(ctx, n)
	if err != nil || text == "" {
		return nil, err
	}
	var known trial
	if err := json.Unmarshal([]byte(text), &known); err != nil {
		return nil, fmt.Errorf("test of environment %s: was it edited by hand? %w", n, err)
	}
	return &known, nil
}

// end stops what is left of a trial, and forgets it.
func (t trials) end(ctx context.Context, n namespace.Namespace) error {
	known, err := t.known(ctx, n)
	if err != nil || known == nil {
		return err
	}
	if err := ecsdeploy.StopTasks(ctx, t.tasks, known.Cluster, starter(n), "the environment changes or ends"); err != nil {
		return fmt.Errorf("end the test of environment %s: %w", n, err)
	}
	if err := store.Drop(ctx, t.scheduler, n.Schedule("test")); err != nil {
		return err //nolint:wrapcheck // it names the schedule
	}
	return t.notes.Delete(ctx, n)
}

// tested is a backend whose environments may be under test: a task that runs
// holds its network.
type tested struct {
	environment.Backend
	trials trials
}

// Destroy implements environment.Backend.
func (b tested) Destroy(ctx context.Context, n namespace.Namespace) error {
	if err := b.trials.end(ctx, n); err != nil {
		return err
	}
	return b.Backend.Destroy(ctx, n) //nolint:wrapcheck // it names the environment
}

// testedEnds ends also the test of an environment that ended by itself.
type testedEnds struct {
	environment.Ends
	trials trials
}

// Cancel implements environment.Ends.
func (e testedEnds) Cancel(ctx context.Context, n namespace.Namespace) error {
	if err := e.trials.end(ctx, n); err != nil {
		return err
	}
	return e.Ends.Cancel(ctx, n) //nolint:wrapcheck // it names the schedule
}
