package ecsdeploy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/org/shipkit/pkg/ecsdeploy/taskdef"
	"github.com/org/shipkit/pkg/progress"
)

// rollbackTime is how long a rollback may take before we stop looking.
const rollbackTime = 15 * time.Minute

// lookTime is how long one look may take, retries included.
const lookTime = 20 * time.Second

// eventsEvery is how many looks pass between two looks at the whole service,
// for its events and for failures that the circuit breaker does not count.
const eventsEvery = 6

// follower follows the deployment of one service to its verdict.
type follower struct {
	c          *Clients
	s          *ServicePlan
	target     *taskdef.Document
	images     map[string]Image
	definition string // ARN of what is deployed
	wait       Wait
	progress   progress.Func

	codeDeploy   CodeDeployOptions
	codeDeployID string // of CodeDeploy's deployment

	watcher      watcher
	deploymentID string    // of types.Deployment, in the tasks' StartedBy
	since        time.Time // the deployment's creation, on ECS's clock
	answered     string    // a hook that has been answered already

	began    time.Time
	deadline time.Time
	last     Snapshot
	looks    int
	failed   int // failures seen so far
	causes   []Cause
	targets  []TargetHealth
	trouble  []trouble
	seen     map[string]bool
	gaveUp   *Verdict // set when we asked for the rollback
	bake     time.Duration
	baking   time.Time // when the bake time was first seen
	younger  bool      // another deployment of the service began after ours
}

func newFollower(c *Clients, s *ServicePlan, wait Wait, send progress.Func) *follower {
	now := time.Now()
	return &follower{
		c: c, s: s, wait: wait, progress: send, began: now, deadline: now.Add(wait.Timeout), seen: map[string]bool{},
		last: Snapshot{New: Side{Traffic: -1}, Old: Side{Traffic: -1}},
	}
}

func (f *follower) task() string { return "rollout " + f.s.Name }

// follow looks until there is a verdict. It always returns one.
func (f *follower) follow(ctx context.Context) Verdict {
	if err := f.find(ctx); err != nil {
		return f.lost(ctx, err)
	}
	trouble := 0
	for {
		snapshot, err := f.look(ctx)
		switch {
		case ctx.Err() != nil:
			return f.cancelled(ctx)
		case denied(err) && f.watcher.arn() != "" && f.deploymentID != "":
			f.withoutDeployments("ecs:DescribeServiceDeployments", err)
		case err != nil && permanent(err):
			return f.lost(ctx, err)
		case err != nil:
			if verdict, done := f.deletedAt(ctx, err); done {
				return verdict
			}
			if trouble++; trouble%3 == 0 {
				f.progress.Warn(f.task(), fmt.Sprintf("cannot reach ECS (%d times): %v; the rollout goes on, still trying", trouble, err))
			}
		default:
			trouble = 0
			if verdict, done := f.step(ctx, snapshot); done {
				return verdict
			}
		}
		if verdict, done := f.overdue(ctx); done {
			return verdict
		}
		f.pause(ctx)
	}
}

// deletedAt is the verdict if the deployment cannot be found because its
// service is gone.
func (f *follower) deletedAt(ctx context.Context, err error) (Verdict, bool) {
	if !errors.Is(err, errGone) {
		return Verdict{}, false
	}
	return f.deleted(ctx)
}

// look looks once, and not for ever: on a bad link another try is better than
// a long one.
func (f *follower) look(ctx context.Context) (Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return f.watcher.look(ctx)
}

// step takes one snapshot in and returns the verdict if there is one.
func (f *follower) step(ctx context.Context, s Snapshot) (Verdict, bool) {
	if s.Hook.ID != "" && s.Hook.ID == f.answered {
		s.Hook = Hook{} // ECS has not noticed the answer yet
	}
	if goingBack(s.Status) && !goingBack(f.last.Status) {
		f.deadline = time.Now().Add(rollbackTime)
	}
	f.report(s)
	drop := s.New.Running < f.last.New.Running || s.Failures > f.last.Failures || s.New.Pending < f.last.New.Pending && s.New.Running <= f.last.New.Running
	f.last = s
	if s.Status == types.ServiceDeploymentStatusStopped {
		return f.stopped(ctx), true
	}
	if f.gaveUp != nil && judge(s, UntilCompleted) == Paused {
		return Verdict{}, false
	}
	if outcome := judge(s, f.wait.Until); outcome != "" {
		return f.end(ctx, outcome), true
	}
	if f.looks++; drop || f.looks%eventsEvery == 0 {
		f.inspect(ctx, drop)
	}
	if f.younger {
		if verdict, ok := f.superseded(ctx); ok {
			return verdict, true
		}
	}
	if repeated, ok := f.repeated(); ok && f.gaveUp == nil && !goingBack(s.Status) {
		return f.giveUp(ctx, Failed, repeated.alike())
	}
	return Verdict{}, false
}

// overdue ends the wait at the deadline.
func (f *follower) overdue(ctx context.Context) (Verdict, bool) {
	if time.Now().Before(f.deadline) {
		return Verdict{}, false
	}
	if f.gaveUp != nil || goingBack(f.last.Status) {
		v := f.verdict(Failed)
		v.Reason, v.RollbackRequested = "the rollback did not end within "+inMinutes(rollbackTime), true
		v.Dossier = f.dossier(ctx)
		return v, true
	}
	reason := fmt.Sprintf("%d of %d new tasks run after %s", f.last.New.Running, f.last.New.Requested, inMinutes(f.wait.Timeout))
	return f.giveUp(ctx, TimedOut, reason)
}

// end is the verdict of a deployment that ECS has ended.
func (f *follower) end(ctx context.Context, outcome Outcome) Verdict {
	v := f.verdict(outcome)
	switch outcome {
	case Succeeded:
		v.Images = f.running(ctx)
		f.compare(v.Images)
		if v.Empty = f.s.Desired == 0; !v.Empty {
			v.Serving = f.definition
		}
		f.progress.Milestone(f.task(), v.Headline())
		return v
	case Paused:
		v.Hook, v.Images = f.last.Hook, f.running(ctx)
		f.progress.Milestone(f.task(), "paused at "+Stage(v.Hook.Stage))
		return v
	}
	v.By = f.whoRolledBack()
	if f.gaveUp != nil {
		v.Outcome, v.By, v.Reason, v.Dossier = f.gaveUp.Outcome, f.gaveUp.By, f.gaveUp.Reason, f.gaveUp.Dossier
	}
	if v.Dossier.Empty() {
		v.Dossier = f.dossier(ctx)
	}
	v.Reason = firstNonEmpty(v.Reason, v.Dossier.why(), f.last.RollbackReason)
	if outcome == Failed {
		return f.afterFailedRollback(ctx, v)
	}
	v.Reason = firstNonEmpty(v.Reason, f.last.Reason)
	v.Serving = f.verify(ctx)
	v.RolledBack = v.Serving == f.s.Before
	return v
}

// afterFailedRollback puts the old revision back where ECS could not: it goes
// back to completed deployments only.
func (f *follower) afterFailedRollback(ctx context.Context, v Verdict) Verdict {
	if v.Reason != "" {
		v.Reason += "; "
	}
	v.Reason += "ECS could not roll back: " + firstNonEmpty(f.last.Reason, "it does not say why")
	if !f.wait.Rollback {
		return v
	}
	v.By = "this step"
	return f.redeploy(ctx, v)
}

func (f *follower) verdict(outcome Outcome) Verdict {
	v := Verdict{
		Service: f.s.Name, Cluster: shortARN(f.s.Cluster), Outcome: outcome,
		TaskDefinition: f.definition, Before: f.s.Before, Took: time.Since(f.began),
	}
	if f.watcher != nil {
		v.Deployment = f.watcher.arn()
	}
	return v
}

// pause waits one interval, with some jitter so that many runs do not poll in
// step.
func (f *follower) pause(ctx context.Context) {
	interval := f.wait.poll()
	interval += time.Duration((rand.Float64() - 0.5) * 0.2 * float64(interval)) //nolint:gosec // jitter, not a secret
	wait(ctx, interval)
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// inMinutes is 30m of half an hour.
func inMinutes(d time.Duration) string { return strings.TrimSuffix(d.String(), "0s") }
